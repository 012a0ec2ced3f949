"""Any image -> image network on images of any size: padded and run whole, or in overlapping tiles without seams.

Images are float tensors (B, C, H, W) in whatever range the network wants. A network is a callable from (B, C, H, W) to
(B, C', H, W) for sides that are multiples of ``multiple``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, product

import torch
import torch.nn.functional as F
from torch import Tensor

from ..devices import with_backoff
from ..errors import InputError

Network = Callable[[Tensor], Tensor]

Tiles = str | tuple[int, int]
"""How an image is cut up: as memory asks for (``auto``), not at all (``whole``), into tiles of (size, overlap), or in a
way that a network has a name for."""


def parse_tiles(tiles: Tiles | None, others: Sequence[str] = (), example: str = "256,32") -> Tiles:
    """Parse ``auto``, ``whole``, ``SIZE,OVERLAP`` or one of ``others``; None stands for ``whole``.

    Args:
        tiles: as text, or as it is returned.
        others: further names.
        example: of tiles, for the message.

    Raises:
        InputError: if it is none of these.
    """
    text = "whole" if tiles is None else tiles if isinstance(tiles, str) else ",".join(map(str, tiles))
    if text in ("auto", "whole", *others):
        return text
    size, comma, overlap = text.partition(",")
    if not (comma and size.strip().isdecimal() and overlap.strip().isdecimal()):
        raise InputError(
            f"tiles is {text!r}; it must be {', '.join(['auto', *others, 'whole'])} or SIZE,OVERLAP such as {example}"
        )
    return int(size), int(overlap)


def check_tiles(tiles: Tiles, multiple: int, least_overlap: int = 0) -> None:
    """Check that tiles suit a network.

    Args:
        tiles: as `parse_tiles` returns them.
        multiple: what the network needs the sides to be a multiple of.
        least_overlap: pixels that tiles must share.

    Raises:
        InputError: if they do not.
    """
    if isinstance(tiles, tuple) and (tiles[0] % multiple or not least_overlap <= tiles[1] < tiles[0]):
        least = f"at least {least_overlap} and " if least_overlap else ""
        raise InputError(
            f"tiles are {tiles[0]},{tiles[1]}; the size must be a positive multiple of {multiple}, the overlap {least}"
            "smaller than that"
        )


def pad_to_multiple(image: Tensor, multiple: int) -> Tensor:
    """Return ``image`` (B, C, H, W) with both sides grown to multiples of ``multiple``, on the right and at the bottom.

    The image is mirrored about its last row and column; where a side is too short for that, these are repeated.
    """
    height, width = image.shape[-2:]
    bottom, right = -height % multiple, -width % multiple
    if bottom:
        image = F.pad(image, (0, 0, 0, bottom), mode="reflect" if bottom < height else "replicate")
    if right:
        image = F.pad(image, (0, right, 0, 0), mode="reflect" if right < width else "replicate")
    return image


def run_whole(network: Network, image: Tensor, multiple: int) -> Tensor:
    """Return ``network(image)`` for an image (B, C, H, W) with sides of any length: padded, run, cropped."""
    height, width = image.shape[-2:]
    return _run(network, pad_to_multiple(image, multiple))[..., :height, :width]


def run_tiled(
    network: Network,
    image: Tensor,
    *,
    size: int | tuple[int, int],
    overlap: int,
    multiple: int = 1,
    batch: int = 1,
    device: torch.device | None = None,
    notify: Callable[[str], None] | None = None,
    spans: Callable[[int], list[Span]] | None = None,
) -> Tensor:
    """Return ``network(image)``, computed in overlapping tiles that are blended linearly; no gradients.

    Only ``batch`` tiles are on the device at a time, fewer after it ran out of memory. A tile's outer quarter of the
    overlap is dropped and the next half fades into the neighbour, so a network that looks no further than
    ``overlap // 4`` pixels gives just what ``run_whole`` gives.

    Args:
        network: the network, on ``device``.
        image: (B, C, H, W), best on the CPU. Where it is shorter than a tile, the tile is as short.
        size: side of square tiles in pixels, or their height and width; multiples of ``multiple``.
        overlap: pixels that neighbours share at least, less than ``size``; tiles begin at multiples of ``multiple``
            where the overlap allows it, so that a network with strides sees the same grid as in the whole image.
        multiple: what the network needs the sides to be a multiple of.
        batch: how many tiles the network gets at once.
        device: where the network runs (default: where the image is).
        notify: receives one line when the memory runs out and the batch is halved.
        spans: length of a side -> where tiles lie along it and how much their pixels count; by default tiles are spread
            evenly and fade into each other.

    Returns:
        (B, C', H, W) on the CPU, in float32, or in float64 if the network's output is.

    Raises:
        InputError: if ``size``, ``overlap``, ``multiple`` and ``batch`` do not go together, if the image is not
            (B, C, H, W) or has no pixels, or if the memory runs out for a single tile.
    """
    sizes = (size, size) if isinstance(size, int) else size
    _check(image, sizes, overlap, multiple, batch)
    device = device or image.device
    padded = pad_to_multiple(image, multiple)
    evenly = partial(_spans, overlap=overlap, multiple=multiple)
    rows, columns = (
        spans(length) if spans else evenly(length, side) for length, side in zip(padded.shape[-2:], sizes, strict=True)
    )
    tiles = list(product(range(len(padded)), rows, columns))
    done = 0

    def run_some(count: int) -> tuple[int, Tensor]:
        chosen = tiles[done : done + count]
        stack = torch.stack([padded[index, :, row.slice, column.slice] for index, row, column in chosen])
        output = _run(network, stack.to(device)).cpu()
        return len(chosen), output.to(torch.promote_types(output.dtype, torch.float32))

    with torch.no_grad():
        while done < len(tiles):
            batch, outputs = with_backoff(run_some, min(batch, len(tiles) - done), notify=notify)
            if not done:
                result = outputs.new_zeros(len(padded), outputs.shape[1], *padded.shape[-2:])
            for (index, row, column), output in zip(tiles[done : done + batch], outputs, strict=True):
                weight = (row.weight[:, None] * column.weight).to(output.dtype)
                result[index, :, row.slice, column.slice] += output * weight
            done += batch
    return result[..., : image.shape[-2], : image.shape[-1]]


@dataclass(frozen=True)
class Span:
    """Position of a tile along one side of the image, and the weight of each of its pixels (float64)."""

    slice: slice
    weight: Tensor


def _spans(length: int, size: int, overlap: int, multiple: int) -> list[Span]:
    """Spread the fewest tiles evenly over one side; at every pixel their weights sum to one."""
    size = min(size, length)
    grid = multiple if size - overlap >= multiple else 1
    stride = max(size - overlap, 1) // grid * grid
    steps = -(-(length - size) // stride)
    starts = [(length - size) * step // max(steps, 1) // grid * grid for step in range(steps + 1)]
    weights = [torch.ones(size, dtype=torch.float64) for _ in starts]
    for before, (start, following) in enumerate(pairwise(starts)):
        shared = start + size - following
        if shared:
            rise = _ramp(shared)
            weights[before][size - shared :] *= rise.flip(0)
            weights[before + 1][:shared] *= rise
    # Where more than two tiles meet, the products of their ramps do not sum to one by themselves.
    total = torch.zeros(length, dtype=torch.float64)
    for start, weight in zip(starts, weights, strict=True):
        total[start : start + size] += weight
    return [
        Span(slice(start, start + size), weight / total[start : start + size])
        for start, weight in zip(starts, weights, strict=True)
    ]


def _ramp(length: int) -> Tensor:
    """Return weights: 0 in the first quarter, rising linearly, 1 in the last quarter; with their mirror, one."""
    margin = length // 4
    return ((torch.arange(length, dtype=torch.float64) + 0.5 - margin) / (length - 2 * margin)).clamp(0, 1)


def _run(network: Network, image: Tensor) -> Tensor:
    output = network(image)
    if output.shape[-2:] != image.shape[-2:]:
        sizes = " to ".join(f"{height}x{width}" for height, width in (image.shape[-2:], output.shape[-2:]))
        raise ValueError(f"the network changed the size from {sizes}; tiling is for networks that keep it")
    return output


def _check(image: Tensor, sizes: tuple[int, int], overlap: int, multiple: int, batch: int) -> None:
    if image.ndim != 4 or not image.numel() or not image.is_floating_point():
        raise InputError(
            f"an image of shape {tuple(image.shape)} and {image.dtype}; should be (B, C, H, W), not empty, of floats"
        )
    for size in sizes:
        if multiple < 1 or size < 1 or size % multiple:
            raise InputError(
                f"tile size {size}: should be a multiple of {multiple}, such as {max(size // multiple, 1) * multiple}"
            )
    # where one tile covers a side it has no neighbours there
    cut = [side for side, length in zip(sizes, image.shape[-2:], strict=True) if side < length]
    size = min(cut, default=max(*sizes, overlap + 1))
    if not 0 <= overlap < size:
        raise InputError(f"tile overlap {overlap}: should be from 0 to {size - 1}, less than the tile size {size}")
    if batch < 1:
        raise InputError(f"tile batch {batch}: should be at least 1")
