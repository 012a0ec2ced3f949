"""Mean features of segments: of their pixels, and of their points.

The features of pixels are upsampled, brought to unit length and averaged. The published way holds all of them, for
every pixel of every image and several times over. But upsampling is linear, and so is the mean once the lengths are
known: those of four neighbours' mixtures follow from the neighbours' inner products. So nothing as wide as a feature is
ever made at full size, see `pool_pixels`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from .image_branch import full_size
from .segments import Segments

EPS = 1e-6
"""Added to the number of pixels or points that a sum is divided by, as published."""
_SHORTEST = 1e-12


def pool_pixels(decoded: Tensor, maps: Tensor, segments: Segments) -> Tensor:
    """Return the mean feature (S, C) of the pixels of each segment; differentiable once.

    Images without such a segment cost nothing; what is needed for the gradient is computed again, image by image.

    Args:
        decoded: (B, C, h, w) of the image branch's `decode`, at least 2 x 2.
        maps: (B, H, W) integers, category of each pixel.
        segments: those to pool.
    """
    if decoded.dtype in (torch.bfloat16, torch.float16):
        decoded = decoded.float()
    with torch.autocast(decoded.device.type, enabled=False):  # sums of thousands of pixels
        pooled: Tensor = _PixelPooling.apply(decoded, maps, segments)
    return pooled


def pool_pixels_at_full_size(decoded: Tensor, maps: Tensor, segments: Segments) -> Tensor:
    """Return the same as `pool_pixels` from all pixels of all images at once: the reference path."""
    features = full_size(decoded, (maps.shape[1], maps.shape[2])).permute(0, 2, 3, 1).flatten(0, 2)
    images = torch.arange(len(maps), device=maps.device)[:, None, None]
    ids = (images * segments.categories + maps).flatten()
    place = torch.searchsorted(segments.ids, ids).clamp(max=len(segments.ids) - 1)
    return pool_points(features, torch.where(segments.ids[place] == ids, place, -1), len(segments.ids))


def pool_points(features: Tensor, row: Tensor, count: int) -> Tensor:
    """Return the mean feature (S, C) of the points of each segment.

    Args:
        features: (M, C) of the point of each pair; one in several pairs counts in each.
        row: (M,) segment of each pair, from 0 to S - 1; a pair with -1 is left out.
        count: S.
    """
    place = torch.where(row < 0, count, row)  # one row more than there are segments
    sums = features.new_zeros(count + 1, features.shape[1]).index_add(0, place, features)
    return sums[:count] / (torch.bincount(place, minlength=count + 1)[:count, None].to(features.dtype) + EPS)


class _PixelPooling(Function):
    @staticmethod
    def forward(ctx: Any, decoded: Tensor, maps: Tensor, segments: Segments) -> Tensor:
        rows, columns = (_bilinear(*sizes, decoded) for sizes in zip(decoded.shape[2:], maps.shape[1:], strict=True))
        images, counts = segments.image.unique(return_counts=True)
        categories = segments.category.split(counts.tolist())
        ctx.parts = [(image, maps[image], own) for image, own in zip(images.tolist(), categories, strict=True)]
        ctx.upsampling = rows, columns
        ctx.save_for_backward(decoded)
        means = [_pool_image(decoded[image], pixels, own, rows, columns) for image, pixels, own in ctx.parts]
        return torch.cat([decoded.new_zeros(0, decoded.shape[1]), *means])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (decoded,) = ctx.saved_tensors
        of_decoded, first = torch.zeros_like(decoded), 0
        for image, pixels, own in ctx.parts:
            with torch.enable_grad():
                again = decoded[image].detach().requires_grad_()
                means = _pool_image(again, pixels, own, *ctx.upsampling)
            (of_decoded[image],) = torch.autograd.grad(means, again, gradient[first : first + len(own)])
            first += len(own)
        return of_decoded, None, None


class _Bilinear(NamedTuple):
    """Upsampling of one axis from n to N places, where the outermost places stay where they are.

    Attributes:
        matrix: (N, n), which mixes two neighbours.
        squared: (N, n), its squares.
        cross: (N, n - 1), twice the product of both factors, at the first neighbour.
    """

    matrix: Tensor
    squared: Tensor
    cross: Tensor


def _bilinear(size: int, upsampled: int, like: Tensor) -> _Bilinear:
    exact = torch.float64 if like.device.type != "mps" else torch.float32
    places = torch.arange(upsampled, dtype=exact, device=like.device) * ((size - 1) / max(upsampled - 1, 1))
    first = places.floor().long().clamp(max=size - 2)
    second_factor = places - first
    line = torch.arange(upsampled, device=like.device)
    matrix, cross = (torch.zeros(upsampled, n, dtype=exact, device=like.device) for n in (size, size - 1))
    matrix[line, first], matrix[line, first + 1] = 1 - second_factor, second_factor
    cross[line, first] = 2 * second_factor * (1 - second_factor)
    return _Bilinear(matrix, matrix.square(), cross)


def _pool_image(
    decoded: Tensor, categories_of_pixels: Tensor, own: Tensor, rows: _Bilinear, columns: _Bilinear
) -> Tensor:
    """Return the mean features (s, C) of categories (s,) in one image with the map (C, h, w)."""
    lengths = _squared_lengths(decoded.to(rows.matrix.dtype), rows, columns).clamp(min=_SHORTEST**2).sqrt()
    members = (categories_of_pixels == own[:, None, None]).to(decoded.dtype)
    weights = members / lengths.to(decoded.dtype)
    to_cells = rows.matrix.t().to(decoded.dtype) @ weights @ columns.matrix.to(decoded.dtype)
    return to_cells.flatten(1) @ decoded.flatten(1).t() / (members.sum((1, 2))[:, None] + EPS)


def _squared_lengths(decoded: Tensor, rows: _Bilinear, columns: _Bilinear) -> Tensor:
    """Return the squared length (H, W) of each upsampled feature of a map (C, h, w), from inner products in it."""
    right, below = decoded[:, :, 1:], decoded[:, 1:]
    diagonals = decoded[:, :-1, :-1] * below[:, :, 1:] + right[:, :-1] * below[:, :, :-1]
    parts = (
        (rows.squared, decoded.square(), columns.squared),
        (rows.squared, decoded[:, :, :-1] * right, columns.cross),
        (rows.cross, decoded[:, :-1] * below, columns.squared),
        (rows.cross, diagonals / 2, columns.cross),
    )
    return torch.stack([up @ products.sum(0) @ across.t() for up, products, across in parts]).sum(0)
