"""The plan of an evaluation: every prompt x every style group x every seed, and where each image lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from visioncore.errors import InputError

from .prompts import PROMPTS
from .styles import StyleGroup


@dataclass(frozen=True)
class Cell:
    """One image of the plan.

    Attributes:
        style: name of its style group, or `styles.PLAIN`.
        prompt: its number, from 1.
        seed: of its noise.
    """

    style: str
    prompt: int
    seed: int

    @property
    def file(self) -> str:
        """Place in the folder of images, such as ``ink/03-0.png``: style, number of the prompt, seed."""
        return f"{self.style}/{self.prompt:02d}-{self.seed}.png"


@dataclass(frozen=True)
class Sampling:
    """How images are made.

    Attributes:
        steps: of the sampler.
        guidance: how strongly the prompt is followed.
        scale: strength of the style, of all levels.
        size: height and width in pixels; None for those of the base model.
    """

    steps: int = 50
    guidance: float = 7.5
    scale: float = 1.0
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Plan:
    """Prompts, styles and seeds, fully crossed.

    Attributes:
        styles: whose references are given.
        prompts: what is asked for.
        seeds: of the noise; 0 to 3 by default.
        sampling: how images are made.

    Raises:
        InputError: if there are no seeds or prompts, or a seed is below 0 or there twice.
    """

    styles: Sequence[StyleGroup]
    prompts: Sequence[str] = PROMPTS
    seeds: Sequence[int] = (0, 1, 2, 3)
    sampling: Sampling = field(default_factory=Sampling)

    def __post_init__(self) -> None:
        if not self.prompts or not self.seeds:
            raise InputError(f"{len(self.prompts)} prompts and {len(self.seeds)} seeds; one of each is needed at least")
        if min(self.seeds) < 0 or len(set(self.seeds)) < len(self.seeds):
            raise InputError(f"seeds are {' '.join(map(str, self.seeds))}; each must be 0 or more, and there once")

    def cells(self, style: str) -> list[Cell]:
        """Return the images of a style, or of `styles.PLAIN`: every prompt with every seed."""
        return [Cell(style, number, seed) for number in range(1, len(self.prompts) + 1) for seed in self.seeds]

    def prompt(self, cell: Cell) -> str:
        """Return the text of an image."""
        return self.prompts[cell.prompt - 1]

    def report(self) -> dict[str, Any]:
        """Return the plan for ``report.json``."""
        return {
            "styles": {style.name: [str(image) for image in style.images] for style in self.styles},
            "prompts": list(self.prompts),
            "seeds": list(self.seeds),
        }
