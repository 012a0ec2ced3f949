"""The demo: cut-outs that the bundled networks have never seen, in new scenes, beside what others make of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visioncore.commands.demo import Shown, demo_of
from visioncore.report import new_figure, save_figure
from visioncore.weights.loading import bundled_model

from .evaluation.baselines import Inpainting, Pasting
from .evaluation.composing import Composing
from .evaluation.drawn_scenes import Case, draw_cases, make, measured
from .evaluation.plan import Sampling
from .evaluation.scene_judge import SceneJudge
from .inference.bases import DEMO, open_base
from .inference.elements import Element
from .inference.pipeline import AnyScene
from .inference.relighting import relight
from .method import METHOD, PACKAGE

SAMPLING = Sampling(steps=20, guidance=3.0, sampler="ddim", size=(64, 64))

CUP = (150, 150, 450, 350)
"""Box of the cup in the photo that it is put into."""


@demo_of(METHOD)
def demo(out: Path) -> Shown:
    """Compose scenes around the bundled cut-outs, relight a photo, write two figures, and report what is measured.

    A judge that was trained apart names what each pixel shows. The same is measured of the cut-out pasted over a scene
    of the base model, and of the base model painting around it.
    """
    with as_file(files(PACKAGE) / "assets") as assets:
        judge = SceneJudge.from_pretrained(assets / "judge").float()
        cases = draw_cases(sorted((assets / "samples").glob("*.png")), seed=1)
        ours = Composing(AnyScene(open_base(DEMO), bundled_model(METHOD)))
        base = open_base(DEMO)
        makers = (ours, Pasting(base), Inpainting(base))
        images = {maker.name: make(maker, cases, SAMPLING) for maker in makers}
        _draw_relit(assets / "photos", out / "relit.png")
    found = {name: measured(made, cases, judge) for name, made in images.items()}
    figure = out / "demo.png"
    _draw(images, cases, figure)
    own, paste, painted = (found[maker.name] for maker in makers)
    return Shown(
        headline=(
            f"a second thing in {own['second_percent']:.0f} % (inpainting {painted['second_percent']:.0f} %), "
            f"growth beyond the outline {own['grown_percent']:.1f} % ({painted['grown_percent']:.1f} %), "
            f"light off by {own['light_error']:.1f} (pasted {paste['light_error']:.1f})"
        ),
        measured={
            **{f"{name}_{maker}": value for maker, means in found.items() for name, value in means.items()},
            "gain_in_light": paste["light_error"] - own["light_error"],
            "scenes": len(cases),
        },
        figure=figure,
    )


def _draw(images: Mapping[str, NDArray[np.uint8]], cases: Sequence[Case], path: Path) -> None:
    """Draw a column for each case: the cut-out, and what each maker made of it."""
    figure = new_figure(len(cases) * 1.05, (len(images) + 1) * 1.15)
    white: Sequence[NDArray[Any]] = [
        np.rint(case.foreground[..., :3] * (alpha := case.foreground[..., 3:] / 255) + 255 * (1 - alpha)) / 255
        for case in cases
    ]
    rows: dict[str, Sequence[NDArray[Any]]] = {"cut-out": white, **{name: list(made) for name, made in images.items()}}
    for row, (label, drawn) in enumerate(rows.items()):
        for column, (image, case) in enumerate(zip(drawn, cases, strict=True)):
            axis = figure.add_subplot(len(images) + 1, len(cases), row * len(cases) + column + 1)
            axis.imshow(image)
            axis.set(xticks=[], yticks=[])
            if row == 0:
                axis.set_title(f"{case.asked.scene.removeprefix('the ')}", fontsize=6, pad=2)
            if column == 0:
                axis.set_ylabel(label, fontsize=7)
    figure.tight_layout(pad=0.3)
    save_figure(figure, path)


def _draw_relit(photos: Path, path: Path) -> None:
    """Draw a cup that is put into another photo: as it is, and more and more in its light."""
    cup = Element(photos / "cup.jpg", mask=photos / "cup_mask.png", name="cup")
    figure = new_figure(11, 3.1)
    for place, harmony in enumerate((0.0, 0.5, 1.0)):
        axis = figure.add_subplot(1, 3, place + 1)
        axis.imshow(relight(cup, photos / "launch_pad.jpg", box=CUP, harmony=harmony).pixels)
        axis.set(xticks=[], yticks=[], title=f"harmony {harmony:g}")
    figure.tight_layout(pad=0.3)
    save_figure(figure, path)
