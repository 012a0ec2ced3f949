"""The README's examples run as they stand."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from csc_pretrain3d import MinkUNet, MinkUNetConfig, VoxelNet
from csc_pretrain3d.data.classes import NUSCENES
from csc_pretrain3d.data.datasets.folder_writing import write_folder
from csc_pretrain3d.data.synthetic import SMALL, synthetic_frame
from csc_pretrain3d.network.published import to_published
from visioncore.testing.readme import ReadmeExamples


class TestReadme(ReadmeExamples):
    readme = Path(__file__).parents[1] / "README.md"
    shorter = (("csc-pretrain3d train", "--set.loop.steps 2"), ("csc-pretrain3d bench", "--rounds 1"))
    elsewhere = ("csc-pretrain3d demo",)  # test_commands.py

    def prepare(self, folder: Path) -> None:
        """Lay out a scan, a labelled drive, a checkpoint in the authors' form and a VoxelNet."""
        frame = synthetic_frame(3, sensors=SMALL)
        np.column_stack([frame.scan.points, frame.scan.intensity]).tofile(folder / "scan.bin")
        write_folder(folder / "drive", [replace(frame, cameras=frame.cameras[:1], scene="")], NUSCENES)
        shutil.rmtree(folder / "drive" / "segments")
        torch.manual_seed(0)
        small = MinkUNet(MinkUNetConfig(stem=8, widths=(8,) * 8))
        torch.save({"model_points": to_published(small)}, folder / "model.pt")
        VoxelNet().save_pretrained(folder / "voxelnet")
