"""The demo: drawn people whom the bundled networks have never seen, made anew from one frame, and moved by a prompt."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visioncore.commands.demo import Shown, demo_of
from visioncore.images import read_image
from visioncore.report import new_figure, save_figure
from visioncore.weights.loading import bundled_model

from .data.figures import ACTIONS, SIDE, drawn_people
from .evaluation.actions import ActionClassifier
from .evaluation.protocols import evaluate
from .evaluation.settings import Settings
from .inference.predictor import Predictor
from .method import METHOD, PACKAGE

CLIPS, FRAMES = 8, 32
"""Clips that are made anew, and the frames of each."""
FIRST = 20_000
"""Seed of the first of them; no clip of training has it."""
SEEDS = (0, 1, 2)
STEPS = 30
"""Of the sampler."""
GUIDANCE = 3.0
"""How much the prompt counts; chosen on drawn photos that are not those of the demo."""
_SHOWN = (0, 5, 10, 15, 20, 25)
"""Frames of each animation in the figure."""


@demo_of(METHOD)
def demo(out: Path) -> Shown:
    """Reconstruct drawn clips, animate the bundled photos, write a figure and animations, and report what is measured.

    Whether an animation shows what its prompt says is told by a linear classifier, trained on real clips.
    """
    predictor = Predictor(bundled_model(METHOD))
    clips = drawn_people(CLIPS, FRAMES, seed=FIRST)
    means = evaluate(clips, predictor, protocols=("frames",), settings=Settings(frames=FRAMES, size=SIDE)).means()
    made, repeated, warped = (means[f"psnr_rgb{maker}"] for maker in ("", "_still", "_farneback"))
    right, seams, shown = list[bool](), list[float](), dict[str, NDArray[np.uint8]]()
    with as_file(files(PACKAGE) / "assets") as assets:
        classifier = ActionClassifier.load(assets / "actions.npz")
        for action in ACTIONS:
            name = action.replace(" ", "-")
            photo = read_image(assets / "samples" / f"{name}.png")
            for seed in SEEDS:
                result = predictor.animate(photo, action, steps=STEPS, guidance=GUIDANCE, seed=seed)
                frames = np.asarray(result)
                right.append(classifier(frames) == action)
                seams.append(seam(frames))
                if seed == SEEDS[0]:
                    result.save(out / f"{name}.gif")
                    shown[action] = frames
    figure = out / "demo.png"
    _draw(shown, figure)
    return Shown(
        headline=(
            f"PSNR {made:.1f} dB of frames made from one photo (repeated {repeated:.1f} dB, warped by optical flow "
            f"{warped:.1f} dB); {sum(right)} of {len(right)} animations show the action asked for (chance 3)"
        ),
        measured={
            "psnr": made,
            "psnr_still": repeated,
            "psnr_farneback": warped,
            "gain_over_still": made - repeated,
            "gain_over_farneback": made - warped,
            "actions_right_percent": 100 * float(np.mean(right)),
            "animations": len(right),
            "seam": float(np.mean(seams)),
        },
        figure=figure,
    )


def seam(frames: NDArray[np.uint8]) -> float:
    """How much the first frame differs from the last one, in units of how much neighbours differ."""
    steps = np.abs(np.diff(frames.astype(float), axis=0, append=frames[:1])).mean(axis=(1, 2, 3))
    return float(steps[-1] / max(steps[:-1].max(), 1e-9))


def _draw(shown: dict[str, NDArray[np.uint8]], path: Path) -> None:
    """Draw frames of each animation, and on the right one row of pixels of all its frames, one below the other."""
    figure = new_figure(12, 7.6)
    columns = len(_SHOWN) + 1
    for row, (action, frames) in enumerate(shown.items()):
        slices = frames[:, SIDE // 3]
        for place, pixels in enumerate([*(frames[number] for number in _SHOWN), slices]):
            axis = figure.add_subplot(len(shown), columns, row * columns + place + 1)
            axis.imshow(pixels, aspect="auto")
            title = "one row, over time" if place == len(_SHOWN) else f"frame {_SHOWN[place]}"
            axis.set(xticks=[], yticks=[], title=title if row == 0 else "", ylabel=action if place == 0 else "")
    figure.tight_layout()
    save_figure(figure, path)
