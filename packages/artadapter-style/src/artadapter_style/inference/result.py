"""The result: images of one call, each with the settings it was made with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from visioncore.inference.generated import Generated

from ..method import METHOD


@dataclass(frozen=True, eq=False, repr=False)
class Result(Generated):
    """Images in a style; ``np.asarray`` of a result is ``images``.

    Attributes:
        images: (n, H, W, 3) uint8: for each prompt as many as were asked for.
        settings: of each image, all that it depends on: prompt, seed, strengths, sampler, hashes of the weights and of
            the references.
        source: the file of the only reference, if there is one.
        references: label and pixels (H, W, 3) of each reference, as far as the style was read from images.
    """

    images: NDArray[np.uint8]
    references: tuple[tuple[str, NDArray[np.uint8]], ...] = ()
    method: ClassVar[str] = METHOD.name

    @property
    def shown(self) -> tuple[tuple[str, NDArray[np.uint8]], ...]:
        return self.references
