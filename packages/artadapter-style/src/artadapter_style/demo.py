"""The demo: things drawn in styles that the bundled networks have never seen them in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visioncore.commands.demo import Shown, demo_of
from visioncore.report import new_figure, save_figure
from visioncore.weights.loading import bundled_model

from .evaluation.judges import Judge
from .inference.bases import DEMO, open_base
from .inference.pipeline import ArtAdapterPipeline
from .method import METHOD, PACKAGE

MIXED = ("noto", "openmoji")
"""Styles whose levels are mixed in the figure."""
_SETTINGS: Mapping[str, Any] = {"steps": 20, "guidance": 3.0, "sampler": "ddim"}
_FIRST_AMONG = 5

Images = NDArray[np.uint8]


@demo_of(METHOD)
def demo(out: Path) -> Shown:
    """Draw things in styles that they were held out in, write two figures, and report what is measured.

    The base model alone draws the same things from the same noise. Two small judges, trained apart, name the style and
    the thing.
    """
    with as_file(files(PACKAGE) / "assets") as assets:
        held_out: dict[str, list[str]] = json.loads((assets / "held_out.json").read_text())
        styles, things = (Judge.from_pretrained(assets / "judges" / name).float() for name in ("styles", "things"))
        references = {style: assets / "styles" / f"{style}.safetensors" for style in held_out}
        base = ArtAdapterPipeline(open_base(DEMO), batch=8)
        plain = {style: base(names, **_SETTINGS).images for style, names in held_out.items()}
        pipe = ArtAdapterPipeline(base.base, bundled_model(METHOD), batch=8)
        made = {style: pipe(names, references[style], **_SETTINGS).images for style, names in held_out.items()}
        one, other = (references[style] for style in MIXED)
        mixed = [
            pipe(held_out[MIXED[0]][:4], one, mix=mix, **_SETTINGS).images
            for mix in ({}, {"low": other}, {"mid": other, "high": other}, {"low": other, "mid": other, "high": other})
        ]
    measured = {
        **_counted("", made, held_out, styles, things),
        **_counted("_base", plain, held_out, styles, things),
    }
    figure = out / "demo.png"
    _draw(made, plain, held_out, figure)
    _draw_mixed(mixed, out / "mixed.png")
    return Shown(
        headline=(
            f"style right in {measured['style_percent']:.0f} % of drawings (base model alone "
            f"{measured['style_percent_base']:.0f} %), thing among the judge's first {_FIRST_AMONG} of "
            f"{len(things.config.names)} in {measured['thing_percent']:.0f} % "
            f"({measured['thing_percent_base']:.0f} %)"
        ),
        measured={
            **measured,
            "gain_in_style": measured["style_percent"] - measured["style_percent_base"],
            "drawings": sum(map(len, held_out.values())),
        },
        figure=figure,
    )


def _counted(
    suffix: str, made: Mapping[str, Images], held_out: Mapping[str, Sequence[str]], styles: Judge, things: Judge
) -> dict[str, float]:
    """Return how often the judges name the style and the thing asked for, in percent."""
    images = np.concatenate([made[style] for style in held_out])
    asked = [styles.config.names.index(style) for style, names in held_out.items() for _ in names]
    named = [things.config.names.index(name) for names in held_out.values() for name in names]
    return {
        f"style_percent{suffix}": 100 * styles.accuracy(images, asked),
        f"thing_percent{suffix}": 100 * things.accuracy(images, named, first=_FIRST_AMONG),
    }


def _draw(
    made: Mapping[str, Images], plain: Mapping[str, Images], held_out: Mapping[str, Sequence[str]], path: Path
) -> None:
    """Draw a row for each style: the drawings in it, and beside them those of the base model alone."""
    count = max(map(len, held_out.values()))
    figure = new_figure(2 * count + 1, len(held_out) * 1.15)
    grid = figure.add_gridspec(len(held_out), 2 * count + 1, width_ratios=[*[1] * count, 0.3, *[1] * count])
    for row, (style, names) in enumerate(held_out.items()):
        for column, name in enumerate(names):
            for images, place in ((made, column), (plain, count + 1 + column)):
                axis = figure.add_subplot(grid[row, place])
                axis.imshow(images[style][column])
                axis.set(xticks=[], yticks=[])
                axis.set_title(name, fontsize=7, pad=2)
                if column == 0:
                    axis.set_ylabel(style if images is made else "base alone", fontsize=7)
    figure.tight_layout(pad=0.3)
    save_figure(figure, path)


def _draw_mixed(mixed: Sequence[Images], path: Path) -> None:
    """Draw a row for each mix of levels."""
    one, other = MIXED
    figure = new_figure(len(mixed[0]) * 1.2 + 1.2, len(mixed) * 1.2)
    labels = (f"all {one}", f"low {other}", f"mid, high {other}", f"all {other}")
    for row, (label, images) in enumerate(zip(labels, mixed, strict=True)):
        for column, image in enumerate(images):
            axis = figure.add_subplot(len(mixed), len(images), row * len(images) + column + 1)
            axis.imshow(image)
            axis.set(xticks=[], yticks=[])
            if column == 0:
                axis.set_ylabel(label, fontsize=7)
    figure.tight_layout(pad=0.3)
    save_figure(figure, path)
