"""A benchmark in drawn scenes, where the answer is known: which light an hour has, and what each pixel shows.

It is for weights that were trained on `data.scenes`, such as those of the demo.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..data.scenes import GROUNDS, LIGHTS, caption_of
from ..inference.canvas import Canvas
from ..inference.elements import Element
from .areas import Mask, Pixels, eroded
from .baselines import Asked, Maker
from .colours import to_lab
from .cutouts import foreground_of
from .harmony import gradient_jump
from .plan import Sampling
from .scene_judge import SceneJudge, grown, second_copy

SIDE = 64
"""Of the scenes in pixels."""


@dataclass(frozen=True, eq=False)
class Case:
    """A cut-out in its place, and the scene that is asked for.

    Attributes:
        name: of what the cut-out shows.
        hour: whose light the scene has.
        asked: canvas and prompts.
        foreground: (64, 64, 4) RGBA, straight alpha, in white light.
        seed: of the noise.
    """

    name: str
    hour: str
    asked: Asked
    foreground: Pixels
    seed: int

    @property
    def mask(self) -> Mask:
        """Where the cut-out is, (64, 64)."""
        found: Mask = self.foreground[..., 3] > 127
        return found


def draw_cases(cutouts: Sequence[Path], seed: int, rounds: int = 1) -> list[Case]:
    """Draw a place, a ground and an hour for each cut-out.

    Args:
        cutouts: images with alpha, whose names say what they show.
        seed: of all that is random.
        rounds: cases of each cut-out.
    """
    generator = np.random.default_rng(seed)
    cases = []
    for number, path in enumerate([path for path in cutouts for _ in range(rounds)]):
        name, ground = path.stem, str(generator.choice(list(GROUNDS)))
        hour = list(LIGHTS)[number % len(LIGHTS)]
        size, left = round(SIDE * generator.uniform(0.42, 0.6)), generator.uniform(0, 1)
        bottom = round(SIDE * generator.uniform(0.75, 0.95))
        x = round(left * (SIDE - size))
        element = Element(path, name=name, words=[name])
        canvas = Canvas(SIDE, SIDE).place(element, box=(x, bottom - size, x + size, bottom))
        asked = Asked(canvas, caption_of([name], ground, hour), caption_of([], ground, hour))
        cases.append(Case(name, hour, asked, foreground_of(canvas), 100 * seed + number))
    return cases


def make(maker: Maker, cases: Sequence[Case], sampling: Sampling) -> NDArray[np.uint8]:
    """Return a maker's image of each case, (n, 64, 64, 3)."""
    return np.stack([maker(case.asked, [case.seed], sampling)[0] for case in cases])


def measured(images: NDArray[np.uint8], cases: Sequence[Case], judge: SceneJudge) -> Mapping[str, float]:
    """Return means over the cases.

    ``grown_percent`` is what the object has beyond its outline, in percent of its area. ``second_percent`` counts
    scenes in which a second one stands, which was not asked for. ``light_error`` is the distance in CIELAB between the
    foreground's mean colour and that of the cut-out in the light of the hour. ``details`` is the correlation of the
    foreground's details with those of the cut-out. ``seam`` is how steep its outline is, over how steep the image is
    nearby.

    Args:
        images: (n, 64, 64, 3), of the cases.
        cases: as many.
        judge: that knows the cut-outs.
    """
    rows: list[dict[str, float]] = []
    for image, case in zip(images, cases, strict=True):
        mask = case.mask
        shown = judge.shown(image[None])[0]
        rows.append(
            {
                "grown_percent": 100 * float(grown(shown, mask).sum() / mask.sum()),
                "second_percent": 100 * float(second_copy(shown, mask)),
                "light_error": light_error(image, case.foreground, case.hour),
                "details": details_kept(image, case.foreground),
                "seam": gradient_jump(image, mask),
            }
        )
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def light_error(image: Pixels, foreground: Pixels, hour: str) -> float:
    """Return how far the foreground's mean colour is from that of the cut-out in the light of an hour, in CIELAB.

    Args:
        image: (H, W, 3).
        foreground: (H, W, 4), the cut-out in white light.
        hour: one of `LIGHTS`.
    """
    inside = eroded(foreground[..., 3] > 127, 1)
    lit = foreground[..., :3][inside] / 255 * np.asarray(LIGHTS[hour].tint)
    wanted = np.rint(lit.clip(0, 1) * 255).astype(np.uint8)[None]
    found = image[inside][None]
    return float(np.linalg.norm(to_lab(found).mean(axis=(0, 1)) - to_lab(wanted).mean(axis=(0, 1))))


def details_kept(image: Pixels, foreground: Pixels) -> float:
    """Return the correlation of what is finer than 4 pixels in the foreground with the same of the cut-out.

    Args:
        image: (H, W, 3).
        foreground: (H, W, 4).
    """
    inside = eroded(foreground[..., 3] > 127, 1)
    one, other = (_details(each[..., :3])[inside].ravel() for each in (image, foreground))
    spread = float(one.std() * other.std())
    return float(np.mean((one - one.mean()) * (other - other.mean())) / spread) if spread > 0 else 1.0


def _details(image: Pixels) -> NDArray[np.float32]:
    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine: NDArray[np.float32] = grey - cv2.GaussianBlur(grey, (0, 0), 2)
    return fine
