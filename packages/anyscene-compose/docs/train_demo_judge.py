"""Train the demo's judge, which says what each pixel of a scene shows.

    python docs/train_demo_judge.py --emoji emoji_styles/ --out runs/judge

It learns from scenes of the drawings that the demo's networks learn from, and is tried on those held out.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from emoji_scenes import THINGS, Cutouts, read_cutouts, scenes
from numpy.typing import NDArray
from torch.nn import functional

from anyscene_compose.evaluation.scene_judge import SceneJudge, SceneJudgeConfig, grown, second_copy


def labelled(cutouts: Cutouts, count: int, seed: int, *, held_out: bool = False) -> tuple[NDArray[np.uint8], ...]:
    """Return scenes (n, 64, 64, 3), and what each pixel shows (n, 64, 64), 0 for none of the things."""
    drawn = list(scenes(cutouts, count, seed, held_out=held_out))
    numbers = [np.array([0, *(THINGS.index(name) + 1 for name in scene.names)])[scene.owners()] for scene in drawn]
    return np.stack([scene.image for scene in drawn]), np.stack(numbers).astype(np.uint8)


def main() -> None:
    """Train, print how it does on held-out drawings, and write it in half floats."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--emoji", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scenes", type=int, default=6000)
    parser.add_argument("--steps", type=int, default=1500)
    args = parser.parse_args()
    torch.manual_seed(0)
    cutouts = read_cutouts(args.emoji)
    images, classes = (torch.from_numpy(part) for part in labelled(cutouts, args.scenes, seed=2))
    judge = SceneJudge(SceneJudgeConfig(THINGS))
    optimiser = torch.optim.AdamW(judge.parameters(), 3e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=args.steps, pct_start=0.2)
    generator = torch.Generator().manual_seed(0)
    for step in range(1, args.steps + 1):
        chosen = torch.randint(len(images), (24,), generator=generator)
        given = images[chosen].movedim(-1, 1).float() / 255
        # what a network paints is softer than what is drawn, and noisier
        given = torch.where(
            torch.rand(len(given), 1, 1, 1, generator=generator) < 0.5,
            functional.avg_pool2d(given, 3, stride=1, padding=1, count_include_pad=False),
            given,
        ) + 0.03 * torch.randn(given.shape, generator=generator)
        logits = judge.train()(given)
        loss = functional.cross_entropy(logits, classes[chosen].long())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 0:
            sys.stdout.write(f"step {step}: {loss.item():.4f}\n")
            sys.stdout.flush()
    judge.eval()
    report(judge, cutouts)
    judge.half().save_pretrained(args.out)


def report(judge: SceneJudge, cutouts: Cutouts) -> None:
    """Print how the judge does where the answer is known: one thing does not grow, and of two one is the second."""
    rows: dict[str, list[float]] = {"found": [], "grown": [], "second thing, alone": [], "second thing, twice": []}
    for scene in scenes(cutouts, 400, seed=3, held_out=True, empty=False):
        if len(scene.names) > 1:
            continue
        mask = scene.owners() == 1
        shown = judge.shown(scene.image[None])[0]
        rows["found"].append(float((shown & mask).sum() / mask.sum()))
        rows["grown"].append(float(grown(shown, mask).sum() / mask.sum()))
        rows["second thing, alone"].append(second_copy(shown, mask))
        columns = np.flatnonzero(mask.any(axis=0))
        if columns[-1] < 31 or columns[0] > 32:
            twice = np.where(mask[:, ::-1, None], scene.image[:, ::-1], scene.image)
            rows["second thing, twice"].append(second_copy(judge.shown(twice[None])[0], mask))
    for name, values in rows.items():
        sys.stdout.write(f"{name}: {np.mean(values):.3f} of {len(values)}\n")


if __name__ == "__main__":
    main()
