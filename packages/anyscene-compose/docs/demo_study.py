"""Measure the demo's networks on the drawings that none of them has seen.

    python docs/demo_study.py --emoji emoji_styles/ --judge src/anyscene_compose/assets/judge --out study.json

Each held-out drawing is placed in a scene that is drawn by chance. With ``--canny`` edge control of equal size is
measured too, with ``--inpainting`` a model that was trained to inpaint; the first is trained by `anyscene-compose train
--set.model.form canny`, the second by `train_demo_base.py --inpainting`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from emoji_scenes import THINGS, read_cutouts
from PIL import Image

from anyscene_compose import AnyScene
from anyscene_compose.demo import SAMPLING
from anyscene_compose.evaluation.baselines import EdgePasting, Inpainting, Maker, Pasting
from anyscene_compose.evaluation.composing import Composing
from anyscene_compose.evaluation.drawn_scenes import draw_cases, make, measured
from anyscene_compose.evaluation.scene_judge import SceneJudge
from anyscene_compose.inference.bases import open_base


def makers_of(args: argparse.Namespace) -> list[Maker]:
    """Return the method, without its parts too, and the baselines."""
    base, scene = open_base(args.base), AnyScene.from_base(args.base, args.weights, device="cpu")
    makers: list[Maker] = [
        Composing(scene),
        Composing(scene, "no blending of light", harmony=0.0),
        Composing(scene, "no layout", layout=False),
        Composing(scene, "no anchoring", tau=0.0),
        Composing(AnyScene.from_base(args.base, device="cpu"), "no injector"),
        Pasting(base),
        Inpainting(base),
    ]
    if args.inpainting:
        trained = Inpainting(base, args.inpainting)
        trained.name = "inpainting, trained"  # type: ignore[misc]
        makers.append(trained)
    if args.canny:
        makers.append(EdgePasting(base, args.canny))
    return makers


def main() -> None:
    """Print the means of every maker, and write them with their spread over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--emoji", type=Path, required=True)
    parser.add_argument("--base", default="demo")
    parser.add_argument("--weights", default="demo")
    parser.add_argument("--judge", type=Path, required=True)
    parser.add_argument("--canny", default="")
    parser.add_argument("--inpainting", default="")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--things", type=int, default=len(THINGS))
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    cutouts, judge = read_cutouts(args.emoji), SceneJudge.from_pretrained(args.judge).float()
    found: dict[str, dict[str, list[float]]] = {}
    with TemporaryDirectory() as folder:
        files = []
        for thing, name in enumerate(THINGS[: args.things]):
            files.append(Path(folder) / f"{name}.png")
            pixels = cutouts.pixels[thing, int(cutouts.held_out[thing])]
            Image.fromarray(np.rint(pixels * 255).astype(np.uint8)).save(files[-1])
        for seed in args.seeds:
            cases = draw_cases(files, seed=1000 + seed)
            for maker in makers_of(args):
                for name, value in measured(make(maker, cases, SAMPLING), cases, judge).items():
                    found.setdefault(maker.name, {}).setdefault(name, []).append(value)
                sys.stdout.write(
                    f"{seed} {maker.name}: {json.dumps({k: v[-1] for k, v in found[maker.name].items()})}\n"
                )
                sys.stdout.flush()
    for name, means in found.items():
        told = ", ".join(f"{key} {np.mean(values):.2f} (spread {np.ptp(values):.2f})" for key, values in means.items())
        sys.stdout.write(f"{name}: {told}\n")
    args.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
