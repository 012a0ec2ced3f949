"""The reference engine: each voxel looked up by its coordinates in a dictionary, each convolution by its definition."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor

from .engine import Engine
from .kernel_maps import KernelMap
from .kernels import cells_first_axis_fastest, cells_last_axis_fastest
from .sites import Sites, Triple


class ReferenceEngine(Engine):
    """Sparse convolution by its definition, for comparison: slow."""

    def same_sites(self, sites: Sites, kernel: Triple, *, first_axis_fastest: bool) -> KernelMap:
        """Return the map of a convolution whose output has the input's sites."""
        cells = cells_first_axis_fastest(kernel) if first_axis_fastest else cells_last_axis_fastest(kernel)
        unit = sites.stride if sites.shape is None else (1, 1, 1)
        return meet(sites, sites, cells, lambda out, cell, axis: out + (cell - kernel[axis] // 2) * unit[axis])

    def coarser_lattice(self, sites: Sites, kernel: Triple, stride: Triple) -> KernelMap:
        """Return the map of MinkowskiEngine's strided convolution."""
        steps = [t * s for t, s in zip(sites.stride, stride, strict=True)]
        floors = {
            (batch, *(c // step * step for c, step in zip(place, steps, strict=True)))
            for batch, *place in sites.coordinates.tolist()
        }

        def read(out: int, cell: int, axis: int) -> int:
            ahead = kernel[axis] // 2 if kernel[axis] % 2 else 0
            return out + (cell - ahead) * sites.stride[axis]

        return meet(sites, _coarser(sites, floors, stride, None), cells_first_axis_fastest(kernel), read)

    def reached_sites(self, sites: Sites, shape: Triple, kernel: Triple, stride: Triple, padding: Triple) -> KernelMap:
        """Return the map of spconv's strided convolution."""
        sides = zip(shape, kernel, stride, padding, strict=True)
        s0, s1, s2 = ((size + 2 * p - k) // s + 1 for size, k, s, p in sides)
        reached = set()
        for cell, (batch, *place) in product(product(*map(range, kernel)), sites.coordinates.tolist()):
            ahead = [c + p - k for c, p, k in zip(place, padding, cell, strict=True)]
            out = [a // s for a, s in zip(ahead, stride, strict=True)]
            hit = all(a % s == 0 for a, s in zip(ahead, stride, strict=True))
            if hit and all(0 <= o < size for o, size in zip(out, (s0, s1, s2), strict=True)):
                reached.add((batch, *out))
        target = _coarser(sites, reached, stride, (s0, s1, s2))
        cells = cells_last_axis_fastest(kernel)
        return meet(sites, target, cells, lambda out, cell, axis: out * stride[axis] - padding[axis] + cell)

    def convolve(self, features: Tensor, weight: Tensor, pairs: KernelMap) -> Tensor:
        """Return the convolution, one offset after the other; PyTorch finds the gradients."""
        out = features.new_zeros(len(pairs.target), weight.shape[2])
        each = zip(pairs.inputs.split(pairs.counts), pairs.outputs.split(pairs.counts), weight, strict=True)
        for inputs, outputs, matrix in each:
            out = out.index_add(0, outputs, features[inputs] @ matrix)
        return out


def meet(source: Sites, target: Sites, cells: list[Triple], read: Callable[[int, int, int], int]) -> KernelMap:
    """Return the pairs of a convolution.

    Args:
        source: voxels of the input.
        target: voxels of the output.
        cells: of the kernel, in the order of the weights.
        read: (output coordinate, cell, axis) -> the input coordinate that the cell reads there.
    """
    rows = {tuple(place): row for row, place in enumerate(source.coordinates.tolist())}
    inputs: list[int] = []
    outputs: list[int] = []
    counts = []
    for cell in cells:
        before = len(inputs)
        for row, (batch, *place) in enumerate(target.coordinates.tolist()):
            found = rows.get((batch, *map(read, place, cell, range(3))))
            if found is not None:
                inputs.append(found)
                outputs.append(row)
        counts.append(len(inputs) - before)
    where = source.coordinates.device
    table = torch.tensor([inputs, outputs], dtype=torch.long, device=where)
    return KernelMap(table[0], table[1], tuple(counts), source, target)


def _coarser(sites: Sites, places: set[tuple[int, ...]], stride: Triple, shape: Triple | None) -> Sites:
    rows = torch.tensor(sorted(places), dtype=torch.long, device=sites.coordinates.device).reshape(-1, 4)
    t0, t1, t2 = (t * s for t, s in zip(sites.stride, stride, strict=True))
    return Sites(rows, (t0, t1, t2), shape, sites.samples())
