"""Does the second decoder help? The same encoder under several decoders, trained alike, with few labels and with many.

    python docs/study_decoders.py --out study --seeds 0 1 2 --shares 1 0.1 0.03 --steps 8000
    python docs/study_decoders.py --out study --sizes even --seeds 0 1 2 --shares 0.03 --steps 2000
    python docs/study_decoders.py --out study --recipe small --data prepared/ --test scans/ --steps 8000

By the recipe ``demo``, on synthetic volumes, or any other on a folder that ``prepare`` wrote: for each share of the
slices and each seed, which decides labelled slices, volumes and starting weights alike for all decoders. Then the
Dice of each organ (protocol ``sound``) over volumes that nothing has seen: of ``--test`` as ``evaluate`` takes it, or
20 synthetic ones. The decoder ``atlas`` is no network but what the place and the brightness of the same labelled
synthetic slices tell. ``--sizes`` makes the organs of synthetic volumes alike in size, or still more unequal. A run
that was broken off goes on, ``results.jsonl`` has a line for each that is done, which is not done again, and
``table.md`` is made of all of them: means and standard deviations over the seeds, and by how much the hierarchy is
ahead of each rival on the same seeds.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hsam_medseg import Predictor, load_model
from hsam_medseg.data import synthetic
from hsam_medseg.data.synthetic import ORGANS, SYNTHETIC_CLASSES, synthetic_volume
from hsam_medseg.evaluation.atlas import Atlas
from hsam_medseg.evaluation.protocols import evaluate
from hsam_medseg.method import PACKAGE
from hsam_medseg.training.config import HELD_OUT_SEED, TrainConfig
from hsam_medseg.training.trainer import SYNTHETIC_DEPTH, labelled_synthetic_slices, train
from visioncore.metrics.segmentation import organ_metrics
from visioncore.recipes import load_recipe

OURS, ATLAS = "hierarchical", "atlas"
DECODERS = (OURS, "sam", "linear")
UNSEEN = 2 * HELD_OUT_SEED
"""Synthetic volumes from this seed on are measured on; those from `HELD_OUT_SEED` on may have chosen weights."""
VOLUMES = 20
SIZES = {"usual": (1, 1, 1, 1), "even": (0.63, 1, 1.54, 2.02), "steep": (1, 1, 0.7, 0.7)}
"""By how much the radii of each organ are stretched: organs are 17, 4, 1 and 0.5 % of the body, or each about 4, or
17, 4, 0.4 and 0.2."""

Line = dict[str, Any]
Segment = Callable[[NDArray[np.float32]], NDArray[np.integer[Any]]]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--recipe", default="demo")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--test", type=Path)
    parser.add_argument("--decoders", nargs="+", default=DECODERS)
    parser.add_argument("--shares", type=float, nargs="+", default=[1, 0.1, 0.03])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--sizes", choices=SIZES, default="usual")
    parser.add_argument("--volumes", type=int, default=VOLUMES)
    parser.add_argument("--set", nargs="*", default=[], help="further fields of the recipe, such as data.volumes=40")
    given = parser.parse_args(arguments)
    if (given.data is None) != (given.test is None):
        parser.error("--data and --test go together; without both, volumes are synthetic")
    if given.data is not None and ATLAS in given.decoders:
        parser.error(f"{ATLAS} learns from synthetic volumes alone; leave it out of --decoders")
    if given.data is not None and given.sizes != "usual":
        parser.error("--sizes is of synthetic volumes; scans of --data are as they are")
    given.out.mkdir(parents=True, exist_ok=True)
    radii = [tuple(r * factor for r in organ.radii) for organ, factor in zip(ORGANS, SIZES[given.sizes], strict=True)]
    # in this process alone: what makes the volumes reads them anew for each
    synthetic.ORGANS = tuple(replace(organ, radii=own) for organ, own in zip(ORGANS, radii, strict=True))
    for seed in given.seeds:
        for share in given.shares:
            for decoder in given.decoders:
                about = {"decoder": decoder, "share": share, "seed": seed, "steps": given.steps, "sizes": given.sizes}
                if not any(about.items() <= line.items() for line in lines(given.out)):
                    run(given, about)
    alike = {"steps": given.steps, "sizes": given.sizes}
    (given.out / "table.md").write_text(table([line for line in lines(given.out) if alike.items() <= line.items()]))


def run(given: argparse.Namespace, about: Line) -> None:
    """Train one network and append what it reaches."""
    started = time.process_time()
    fields = dict(field.split("=", 1) for field in given.set) | {
        "model.decoder": about["decoder"],
        "data.slices": str(about["share"]),
        "data.seed": str(about["seed"]),
        "loop.seed": str(about["seed"]),
        "loop.steps": str(about["steps"]),
    }
    if about["decoder"] == ATLAS:
        del fields["model.decoder"]
        config = load_recipe(TrainConfig, PACKAGE, given.recipe, fields)
        atlas = Atlas.of(labelled_synthetic_slices(config), 1 + len(SYNTHETIC_CLASSES))
        dice = on_synthetic(atlas.segment, config.model.image_size, given.volumes)
    else:
        predictor = trained(given, about, fields)
        side = predictor.model.config.image_size
        dice = on_scans(predictor, given.test) if given.test else on_synthetic(predictor.segment, side, given.volumes)
    line = about | {"dice": dice, "mean": mean(dice.values()), "cpu_s": round(time.process_time() - started)}
    with (given.out / "results.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def trained(given: argparse.Namespace, about: Line, fields: dict[str, str]) -> Predictor:
    """Return what segments by a network that is trained now."""
    folder = given.out / "-".join(f"{about[name]:g}" if name == "share" else str(about[name]) for name in about)
    train(given.recipe, given.data, folder, overrides=fields, say=lambda _: None)
    return Predictor(load_model(folder / "last"), notify=lambda _: None)


def on_scans(predictor: Predictor, test: Path) -> dict[str, float]:
    """Return the mean Dice of each organ over labelled scans."""
    evaluation = evaluate(test, predictor, protocols=["sound"], say=lambda _: None)
    return dict(zip(evaluation.organs, np.nanmean(evaluation.scores["dice_sound"], axis=0).tolist(), strict=True))


def on_synthetic(segment: Segment, side: int, volumes: int) -> dict[str, float]:
    """Return the mean Dice of each organ over synthetic volumes."""
    scores = []
    for seed in range(UNSEEN, UNSEEN + volumes):
        image, labels = synthetic_volume(seed, (SYNTHETIC_DEPTH, side, side))
        found = organ_metrics(segment(image), labels, len(SYNTHETIC_CLASSES), "sound")
        scores.append([score.dice for score in found])
    return dict(zip(SYNTHETIC_CLASSES, np.nanmean(scores, axis=0).tolist(), strict=True))


def lines(out: Path) -> list[Line]:
    """Return all results."""
    path = out / "results.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def table(results: list[Line]) -> str:
    """Return the results as Markdown: a row for each share and decoder; seeds that the hierarchy lacks do not pair."""
    organs = list(results[0]["dice"])
    text = [
        f"| labels | decoder | Dice | {' | '.join(organs)} | hierarchy ahead by | seeds |",
        "| ---: | --- |" + " ---: |" * (3 + len(organs)),
    ]
    for share in sorted({line["share"] for line in results}, reverse=True):
        here = [line for line in results if line["share"] == share]
        ours = {line["seed"]: line["mean"] for line in here if line["decoder"] == OURS}
        for decoder in dict.fromkeys(line["decoder"] for line in here):
            runs = [line for line in here if line["decoder"] == decoder]
            paired = [ours[line["seed"]] - line["mean"] for line in runs if line["seed"] in ours]
            means = [f"{mean(line['dice'][organ] for line in runs):.3f}" for organ in organs]
            ahead = "" if decoder == OURS or not paired else spread(paired, "+.3f")
            whole = spread([line["mean"] for line in runs], ".3f")
            text.append(f"| {share:.0%} | {decoder} | {whole} | {' | '.join(means)} | {ahead} | {len(runs)} |")
    return "\n".join(text) + "\n"


def spread(values: list[float], form: str) -> str:
    """Return the mean, and the standard deviation where there are several."""
    return f"{mean(values):{form}}" + (f" ± {stdev(values):.3f}" if len(values) > 1 else "")


if __name__ == "__main__":
    main()
