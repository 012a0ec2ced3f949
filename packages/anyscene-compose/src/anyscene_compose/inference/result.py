"""The result: new scenes around a foreground, each with the settings it was made with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from visioncore.images import Image, eight_bit, on_white
from visioncore.images.sixteen_bit import Pixels
from visioncore.inference.generated import Generated

from ..method import METHOD
from .canvas import Composite


@dataclass(frozen=True, eq=False, repr=False)
class Result(Generated):
    """Scenes around a foreground; ``np.asarray`` of a result is ``images``.

    Attributes:
        images: (n, H, W, 3) in the depth of the foreground, one for each seed.
        settings: of each image, all that it depends on: prompt, seed, scales, sampler, places and hashes of the
            elements, hashes of the weights.
        source: the file of the only element, if there is one.
        foreground: what was placed.
        scenes: (n, H, W, 3), the images before the foreground was blended in.
    """

    foreground: Composite = field(kw_only=True)
    scenes: Pixels = field(kw_only=True)
    method: ClassVar[str] = METHOD.name
    made_of: ClassVar[str] = "cut-out"

    @property
    def shown(self) -> tuple[tuple[str, NDArray[Any]], ...]:
        white = on_white(Image(self.foreground.pixels, alpha=self.foreground.alpha))
        label = ", ".join(each.element.name for each in self.foreground.placed if each.element.name)
        return ((label or "foreground", white.pixels),)

    @property
    def plain(self) -> NDArray[np.uint8]:
        """The images in 8 bit, (n, H, W, 3)."""
        return eight_bit(self.images)
