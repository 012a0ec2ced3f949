"""Does the frozen encoder help? Networks that differ in their encoder alone, trained on Gaussian noise of sigma 15.

    python docs/study_encoders.py --photos BSDS400 --test CBSD68 --out study --seeds 0 1 2 --steps 3500

Needs clip-denoising[lite]. For each seed, by the recipe ``demo`` and from one decoder: EfficientNet-Lite0 with
ImageNet's weights, frozen; the same with random weights, frozen; and with ImageNet's weights, trained too. The random
one has in each of its layers, on photos, the mean and deviation that ImageNet's weights have there: all that is left is
what its filters look for. Then the eleven settings of the paper on photos that nothing has seen, beside blind
non-local means. A run that was broken off goes on; what ``results.jsonl`` has is not done again; ``table.md`` is made
of it: means over the seeds, with their standard deviation where there are several.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from pathlib import Path
from statistics import mean, stdev

import torch
from torch import Tensor

from clip_denoising import CLIPDenoiser, Predictor
from clip_denoising.data.datasets import find_photos
from clip_denoising.data.noise import Noise
from clip_denoising.data.patches import Patches
from clip_denoising.evaluation.protocols import evaluate
from clip_denoising.inference.non_local_means import non_local_means
from clip_denoising.network.config import CLIPDenoiserConfig
from clip_denoising.network.model import LITE
from clip_denoising.training.config import load_train_recipe
from clip_denoising.training.trainer import train
from visioncore.backbones.efficientnet_lite import _Layer

ARMS = {"frozen": (True, False), "random": (False, False), "trained": (True, True)}
"""Of each network: whether its encoder has ImageNet's weights, and whether it is trained."""
TRAINED = Noise("gaussian", 15.0)
PLAIN = "non-local means"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", choices=[*ARMS], default=[*ARMS])
    parser.add_argument("--steps", type=int, default=3500)
    parser.add_argument("--set", nargs="*", default=[], help="further fields of the recipe, such as model.width=4")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    fields = dict(field.split("=", 1) for field in given.set) | {"loop.steps": str(given.steps)}
    fields.setdefault("loop.validate_every", str(given.steps))
    if not known(given.out, PLAIN, None, given.steps):
        measure(given, PLAIN, None, non_local_means)
    for seed in given.seeds:
        for arm in given.arms:
            if known(given.out, arm, seed, given.steps):
                continue
            run = given.out / f"{arm}-{seed}-{given.steps}"
            started = time.process_time()
            trained = str(ARMS[arm][1]).lower()
            own = fields | {"loop.seed": str(seed), "model.train_encoder": trained}
            start = initial(load_train_recipe("demo", own).model, arm, seed, given.photos)
            start.save_pretrained(run / "start")
            train("demo", given.photos, run / "run", weights=run / "start", overrides=own)
            predictor = Predictor(CLIPDenoiser.from_pretrained(run / "run" / "last"), notify=lambda _: None)
            measure(given, arm, seed, predictor.run, cpu_s=round(time.process_time() - started))
    (given.out / "table.md").write_text(table(lines(given.out), given.steps))


def initial(config: CLIPDenoiserConfig, arm: str, seed: int, photos: Path) -> CLIPDenoiser:
    """Return the network of an arm before training; all arms of a seed have one decoder."""
    torch.manual_seed(seed)
    model = CLIPDenoiser.from_clip(config, LITE)
    if not ARMS[arm][0]:
        randomise(model, seed, photos)
    return model


@torch.no_grad()
def randomise(model: CLIPDenoiser, seed: int, photos: Path) -> None:
    """Draw the encoder's filters anew; each channel of each layer keeps mean and deviation over some photos."""
    batch = torch.stack([Patches([path], TRAINED).centre(0, 64)["clean"] for path in find_photos(photos)[:16]])
    layers = [layer for layer in model.encoder.modules() if isinstance(layer, _Layer)]
    wanted: list[tuple[Tensor, Tensor]] = []

    def note(layer: _Layer, _: object, output: Tensor) -> None:
        wanted.append(moments(output))

    def match(layer: _Layer, _: object, output: Tensor) -> Tensor:
        (centre, spread), (found_centre, found_spread) = wanted.pop(0), moments(output)
        factor = spread / found_spread.clamp_min(1e-6)
        layer.weight.mul_(factor[:, None, None, None])
        layer.bias.copy_(centre - factor * found_centre)
        return output * factor[:, None, None] + layer.bias[:, None, None]

    for act in (note, match):
        if act is match:
            generator = torch.Generator().manual_seed(seed)
            for layer in layers:
                layer.weight.normal_(generator=generator)
                layer.bias.zero_()
        hooks = [layer.register_forward_hook(act) for layer in layers]
        model.encoder(batch)
        for hook in hooks:
            hook.remove()


def moments(output: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation (C,) of the channels of a map (B, C, H, W)."""
    return output.mean((0, 2, 3)), output.std((0, 2, 3))


def measure(given, arm, seed, denoise, **further) -> None:  # type: ignore[no-untyped-def]
    """Measure one network on the eleven settings and append the result."""
    summary = evaluate(given.test, denoise, protocols=["synthetic"], batch=1, denoised_by=arm).summary()
    rows = [dict(zip(summary.columns, row, strict=True)) for row in summary.rows]
    line = {"arm": arm, "seed": seed, "steps": given.steps, "rows": rows, **further}
    with (given.out / "results.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    sys.stdout.write(f"{arm} {seed}: {mean(row['psnr_colour'] for row in rows):.2f} dB\n")
    sys.stdout.flush()


def lines(out: Path) -> list[dict]:  # type: ignore[type-arg]
    """Return all results."""
    path = out / "results.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def known(out: Path, arm: str, seed: int | None, steps: int) -> bool:
    """Return whether a result is there."""
    return any((line["arm"], line["seed"], line["steps"]) == (arm, seed, steps) for line in lines(out))


def table(results, steps: int) -> str:  # type: ignore[no-untyped-def]
    """Return PSNR in dB as Markdown: a row for each setting, a column for each network."""
    found = {arm: [r["rows"] for r in results if r["arm"] == arm and r["steps"] == steps] for arm in (PLAIN, *ARMS)}
    arms = [arm for arm, runs in found.items() if runs]
    text = [f"| noise | noisy | {' | '.join(arms)} |", "| --- |" + " ---: |" * (1 + len(arms))]
    for index, row in enumerate(found[PLAIN][0]):
        cells = [f"{row['psnr_colour_noisy']:.2f}"]
        for arm in arms:
            values = [rows[index]["psnr_colour"] for rows in found[arm]]
            cells.append(f"{mean(values):.2f}" + (f" ± {stdev(values):.2f}" if len(values) > 1 else ""))
        text.append(f"| {row['noise']} | {' | '.join(cells)} |")
    return "\n".join(text) + "\n"


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
