"""Does the prototype term help, and more with more scenes? The study behind ``results.md``, on made-up streets.

    python docs/scenes_study.py --out study --seeds 0 1 2 3 4

For each seed: pre-training on 4, 16 and 64 streets, by contrast alone and with prototypes, for the same number of
steps; then fine-tuning on two labelled streets, which none of them has seen, also from a random start; then the mean
IoU over the points of streets that nothing has seen. Prints one line of JSON for each result and appends it to
``results.jsonl``; what is there already is not measured again.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from csc_pretrain3d.data.made_frames import MadeFrames
from csc_pretrain3d.training.config import TrainConfig
from csc_pretrain3d.training.trainer import finetune, pretrain
from visioncore.recipes import load_recipe

SCENES = (4, 16, 64)
PRETRAINED, LABELLED, UNSEEN = 0, 10_000, 50_000
"""First seeds of the streets, 1000 apart for the seeds of the study."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--scenes", type=int, nargs="+", default=SCENES)
    parser.add_argument("--steps", type=int, default=128)
    parser.add_argument("--tuning", type=int, default=160, help="steps of fine-tuning")
    parser.add_argument("--labelled", type=int, default=2)
    parser.add_argument("--unseen", type=int, default=12)
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.out.mkdir(parents=True, exist_ok=True)
    unseen = MadeFrames(range(UNSEEN, UNSEEN + given.unseen), cameras=False)
    for seed in given.seeds:
        streets = MadeFrames(range(PRETRAINED + 1000 * seed, PRETRAINED + 1000 * seed + max(given.scenes)))
        labelled = MadeFrames(range(LABELLED + 100 * seed, LABELLED + 100 * seed + given.labelled), cameras=False)
        measure(given, seed, "random", 0, None, labelled, unseen)
        for scenes in given.scenes:
            frames = MadeFrames(streets.seeds[:scenes])
            frames._made = streets._made
            for arm in ("contrastive", "prototypes"):
                config = pretraining(seed, given.steps, prototypes=arm == "prototypes")
                folder = given.out / f"{arm}-{scenes}-{seed}"
                if not known(given.out, arm, scenes, seed):
                    pretrain(config, frames, folder)
                    measure(given, seed, arm, scenes, folder / "last", labelled, unseen)


def pretraining(seed: int, steps: int, *, prototypes: bool) -> TrainConfig:
    """Return the demo's recipe; an epoch is a quarter of the steps, whatever the number of scenes."""
    fields = {"loop.steps": str(steps), "loop.checkpoint_every": str(steps), "epoch_steps": str(max(1, steps // 4))}
    config = load_recipe(TrainConfig, "csc_pretrain3d", "demo-pretrain", {**fields, "loop.seed": str(seed)})
    return config if prototypes else replace(config, prototypes=None)


def known(out: Path, arm: str, scenes: int, seed: int) -> bool:
    """Return whether a result is there."""
    path = out / "results.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return any((e["arm"], e["scenes"], e["seed"]) == (arm, scenes, seed) for e in map(json.loads, lines))


def measure(given, seed, arm, scenes, weights, labelled, unseen) -> None:  # type: ignore[no-untyped-def]
    """Fine-tune, and write the result."""
    if known(given.out, arm, scenes, seed):
        return
    config = load_recipe(
        TrainConfig, "csc_pretrain3d", "demo", {"loop.seed": str(seed), "loop.steps": str(given.tuning)}
    )
    folder = given.out / f"tuned-{arm}-{scenes}-{seed}"
    result = finetune(config, labelled, unseen, folder, {"weights": weights})
    about = {"arm": arm, "scenes": scenes, "seed": seed}
    line = json.dumps(about | result.metrics | {"cpu_s": round(time.process_time())})
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
    with (given.out / "results.jsonl").open("a") as file:
        file.write(line + "\n")


if __name__ == "__main__":
    main()
