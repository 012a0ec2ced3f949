"""Pre-training for a real sweep of which one tenth is labelled: the other study behind ``results.md``.

    python docs/real_study.py --nuscenes FRAME.pkl --kitti TRAINING --sweep 000000.bin --out study \
        --made contrastive=runs/contrastive/last prototypes=runs/prototypes/last

Real frames (one of nuScenes, two of KITTI) have images and no semantic segments, so that contrast alone is possible: on
SLIC's. Weights that were pre-trained on made-up streets are compared beside it. A sector of 36 degrees of a labelled
sweep of SemanticKITTI is trained on, the rest of the same sweep is measured: no other street.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from mmdet3d_frame import frame_of
from numpy.typing import NDArray

from csc_pretrain3d.data.classes import SEMANTICKITTI
from csc_pretrain3d.data.datasets import KITTIObject
from csc_pretrain3d.data.formats import read_labels, read_scan
from csc_pretrain3d.data.frame import Camera, Frame, Scan
from csc_pretrain3d.data.segmenters import slic
from csc_pretrain3d.training.config import TrainConfig
from csc_pretrain3d.training.stages import finetune, pretrain
from visioncore.recipes import load_recipe

FULL = 255.0
"""Intensities of KITTI reach 1, those of nuScenes and of made-up streets 255."""
SECTOR = 36


class Listed(list[Frame]):
    """Frames in memory, each a scene of its own."""

    @property
    def scenes(self) -> list[str]:
        """A name for each."""
        return [frame.scan.name for frame in self]


def segmented(frame: Frame, scale: float, kept: NDArray[np.bool_]) -> Frame:
    """Return a frame with some of its points, SLIC's segments and intensities up to 255."""
    cameras = []
    for camera in frame.cameras:
        step = max(1, camera.size[1] // 400)
        small = np.ascontiguousarray(camera.image[::step, ::step])
        focal = np.diag([1 / step, 1 / step, 1]) @ camera.intrinsic
        cameras.append(Camera(camera.name, small, focal, camera.lidar_to_camera, segments=slic(small)))
    scan = frame.scan
    return Frame(Scan(scan.points[kept], scan.intensity[kept] * np.float32(scale), name=scan.name), cameras)


def real_frames(nuscenes: Path, kitti: Path) -> Listed:
    """Return the frames that have images."""
    frames, first = KITTIObject(kitti), frame_of(nuscenes)
    found = Listed([segmented(first, 1.0, np.ones(len(first.scan), np.bool_))])
    for place in range(len(frames)):
        frame = frames[place]
        x, y, _ = frame.scan.points.T
        found.append(segmented(frame, FULL, np.abs(np.arctan2(y, x)) < np.radians(50)))
    return found


def sectors(path: Path, start: float) -> tuple[Listed, Listed]:
    """Return a sector of a labelled sweep that begins at an angle in degrees, and the rest of the sweep."""
    scan = read_scan(path)
    labels = SEMANTICKITTI.classes_of(read_labels(path.with_suffix(".label"), len(scan)).ids, path)
    angle = np.degrees(np.arctan2(scan.points[:, 1], scan.points[:, 0]))
    inside = (angle - start) % 360 < SECTOR

    def part(kept: NDArray[np.bool_], name: str) -> Listed:
        return Listed([Frame(Scan(scan.points[kept], scan.intensity[kept] * FULL, labels[kept], name=name))])

    return part(inside, "sector"), part(~inside, "rest")


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("nuscenes", "kitti", "sweep", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--made", nargs="*", default=[])
    parser.add_argument("--sectors", type=int, default=4)
    parser.add_argument("--steps", type=int, default=60)
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.out.mkdir(parents=True, exist_ok=True)
    starts: dict[str, str | Path | None] = {"random": None}
    starts |= {f"made-up streets, {name}": folder for name, folder in (each.split("=") for each in given.made)}
    fields = {"loop.steps": str(given.steps), "epoch_steps": str(given.steps // 4), "augmentation.size": "[56, 112]"}
    config = load_recipe(TrainConfig, "csc_pretrain3d", "demo-pretrain", fields)
    pretrain(replace(config, prototypes=None), real_frames(given.nuscenes, given.kitti), given.out / "real")
    starts["three real frames, contrastive"] = given.out / "real" / "last"
    for number in range(given.sectors):
        seen, rest = sectors(given.sweep, number * 360 / given.sectors - 180)
        for name, weights in starts.items():
            recipe = load_recipe(TrainConfig, "csc_pretrain3d", "demo", {"loop.seed": str(number)})
            folder = given.out / f"{number}-{name.replace(' ', '-')}"
            result = finetune(recipe, seen, rest, folder, {"weights": weights}, classes=SEMANTICKITTI)
            line = json.dumps({"start": name, "sector": number, **result.metrics})
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
