"""Segmentation slice by slice: slices are resized in threads, run in batches, and their labels resized back."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from visioncore.devices import autocast, with_backoff
from visioncore.errors import InputError
from visioncore.inference.dihedral import self_ensemble as run_all_ways
from visioncore.weights.pretrained import Pretrained

from ..data.resizing import resize_image, resize_labels
from ..network.output import Output
from .across_slices import smoothed
from .work_ahead import Steps, ahead, one_behind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Labels = NDArray[np.uint8] | NDArray[np.uint16]
    Slices = NDArray[Any]

Stage = Literal["fused", "fine", "coarse"]
"""Which logits are final: the mean of both decoders', the second decoder's, or the upsampled ones of the first."""


class SliceSegmenter:
    """Labels slices one by one, as published: resized by splines, labels taken back from the nearest pixel.

    Args:
        model: the network, in evaluation mode and on the device.
        device: where it is.
        dtype: what it computes in where that is safe.
        batch: slices on the device at a time; halved, for good, when memory runs out.
        stage: whose logits decide, see `Stage`.
        input_size: side in pixels to which slices are resized first; None to go to the network's size directly.
        self_ensemble: average the logits over the eight rotated and flipped versions of each slice.
        compile: compile the network first.
        smooth: standard deviation, in slices, of the Gaussian by which probabilities are smoothed from slice to
            slice; 0 for none.
        notify: told, in one line, when the batch is halved.
        others: further networks, of the same classes and size; the mean of all probabilities then decides.
    """

    def __init__(
        self,
        model: Pretrained,
        device: torch.device,
        dtype: torch.dtype,
        *,
        batch: int,
        stage: Stage,
        input_size: int | None,
        self_ensemble: bool,
        compile: bool,
        smooth: float,
        notify: Callable[[str], None],
        others: Sequence[Pretrained] = (),
    ) -> None:
        self.model, self.device, self.dtype, self.self_ensemble = model, device, dtype, self_ensemble
        self.network: Callable[[Tensor], Output] = torch.compile(model) if compile else model
        self.others: list[Callable[[Tensor], Output]] = [torch.compile(other) if compile else other for other in others]
        self.batch, self.stage, self.input_size, self.notify = batch, stage, input_size, notify
        self.smooth = smooth
        self._weights_dtype = next(model.parameters()).dtype

    @torch.no_grad()
    def __call__(
        self,
        slices: Slices,
        scale: Callable[[Slices], NDArray[np.float32]],
        *,
        probabilities: bool = False,
    ) -> Steps[tuple[Labels, NDArray[np.float16] | None]]:
        """Return, in steps, labels (D, H, W) and, if asked for, probabilities (K, D, H, W) of the nearest pixels.

        Args:
            slices: (D, H, W), or (D, H, W, 3) for RGB.
            scale: makes of one of them what the network is used to, values in [0, 1]; runs in threads.
            probabilities: whether they are asked for.

        Raises:
            InputError: if the network's output is not finite, or memory does not suffice for a single slice.
        """
        channels, shape = self.model.config.channels, slices.shape[:3]
        labels = np.empty(shape, np.min_scalar_type(channels - 1))
        likely = np.empty((channels, *shape), np.float16) if probabilities else None
        decide = partial(self._decide, places=self._places(shape[1], shape[2]), probabilities=probabilities)

        def batches() -> Iterator[Tensor]:
            ready = ahead(lambda index: self._prepare(scale(slices[index])), len(slices), 2 * self.batch)
            while pieces := list(islice(ready, self.batch)):
                yield torch.from_numpy(np.stack(pieces))

        if self.smooth:
            means = smoothed(self._likely(batches()), self.smooth)
            decided = (decide(likely.log()) for likely in means)
        else:
            decided = (self._in_parts(lambda part: decide(self._logits(part)), images) for images in batches())
        done = 0
        yield done, len(slices)
        for chosen, finite, *more in one_behind(decided):
            _check_finite(finite, done)
            here = slice(done, done + len(chosen))
            labels[here] = chosen.cpu().numpy()
            if likely is not None:
                likely[:, here] = more[0].cpu().numpy().swapaxes(0, 1)
            while done < here.stop:
                done += 1
                yield done, len(slices)
        return labels, likely

    @torch.no_grad()
    def run(self, images: Tensor) -> Tensor:
        """Return the final logits, (B, K, S, S), for images (B, 3, S, S), on the device where these are."""
        return self._in_parts(lambda part: [self._logits(part).to(images.device)], images)[0]

    def _prepare(self, piece: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a slice, (H, W) or (H, W, 3), at the network's size as (1 or 3, S, S)."""
        side = self.model.config.image_size
        for size in (self.input_size or side, side):
            piece = resize_image(piece, (size, size))
        return np.moveaxis(piece.reshape(side, side, -1), -1, 0)

    def _places(self, height: int, width: int) -> Tensor | None:
        """Return the index in S x S of each of H x W pixels, counted from 1, 0 for none; None if H = W = S."""
        side = self.model.config.image_size
        if (height, width) == (side, side):
            return None
        numbers = np.arange(1, side * side + 1).reshape(side, side)
        return torch.from_numpy(resize_labels(numbers, (height, width))).to(self.device)

    def _likely(self, batches: Iterator[Tensor]) -> Iterator[Tensor]:
        """Yield the probabilities of batches of images, all finite: a mean would spread what is not to other slices."""
        done = 0
        for images in batches:
            (logits,) = self._in_parts(lambda part: [self._logits(part)], images)
            _check_finite(_finite(logits.amax(dim=1)), done)
            done += len(logits)
            yield logits.softmax(dim=1)

    def _decide(self, logits: Tensor, *, places: Tensor | None, probabilities: bool) -> Sequence[Tensor]:
        """Return the labels of final logits (B, K, S, S), on the device.

        Returns:
            Labels (B, H, W); whether the logits of each slice are finite (B,); and, if asked for, probabilities
            (B, K, H, W) in half precision.
        """
        highest, chosen = logits.max(dim=1)
        chosen = chosen.to(torch.uint8 if logits.shape[1] <= 256 else torch.int32)
        found = [_taken(chosen, places), _finite(highest)]
        if probabilities:
            likely = _taken(logits.softmax(dim=1).half(), places)
            if places is not None:
                likely[:, 0] += places == 0
            found.append(likely)
        return found

    def _logits(self, images: Tensor) -> Tensor:
        """Return the final logits, (B, K, S, S), of images (B, 1 or 3, S, S), on the device."""
        images = images.to(self.device, self._weights_dtype)
        return run_all_ways(self._logits_once, images) if self.self_ensemble else self._logits_once(images)

    def _logits_once(self, images: Tensor) -> Tensor:
        logits = self._logits_of(self.network, images)
        if not self.others:
            return logits
        every = [logits, *(self._logits_of(other, images) for other in self.others)]
        return torch.stack([each.log_softmax(dim=1) for each in every]).logsumexp(dim=0) - math.log(len(every))

    def _logits_of(self, network: Callable[[Tensor], Output], images: Tensor) -> Tensor:
        with autocast(self.device, self.dtype):
            output = network(images.expand(-1, 3, -1, -1))
        coarse, fine = _exact(output.coarse_logits), output.fine_logits
        if fine is None or self.stage == "coarse":
            return Output(coarse, None).logits
        return _exact(fine) if self.stage == "fine" else Output(coarse, _exact(fine)).logits

    def _in_parts(self, work: Callable[[Tensor], Sequence[Tensor]], images: Tensor) -> Sequence[Tensor]:
        """Return ``work(images)``, computed for as many images at a time as memory has room for."""

        def run(size: int) -> Sequence[Tensor]:
            self.batch = size
            parts = [work(part) for part in images.split(size)]
            return parts[0] if len(parts) == 1 else [torch.cat(pieces) for pieces in zip(*parts, strict=True)]

        return with_backoff(run, self.batch, notify=self.notify)


def slices_at_a_time(device: torch.device, side: int) -> int:
    """Return how many slices of a side are fastest together, by measurement (docs/speed.md)."""
    return 8 if device.type != "cpu" else min(8, max(1, 8 * 224**2 // side**2))


def _finite(highest: Tensor) -> Tensor:
    """Return for each slice (B,) whether the highest logits of its pixels (B, S, S) are all finite."""
    return highest.isfinite().flatten(1).all(dim=1)


def _check_finite(finite: Tensor, first: int) -> None:
    if not finite.all():
        raise InputError(
            f"slice {first + int(finite.int().argmin())}: the network's output is not finite; use weights that are, or "
            "a higher precision (float32)"
        )


def _exact(logits: Tensor) -> Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def _taken(maps: Tensor, places: Tensor | None) -> Tensor:
    """Return maps (..., S, S) as (..., H, W), with the values at ``places`` as `SliceSegmenter._places` counts them."""
    return maps if places is None else F.pad(maps.flatten(-2), (1, 0))[..., places]
