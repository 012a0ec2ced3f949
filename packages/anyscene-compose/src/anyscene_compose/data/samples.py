"""Training samples: a scene, its foreground in another light, its caption, and what is drawn for the step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from visioncore.data.kept_features import KeptFeatures
from visioncore.data.squares import Crop, drawn_crop
from visioncore.diffusion.schedule import STEPS

from ..network.conditions import condition_of, edges
from ..network.config import Form
from ..network.losses import place_weights
from .composites import composite, crop
from .kept_looks import KeptLooks
from .looks import Layer, LookAugmentation, drawn_look, relit
from .preparation import Square, Squares
from .texts import Texts

Batch = dict[str, Tensor]

TRIES = 8
"""Random crops until one shows an element of the wanted size."""


@dataclass(frozen=True)
class Drawing:
    """How samples are drawn.

    Attributes:
        latents: shape of the latents.
        crops: side of the elements' crops in pixels.
        form: of the injector, which decides the condition.
        steps: of the base's schedule.
        flip: probability that a scene is mirrored.
        text, foreground, both: shares of the samples without text, without the foreground's tokens, without either.
        elements: most of a foreground.
        area: share of the square that an element takes, at least and at most, and all together at most.
        looks: how much elements differ from their scene.
    """

    latents: tuple[int, int, int]
    crops: int
    form: Form = "anyscene"
    steps: int = STEPS
    flip: float = 0.0
    text: float = 0.0
    foreground: float = 0.0
    both: float = 0.0
    elements: int = 4
    area: tuple[float, float] = (0.01, 0.7)
    looks: LookAugmentation = field(default_factory=LookAugmentation)


class SeenLooks(NamedTuple):
    """Looks of elements that are drawn once, and what the frozen encoder makes of them."""

    looks: KeptLooks
    features: KeptFeatures


class SceneSamples:
    """Samples of a data set.

    Args:
        squares: its scenes.
        texts: their captions.
        how: they are drawn.
        indices: of the scenes that there are samples of.
        latents: kept of their middle; None takes random crops, which are encoded in every step.
        seen: looks of elements with what is kept of them, where latents are; None draws new ones in every step, and
            encodes them there.
    """

    def __init__(
        self,
        squares: Squares,
        texts: Texts,
        how: Drawing,
        indices: Sequence[int],
        latents: KeptFeatures | None = None,
        seen: SeenLooks | None = None,
    ) -> None:
        self.squares, self.texts, self.how = squares, texts, how
        self.indices, self.latents, self.seen = tuple(indices), latents, seen

    def __len__(self) -> int:
        return len(self.indices)

    def sample(self, index: int, rng: np.random.Generator) -> Batch:
        """Return a sample, all of it drawn by ``rng``.

        - ``noise`` (4, h, w), the timestep ``t``, and ``drawn`` (4, h, w), the noise of the auto-encoder;
        - ``text`` (L, context), of XL also ``pooled`` (P,) and ``sizes`` (6,);
        - ``scene`` (3, side, side), uint8; or, where they are kept, ``mean`` and ``deviation`` of its latents;
        - ``condition`` (5, side, side), uint8, see `condition_of`, or (1, side, side) `edges`; ``weights`` (1, h, w) of
          places, see `place_weights`;
        - of each element ``crops`` (E, 4, c, c), uint8, straight RGBA, or kept ``features`` (E, P, D), ``masks``
          (E, h, w), whether it touches a place, and ``named`` (E, L), which tokens name it; elements that are not there
          have an empty mask;
        - ``semantic``, whether the foreground's tokens are seen.

        Raises:
            InputError: if a scene cannot be read.
        """
        which, how = self.indices[index], self.how
        item = self.squares.items[which]
        with_text, semantic = self._conditions(rng)
        caption = item.captions[int(rng.integers(len(item.captions)))] if with_text else ""
        mirror = bool(rng.random() < how.flip)
        found: Batch = {
            "t": torch.tensor(int(rng.integers(how.steps))),
            "noise": torch.from_numpy(rng.standard_normal(how.latents, np.float32)),
            "drawn": torch.from_numpy(rng.standard_normal(how.latents, np.float32)),
            "semantic": torch.tensor(semantic),
            **self.texts(caption),
        }
        if self.latents is None:
            shown, chosen = self._cropped(which, mirror, rng)
            found["scene"] = planes(shown.scene)
        else:
            shown = self.squares.middle(which, mirror=mirror)
            chosen = self._chosen(shown, rng)
            found |= self.latents(which, mirror=mirror)
        found["sizes"] = torch.tensor(shown.sizes)
        words = self._words(which, shown, chosen)
        found["named"] = self._padded(self.texts.named(caption, words))
        elements = shown.elements[chosen]
        if self.seen is None:
            layers = [relit(_unit(each), drawn_look(how.looks, rng)) for each in elements]
            return found | self._foreground(layers) | {"crops": self._crops(layers)}
        looks = self.seen.looks
        places = [looks.place(which, number, int(rng.integers(looks.each))) for number in chosen]
        layers = [relit(_unit(each), looks.look(place)) for each, place in zip(elements, places, strict=True)]
        features = [self.seen.features(place, mirror=mirror)["features"] for place in places]
        return found | self._foreground(layers) | {"features": self._padded(torch.stack(features))}

    def seen_crop(self, place: int, *, mirror: bool = False) -> Tensor:
        """Return the crop (4, c, c), uint8, of a look of an element whose features are kept.

        Raises:
            InputError: if its scene cannot be read.
        """
        assert self.seen is not None
        which, element, _ = self.seen.looks.at(place)
        layer = _unit(self.squares.middle(which, mirror=mirror).elements[element])
        return crop(relit(layer, self.seen.looks.look(place)), self.how.crops)

    def _conditions(self, rng: np.random.Generator) -> tuple[bool, bool]:
        """Return whether there is text, and whether the foreground's tokens are seen."""
        how, drawn = self.how, rng.random()
        if drawn < how.both:
            return False, False
        return not drawn < how.both + how.text, not how.both + how.text <= drawn < how.both + how.text + how.foreground

    def _cropped(self, which: int, mirror: bool, rng: np.random.Generator) -> tuple[Square, list[int]]:
        """Return a random crop and the elements chosen in it; the middle where none shows any."""
        for _ in range(TRIES):
            place = drawn_crop(rng, float(mirror))
            shown = self.squares.cropped(which, place)
            if len(self._fitting(shown)):
                return shown, self._chosen(shown, rng)
        shown = self.squares.cropped(which, Crop(mirror=mirror))
        return shown, self._chosen(shown, rng)

    def _fitting(self, shown: Square) -> NDArray[np.int64]:
        """Return the elements that show in a square in a size that is wanted."""
        least, most = self.how.area
        return np.flatnonzero((shown.areas >= least) & (shown.areas <= most))

    def _chosen(self, shown: Square, rng: np.random.Generator) -> list[int]:
        """Return some elements of a square, from the back to the front; the largest where none is of a size wanted."""
        fitting = self._fitting(shown)
        if not len(fitting):
            return [int(shown.areas.argmax())]
        count = int(rng.integers(1, min(len(fitting), self.how.elements) + 1))
        drawn, taken = list[int](), 0.0
        for number in rng.permutation(fitting)[:count]:
            if taken + shown.areas[number] <= self.how.area[1]:
                drawn.append(int(number))
                taken += float(shown.areas[number])
        return sorted(drawn)

    def _foreground(self, layers: Sequence[Layer]) -> Batch:
        """Return elements as the spatial route and the layout are shown them."""
        laid = composite(np.stack(layers))
        touched = functional.adaptive_max_pool2d(torch.from_numpy(laid.masks), self.how.latents[1:]) > 0
        layer = torch.from_numpy(laid.layer.transpose(2, 0, 1).copy())[None]
        condition = edges(layer) if self.how.form == "canny" else condition_of(layer)
        return {
            "condition": (condition[0] * 255).round().byte(),
            "weights": place_weights(layer[:, 3:], *self.how.latents[1:])[0],
            "masks": self._padded(touched),
        }

    def _crops(self, layers: Sequence[Layer]) -> Tensor:
        # whole, as at inference, also where others lie over them
        return self._padded(torch.stack([crop(layer, self.how.crops) for layer in layers]))

    def _words(self, which: int, shown: Square, chosen: Sequence[int]) -> list[tuple[str, ...]]:
        """Return words that name each chosen element and nothing else that shows, such as a second one of its kind."""
        parts = self.squares.items[which].parts
        seen = (part for number, part in enumerate(parts) if shown.areas[number] and number not in chosen)
        others = {word for part in seen for word in part.words}
        return [tuple(word for word in parts[number].words if word not in others) for number in chosen]

    def _padded(self, values: Tensor) -> Tensor:
        """Return values (E, ...) of elements with those that are not there, which have nothing."""
        return torch.cat((values, values.new_zeros(self.how.elements - len(values), *values.shape[1:])))


def _unit(pixels: NDArray[np.uint8]) -> Layer:
    return (pixels / 255).astype(np.float32)


def planes(pixels: NDArray[np.uint8]) -> Tensor:
    """Return pixels (H, W, C) as (C, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
