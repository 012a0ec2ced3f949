"""The method itself as a maker of a benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from visioncore.images import eight_bit

from ..inference.pipeline import AnyScene
from .areas import Pixels
from .baselines import Asked
from .plan import Sampling

OURS = "anyscene"
"""Name of the method among makers."""


class Composing:
    """Scenes around the cut-out by the method.

    Args:
        pipeline: with or without an injector.
        name: among makers; to compare settings with each other, each has its own.
        options: further arguments of `AnyScene.compose`, such as ``harmony``, as JSON has them.
    """

    def __init__(self, pipeline: AnyScene, name: str = OURS, **options: Any) -> None:
        self.name, self._pipeline, self._options = name, pipeline, options

    def __call__(self, asked: Asked, seeds: Sequence[int], sampling: Sampling) -> list[Pixels]:
        result = self._pipeline.compose(
            asked.canvas,
            asked.prompt,
            sampling.negative,
            seeds=list(seeds),
            steps=sampling.steps,
            guidance=sampling.guidance,
            sampler=sampling.sampler,
            **self._options,
        )
        return [eight_bit(image) for image in result.images]

    def recorded(self) -> dict[str, Any]:
        return {**self._pipeline.recorded(), **self._options}
