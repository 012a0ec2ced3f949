"""The plan of a benchmark: every maker x every cut-out x every prompt x every seed, and where each image lies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from visioncore.diffusion.samplers import Sampler, check_sampling
from visioncore.diffusion.sampling import check_guidance
from visioncore.errors import InputError

from ..inference.canvas import LEAST, MOST, MULTIPLE
from .cutouts import SHARE, Cutout
from .prompts import PROMPTS, check_prompts, prompt_of, scene_of


@dataclass(frozen=True)
class Cell:
    """One image of the plan.

    Attributes:
        maker: name of what makes it.
        cutout: key of its cut-out.
        prompt: its number, from 1.
        seed: of its noise.
    """

    maker: str
    cutout: str
    prompt: int
    seed: int

    @property
    def file(self) -> str:
        """Place in the folder of images, such as ``anyscene/mug/03-0.png``: maker, cut-out, prompt's number, seed."""
        return f"{self.maker}/{self.cutout}/{self.prompt:02d}-{self.seed}.png"


@dataclass(frozen=True)
class Sampling:
    """How all makers sample.

    Attributes:
        steps: of the sampler.
        guidance: how strongly the prompt is followed.
        sampler: its name.
        negative: prompt of what is not wanted.
        size: height and width in pixels.
        share: part of the canvas's sides that a cut-out's box takes.

    Raises:
        InputError: if something is outside of its range, or the sides are no multiples of 8.
    """

    steps: int = 30
    guidance: float = 7.5
    sampler: Sampler = "dpm++"
    negative: str = ""
    size: tuple[int, int] = (512, 512)
    share: float = SHARE

    def __post_init__(self) -> None:
        check_sampling(self.sampler, self.steps)
        check_guidance(guidance=self.guidance)
        height, width = self.size
        if any(side % MULTIPLE or not LEAST <= side <= MOST for side in self.size):
            raise InputError(
                f"size is {width} x {height}; sides must be multiples of {MULTIPLE}, from {LEAST} to {MOST} pixels"
            )
        if not 0 < self.share < 1:
            raise InputError(f"share is {self.share}; it must be between 0 and 1, the part of a side that a box takes")

    def told(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {**vars(self), "size": list(self.size)}


@dataclass(frozen=True)
class Plan:
    """Cut-outs, prompts and seeds, fully crossed.

    Attributes:
        cutouts: the foregrounds.
        prompts: each with ``{name}`` where the foreground's name goes.
        seeds: of the noise; 0 to 2 by default.
        sampling: how images are made.

    Raises:
        InputError: if there are no cut-outs, prompts or seeds, a prompt has no place for the name, or a seed is below 0
            or there twice.
    """

    cutouts: Sequence[Cutout]
    prompts: Sequence[str] = PROMPTS
    seeds: Sequence[int] = (0, 1, 2)
    sampling: Sampling = field(default_factory=Sampling)

    def __post_init__(self) -> None:
        counts = {"cut-outs": len(self.cutouts), "prompts": len(self.prompts), "seeds": len(self.seeds)}
        for name, count in counts.items():
            if not count:
                raise InputError(f"there are no {name}; one is needed at least")
        if min(self.seeds) < 0 or len(set(self.seeds)) < len(self.seeds):
            raise InputError(f"seeds are {' '.join(map(str, self.seeds))}; each must be 0 or more, and there once")
        check_prompts(self.prompts)

    def cells(self, makers: Iterable[str]) -> list[Cell]:
        """Return the images of some makers: every cut-out with every prompt and seed."""
        return [
            Cell(maker, cutout.key, number, seed)
            for maker in makers
            for cutout in self.cutouts
            for number in range(1, len(self.prompts) + 1)
            for seed in self.seeds
        ]

    def cutout(self, cell: Cell) -> Cutout:
        """Return the cut-out of an image."""
        return next(each for each in self.cutouts if each.key == cell.cutout)

    def prompt(self, cell: Cell) -> str:
        """Return the text of an image."""
        return prompt_of(self.prompts[cell.prompt - 1], self.cutout(cell).name)

    def scene(self, cell: Cell) -> str:
        """Return the text of an image without the foreground's name."""
        return scene_of(self.prompts[cell.prompt - 1])

    def report(self) -> dict[str, Any]:
        """Return the plan for ``report.json``."""
        return {
            "cutouts": {each.key: {"file": str(each.file), "name": each.name} for each in self.cutouts},
            "prompts": list(self.prompts),
            "seeds": list(self.seeds),
            "sampling": self.sampling.told(),
        }
