"""The result: an image without rain, to be saved and looked at."""

from __future__ import annotations

from visioncore.images import Image
from visioncore.inference.result import ImageResult


class Prediction(ImageResult):
    """An image and its restored version."""

    names = "rainy", "restored"

    @property
    def rainy(self) -> Image:
        """The input."""
        return self.before

    @property
    def restored(self) -> Image:
        """The result, with the depth, alpha, colour profile and EXIF of what was given."""
        return self.after
