"""Made-up clips: things that swing at a known frequency; the tests and training without data need nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .clips import Clip, Pixels

Floats = NDArray[np.float32]

_WAVES = 5
"""Of the texture of a surface, for each colour."""


@dataclass(frozen=True)
class Swinging:
    """A textured thing on a textured ground; it, or all of the image, swings to and fro along a line.

    Attributes:
        length: frames n.
        size: side of the square frames in pixels.
        frequency: how often it swings within the n frames; the Fourier coefficient that its motion has.
        amplitude: to either side, as a share of the frame's side.
        seed: decides colours, place, direction and where the swing begins.
        all_moves: whether the ground moves with the thing.
        fps: frames per second.
    """

    length: int
    size: int
    frequency: int
    amplitude: float
    seed: int
    all_moves: bool = False
    fps: float | None = 25.0

    @property
    def path(self) -> None:
        """Nothing is read."""
        return None

    @cached_property
    def shifts(self) -> NDArray[np.float64]:
        """How far, (n, 2) in pixels (x, y), what moves is from where it is in frame 0."""
        rng = np.random.default_rng([self.seed, 1])
        angle, phase = rng.uniform(0, 2 * np.pi, 2)
        turns = 2 * np.pi * self.frequency * np.arange(self.length) / self.length + phase
        along = self.amplitude * self.size * (np.sin(turns) - np.sin(phase))
        return along[:, None] * np.array([np.cos(angle), np.sin(angle)])

    @cached_property
    def _look(self) -> tuple[_Texture, _Texture, float, NDArray[np.float64]]:
        """Ground and surface; radius and centre of the thing in frame 0, as shares of the frame's side."""
        rng = np.random.default_rng([self.seed, 0])
        ground, surface = _Texture(rng), _Texture(rng)
        return ground, surface, rng.uniform(0.18, 0.26), rng.uniform(0.42, 0.58, 2)

    @cached_property
    def _line(self) -> Floats:
        """Places of the pixels' centres along a side."""
        return ((np.arange(self.size) + 0.5) / self.size).astype(np.float32)

    def read(self, numbers: Sequence[int]) -> Iterator[Pixels]:
        """Yield frames (size, size, 3) by number."""
        ground, surface, radius, _ = self._look
        across, down = self._line[None], self._line[:, None]
        for number in numbers:
            x, y = (np.float32(shift) for shift in self.shifts[number] / self.size)
            moved = across - x, down - y
            # an edge of two pixels
            share = np.clip((radius - self._distance(number)) * self.size / 2 + 0.5, 0, 1)[..., None]
            still = moved if self.all_moves else (across, down)
            yield (255 * ((1 - share) * ground(*still) + share * surface(*moved))).round().astype(np.uint8)

    def motion(self, number: int, first: int = 0) -> tuple[Floats, NDArray[np.bool_]]:
        """Return where each pixel of a frame is in another one, and whether it is seen there.

        Args:
            number: of the frame.
            first: of the other one. What is outside of it is not seen there; nor is ground that the thing hides in it.

        Returns:
            Places (size, size, 2) from -1 to 1, (x, y), and (size, size) of bool.
        """
        radius = self._look[2]
        inside = self._distance(number) <= radius
        moves = np.ones_like(inside) if self.all_moves else inside
        pixel = np.arange(self.size, dtype=np.float32)
        places = np.stack(np.broadcast_arrays(pixel[None], pixel[:, None]), axis=-1)
        places = places - moves[..., None] * (self.shifts[number] - self.shifts[first])
        seen = (places.min(axis=-1) >= 0) & (places.max(axis=-1) <= self.size - 1)
        if not self.all_moves:
            seen &= inside | (self._distance(first) > radius)
        return (2 * places / (self.size - 1) - 1).astype(np.float32), seen

    def _distance(self, number: int) -> NDArray[np.float64]:
        """How far each pixel is from the middle of the thing, as a share of the frame's side."""
        x, y = self._look[3] + self.shifts[number] / self.size
        return np.hypot(self._line[None] - x, self._line[:, None] - y)


class _Texture:
    """Colours of a surface, as a function of the place on it."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._base = rng.uniform(0.3, 0.7, 3).astype(np.float32)
        self._waves = rng.uniform(-25, 25, (3, _WAVES, 2)).astype(np.float32)
        self._phases = rng.uniform(0, 2 * np.pi, (3, _WAVES)).astype(np.float32)

    def __call__(self, x: Floats, y: Floats) -> Floats:
        """Return colours (H, W, 3) from 0 to 1."""
        across, down = self._waves[..., 0, None, None], self._waves[..., 1, None, None]
        waves = np.sin(across * x + down * y + self._phases[..., None, None]).mean(axis=1)
        return np.moveaxis(np.clip(self._base[:, None, None] + 0.6 * waves, 0, 1), 0, -1)


def make_clips(
    count: int,
    frames: int = 64,
    size: int = 64,
    *,
    frequencies: Sequence[int] = (1, 2, 3, 4),
    amplitude: float = 0.08,
    all_moves: bool = False,
    seed: int = 0,
) -> list[Clip]:
    """Return made-up clips; each one's label is its frequency, and its text says so.

    Args:
        count: how many.
        frames: of each, n.
        size: side of the frames in pixels.
        frequencies: swings within the n frames; one after the other is taken.
        amplitude: to either side, as a share of the frame's side.
        all_moves: whether the ground moves with the thing.
        seed: decides what they look like; the same clip has the same seed at any size.
    """
    return [
        Clip(
            f"made-up {number}",
            Swinging(frames, size, frequency, amplitude, seed + number, all_moves),
            label=str(frequency),
            texts=((f"a ball that swings {frequency} times",),),
        )
        for number, frequency in ((n, frequencies[n % len(frequencies)]) for n in range(count))
    ]
