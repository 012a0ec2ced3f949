"""Training samples: an image, its style reference, its caption, and what is drawn for the step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from visioncore.data.kept_features import KeptFeatures
from visioncore.data.squares import drawn_crop
from visioncore.diffusion.schedule import STEPS

from .colours import ColourAugmentation, drawn_colours
from .preparation import Squares
from .texts import Texts

Batch = dict[str, Tensor]

EMPTY = -1
"""Index of the empty text in `Texts`."""


@dataclass(frozen=True)
class Drawing:
    """How samples are drawn.

    Attributes:
        latents: shape of the latents.
        flip: probability that an image is mirrored.
        text, style, both: shares of the samples without text, without style, and without either.
        content: share of the samples without the content adapter; None without one at all.
        colours: how the content adapter's images are changed.
        own: whether every image is its own reference.
    """

    latents: tuple[int, int, int]
    flip: float = 0.0
    text: float = 0.0
    style: float = 0.0
    both: float = 0.0
    content: float | None = None
    colours: ColourAugmentation = field(default_factory=ColourAugmentation)
    own: bool = True


class StyleSamples:
    """Samples of a data set.

    Args:
        squares: its images.
        texts: their captions.
        references: index of an image -> that of its style reference.
        how: they are drawn.
        indices: of the images that there are samples of.
        features: what is kept of their middle; None takes random crops, which are encoded in every step.
    """

    def __init__(
        self,
        squares: Squares,
        texts: Texts,
        references: Callable[[int, np.random.Generator], int],
        how: Drawing,
        indices: Sequence[int],
        features: KeptFeatures | None = None,
    ) -> None:
        self.squares, self.texts, self.references, self.how = squares, texts, references, how
        self.indices, self.features = tuple(indices), features

    def __len__(self) -> int:
        return len(self.indices)

    def sample(self, index: int, rng: np.random.Generator) -> Batch:
        """Return a sample, all of it drawn by ``rng``.

        - ``noise`` (4, h, w) and the timestep ``t``;
        - ``plain`` and ``styled`` token numbers of the text, or of the empty one; ``style``, whether style is there;
        - with kept features ``latents`` (4, h, w) and the statistics ``low``, ``mid``, ``high`` of the reference; else
          ``image`` (3, side, side), uint8, ``reference`` where that is another one, and ``drawn`` (4, h, w), the noise
          of the auto-encoder;
        - with a content adapter how its ``colours`` change (3, 4), whether it is ``kept``, and, with kept features,
          ``content`` (3, side, side), uint8.

        Raises:
            InputError: if an image cannot be read.
        """
        which, how = self.indices[index], self.how
        text, style = self._conditions(rng)
        row = which if text else EMPTY
        found = {
            "t": torch.tensor(int(rng.integers(STEPS))),
            "noise": torch.from_numpy(rng.standard_normal(how.latents, np.float32)),
            "style": torch.tensor(style),
            "plain": self.texts.ids(row, styled=False),
            "styled": self.texts.ids(row, styled=True),
        }
        found |= self._kept(which, rng) if self.features else self._cropped(which, rng)
        if how.content is not None:
            found["colours"] = drawn_colours(how.colours, rng)
            found["kept"] = torch.tensor(float(rng.random() >= how.content))
        return found

    def _conditions(self, rng: np.random.Generator) -> tuple[bool, bool]:
        """Return whether there is text, and whether there is style."""
        how, drawn = self.how, rng.random()
        if drawn < how.both:
            return False, False
        return not drawn < how.both + how.text, not how.both + how.text <= drawn < how.both + how.text + how.style

    def _kept(self, which: int, rng: np.random.Generator) -> Batch:
        assert self.features is not None
        mirror = bool(rng.random() < self.how.flip)
        own = self.features(which, mirror=mirror)
        reference = own
        if not self.how.own:
            reference = self.features(self.references(which, rng), mirror=bool(rng.random() < self.how.flip))
        drawn = torch.from_numpy(rng.standard_normal(self.how.latents, np.float32))
        found = {name: reference[name] for name in reference if name not in ("mean", "deviation")}
        found["latents"] = torch.addcmul(own["mean"].float(), own["deviation"].float(), drawn)
        if self.how.content is not None:
            found["content"] = self.squares.middle(which, mirror=mirror)
        return found

    def _cropped(self, which: int, rng: np.random.Generator) -> Batch:
        found = {"image": self.squares.cropped(which, drawn_crop(rng, self.how.flip))}
        if not self.how.own:
            reference = self.references(which, rng)
            found["reference"] = self.squares.cropped(reference, drawn_crop(rng, self.how.flip))
        found["drawn"] = torch.from_numpy(rng.standard_normal(self.how.latents, np.float32))
        return found
