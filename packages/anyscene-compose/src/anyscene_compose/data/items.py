"""Items of a data set: a scene with the foreground in it, and what it shows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from visioncore.data.stored_images import StoredImage
from visioncore.errors import InputError
from visioncore.images import eight_bit, on_white

from .elements import OwnAlpha, Pixels, Source


@dataclass(frozen=True)
class Part:
    """One element of a foreground.

    Attributes:
        source: of its pixels.
        words: that name it in the captions.
    """

    source: Source
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layers:
    """A scene and the elements in it.

    Attributes:
        scene: (H, W, 3) RGB.
        elements: (E, H, W, 4) straight RGBA, each where it is in the scene, later ones in front.
    """

    scene: Pixels
    elements: Pixels


@dataclass(frozen=True)
class Item(StoredImage):
    """One scene of a data set.

    Attributes:
        captions: what it shows, each by itself.
        parts: elements of its foreground, from the back to the front.
    """

    captions: tuple[str, ...]
    parts: tuple[Part, ...]

    def digest(self) -> str:
        """Return a name that follows from the contents of the image and of its elements alone."""
        hashes = [hashlib.sha256(content).digest() for content in (self.content(), *self._contents())]
        return hashlib.sha256(b"".join(hashes)).hexdigest()[:32]

    def _contents(self) -> list[bytes]:
        return [part.source.content() for part in self.parts]

    def layers(self) -> Layers:
        """Return the scene and its elements.

        Raises:
            InputError: if one cannot be read, they do not fit, an element is empty, or they cover everything.
        """
        image = self.image()
        if not any(isinstance(part.source, OwnAlpha) for part in self.parts):
            image = on_white(image)
        elements = np.stack([part.source.read(image) for part in self.parts])
        for number, alpha in enumerate(elements[..., 3]):
            if not alpha.any():
                which = f"element {number + 1} of {len(elements)}" if len(elements) > 1 else "the foreground"
                raise InputError(
                    f"{self.name}: the mask of {which} is empty; white, or opaque, should be the foreground"
                )
        if elements[..., 3].max(axis=0).min() == 255:
            raise InputError(f"{self.name}: the foreground covers everything; there should be a scene around it")
        return Layers(eight_bit(replace(image, alpha=None).pixels), elements)

    def pixels(self) -> Pixels:
        """Return the scene (H, W, 3); errors as of `layers`."""
        return self.layers().scene
