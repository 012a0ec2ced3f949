"""A photo that is ready to move: looked at once, and rendered with any motion, some frames at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from visioncore.devices import autocast, with_backoff
from visioncore.errors import InputError

from ..network.animation import Source
from ..network.autoencoder import FlowAutoencoder
from ..network.flow import Motion
from .controls import from_inside, from_photo, pasted, still_grid, strengthened, within
from .motions import ClipMotion, Motions, PeriodicMotion, Size
from .photos import Photo, downsampled, small_size
from .refinement import Refinement


@dataclass
class Running:
    """Where and how the auto-encoder runs.

    Attributes:
        network: the auto-encoder.
        device: of it.
        dtype: its precision.
        batch: frames on the device at a time; less after memory ran out.
        notify: told when it becomes less.
    """

    network: FlowAutoencoder
    device: torch.device
    dtype: torch.dtype
    batch: int
    notify: Callable[[str], None]


class Shot:
    """A photo, and what is changed of each motion that it is rendered with.

    Args:
        running: where and how.
        photo: what moves.
        side: shorter side in pixels of the size in which its regions are found.
        strength: as of `strengthened`.
        mask: (1, 1, H, W) in [0, 1]; where it is 0 the frames are the photo.
        refinement: makes what refines the features of an animation's frames, from the first on.
    """

    def __init__(
        self,
        running: Running,
        photo: Photo,
        side: int,
        *,
        strength: float = 1.0,
        mask: Tensor | None = None,
        refinement: Callable[[], Refinement | None] = lambda: None,
    ) -> None:
        self.running, self.photo, self.strength, self.mask = running, photo, strength, mask
        self.refinement = refinement
        self.source = look(running, photo, side)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the maps of motion that the renderer takes, before it resizes them to all of its own."""
        scale = self.running.network.config.scale
        height, width = self.source.photo.shape[2:]
        return round(height * scale), round(width * scale)

    def still(self, size: Size, of: Size | None = None) -> Tensor:
        """Return the grid (h, w, 2) with which nothing moves.

        Args:
            size: of maps, h and w.
            of: height and width of what is sampled; default: those of the photo with its padding.
        """
        photo = self.source.photo
        sampled = (photo.shape[2], photo.shape[3]) if of is None else of
        return still_grid(size, sampled, photo, align_corners=self.running.network.config.align_corners)

    def frames(self, motions: Motions) -> Iterator[NDArray[np.uint8]]:
        """Yield the frames (H, W, 3) of a motion, without the padding of the photo.

        Raises:
            InputError: if memory does not suffice for one frame, or what comes out is not finite.
        """
        refinement = self.refinement()
        for motion in self.changed(motions):
            refined = None if refinement is None else refinement(self.source, motion)
            for decoded in self._decoded(motion, refined):
                yield from self._finished(decoded)

    def changed(self, motions: Motions) -> Iterator[Motion]:
        """Yield a motion as it is rendered, ``batch`` frames at a time."""
        device = self.source.photo.device
        first = next(motions.first().chunks(1, self.size, device)) if isinstance(motions, PeriodicMotion) else None
        mask = None
        if self.mask is not None:
            below, right = self.photo.padding
            mask = functional.pad(self.mask, (0, right, 0, below), mode="replicate").to(device)
        found_for = motions.size if isinstance(motions, ClipMotion) else None
        for motion in motions.chunks(self.running.batch, self.size, device):
            yield self._motion(motion, first, mask, found_for)

    def _motion(self, motion: Motion, first: Motion | None, mask: Tensor | None, found_for: Size | None) -> Motion:
        maps = motion.flow.shape[1], motion.flow.shape[2]
        still = self.still(maps)
        changed = motion if first is None else from_photo(motion, first, still)
        if found_for is not None:
            changed = Motion(changed.flow + (still - self.still(maps, found_for)), changed.occlusion)
        changed = strengthened(changed, self.strength, still)
        if mask is not None:
            changed = within(changed, mask, still)
        if first is None:  # taken from a clip, with what is hidden in it
            return changed
        height, width = self.source.photo.shape[2:]
        return from_inside(changed, (height, width), align_corners=self.running.network.config.align_corners)

    def _finished(self, decoded: Tensor) -> NDArray[np.uint8]:
        """(n, 3, H, W) -> (n, H, W, 3) without padding."""
        height, width = self.photo.size
        frames = decoded[..., :height, :width].float().cpu()
        if not frames.isfinite().all():
            raise InputError("frames are not finite; use weights that are, or a higher precision (float32)")
        if self.mask is not None:
            frames = pasted(frames, self.photo.pixels[..., :height, :width], self.mask)
        pixels: NDArray[np.uint8] = (frames.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        return pixels

    @torch.inference_mode()
    def _decoded(self, motion: Motion, refined: Tensor | None) -> list[Tensor]:
        def run(batch: int) -> tuple[int, list[Tensor]]:
            parts = torch.arange(len(motion.flow)).split(batch)
            return batch, [self._some(motion, refined, part) for part in parts]

        running = self.running
        running.batch, frames = with_backoff(run, running.batch, notify=running.notify)
        return frames

    def _some(self, motion: Motion, refined: Tensor | None, part: Tensor) -> Tensor:
        count, source, running = len(part), self.source, self.running
        occlusion = None if motion.occlusion is None else motion.occlusion[part]
        with autocast(running.device, running.dtype):
            return running.network.generator.decode(
                source.photo.expand(count, -1, -1, -1),
                [feature.expand(count, -1, -1, -1) for feature in source.features],
                Motion(motion.flow[part], occlusion),
                None if refined is None else refined[part],
            ).prediction


@torch.inference_mode()
def look(running: Running, photo: Photo, side: int) -> Source:
    """Return a photo on the device, with its features and regions."""
    network, pixels = running.network, photo.pixels
    size = small_size(pixels.shape[2], pixels.shape[3], side, network.config.multiple)
    own = next(network.parameters())
    small, pixels = downsampled(pixels, size).to(own), pixels.to(own)
    with autocast(running.device, running.dtype):
        features = network.generator.encode(pixels)
    return Source(pixels, small, network.region_predictor(small), features)
