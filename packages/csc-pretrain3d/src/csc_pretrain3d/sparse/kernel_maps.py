"""Kernel maps: which input row meets which output row at each offset of a kernel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import torch
from torch import Tensor

from .kernels import cells_first_axis_fastest, cells_last_axis_fastest
from .sites import Index, Sites, Triple


@dataclass(frozen=True, eq=False)
class KernelMap:
    """The pairs of rows that a convolution adds up: ``out[outputs] += in[inputs] @ weight[offset]``.

    Attributes:
        inputs: rows of the source (P,), one offset after the other.
        outputs: rows of the target (P,).
        counts: how many pairs each offset has.
        source: where features are read.
        target: where features are written.
        mirrored: whether the pairs of offset K - 1 - k are those of offset k the other way round.
    """

    inputs: Tensor
    outputs: Tensor
    counts: tuple[int, ...]
    source: Sites
    target: Sites
    mirrored: bool = False

    def swapped(self) -> KernelMap:
        """Return the map of the transposed convolution: the same pairs and offsets the other way."""
        return self._swapped

    @cached_property
    def _swapped(self) -> KernelMap:
        return KernelMap(self.outputs, self.inputs, self.counts, self.target, self.source, self.mirrored)

    @cached_property
    def bags(self) -> tuple[Tensor, Tensor]:
        """The pairs (P,) by output, and where the pairs of each output begin and the last end (outputs + 1,)."""
        order = self.outputs.argsort(stable=True).int()
        ends = torch.bincount(self.outputs, minlength=len(self.target)).cumsum(0).int()
        return order, torch.cat([ends.new_zeros(1), ends])


def join(pairs: list[tuple[Tensor, Tensor]], source: Sites, target: Sites, mirrored: bool = False) -> KernelMap:
    """Return the map of pairs (input rows, output rows) for each offset."""
    inputs, outputs = zip(*pairs, strict=True)
    return KernelMap(torch.cat(inputs), torch.cat(outputs), tuple(map(len, inputs)), source, target, mirrored)


def same_sites(sites: Sites, kernel: Triple, *, first_axis_fastest: bool) -> KernelMap:
    """Return the map of a convolution whose output has the input's sites, for a kernel of odd sides.

    Offset k of the K meets the pairs of offset K - 1 - k the other way round, so half of them are looked up.
    """
    unit = _unit(sites)
    half0, half1, half2 = (side // 2 for side in kernel)
    index = sites.index(tuple(side // 2 * t for side, t in zip(kernel, unit, strict=True)))  # type: ignore[arg-type]
    rows = torch.arange(len(sites), device=sites.coordinates.device)
    found: dict[Triple, tuple[Tensor, Tensor]] = {(half0, half1, half2): (rows, rows)}
    for k0, k1 in product(range(half0 + 1), range(kernel[1])):
        if (k0, k1) > (half0, half1):
            break
        last = range(half2 if (k0, k1) == (half0, half1) else kernel[2])
        column = _column(index, ((k0 - half0) * unit[0], (k1 - half1) * unit[1]), [(k - half2) * unit[2] for k in last])
        for k2, (inputs, outputs) in zip(last, column, strict=True):
            found[k0, k1, k2] = inputs, outputs
            found[kernel[0] - 1 - k0, kernel[1] - 1 - k1, kernel[2] - 1 - k2] = outputs, inputs
    cells = cells_first_axis_fastest(kernel) if first_axis_fastest else cells_last_axis_fastest(kernel)
    return join([found[cell] for cell in cells], sites, sites, mirrored=True)


def _unit(sites: Sites) -> Triple:
    """Return the distance of neighbours in the sites' coordinates."""
    return sites.stride if sites.shape is None else (1, 1, 1)


def _column(index: Index, steps: tuple[int, int], last: list[int]) -> list[tuple[Tensor, Tensor]]:
    """Return the pairs (input rows, output rows) of voxels and those some steps away along c0 and c1, and c2 each.

    Keys that differ along c2 alone follow each other, so the first is looked up and the others lie right behind.
    """
    factor0, factor1, _ = index.factors
    keys = index.keys + (steps[0] * factor0 + steps[1] * factor1)
    pairs = []
    place: Tensor | None = None
    for step in last:
        wanted = keys + step
        place = torch.searchsorted(index.keys, wanted) if place is None else place
        there = index.keys[place.clamp(max=len(index.keys) - 1)] == wanted
        outputs = there.nonzero().squeeze(1)
        pairs.append((index.order[place[outputs]], index.order[outputs]))
        place = place + there
    return pairs


def _neighbours(index: Index, keys: Tensor, rows: Tensor, step: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Return the pairs (input rows, output rows) of voxels ``keys`` and what lies one step from them."""
    shift = sum(s * factor for s, factor in zip(step, index.factors, strict=True))
    found, inputs = index.find(keys + shift)
    return inputs, rows[found]


def coarser_lattice(sites: Sites, kernel: Triple, stride: Triple) -> KernelMap:
    """Return the map of MinkowskiEngine's strided convolution.

    The output's sites are the input's rounded down to multiples of stride x input stride, never more. Offsets are
    centred for an odd side of the kernel, and begin at 0 for an even one.
    """
    coarse: Triple = tuple(t * s for t, s in zip(sites.stride, stride, strict=True))  # type: ignore[assignment]
    reach: Triple = tuple(c + k * t for c, k, t in zip(coarse, kernel, sites.stride, strict=True))  # type: ignore[assignment]
    index = sites.index(reach)
    lattice = torch.tensor([1, *coarse], device=sites.coordinates.device)
    floor = sites.coordinates.long().div(lattice, rounding_mode="floor") * lattice
    keys = index.pack(floor).unique()
    target = Sites(index.unpack(keys), coarse, None, sites.batch_size)
    rows = torch.arange(len(keys), device=keys.device)
    pairs = []
    for cell in cells_first_axis_fastest(kernel):
        centred = (k - (side // 2 if side % 2 else 0) for k, side in zip(cell, kernel, strict=True))
        step = tuple(k * t for k, t in zip(centred, sites.stride, strict=True))
        pairs.append(_neighbours(index, keys, rows, step))
    return join(pairs, sites, target)


def reached_sites(sites: Sites, shape: Triple, kernel: Triple, stride: Triple, padding: Triple) -> KernelMap:
    """Return the map of spconv's strided convolution: every output that an active input reaches, in a bounded grid.

    Input = output x stride - padding + cell along each axis, so the sites grow where kernels overlap.

    Args:
        sites: of the input.
        shape: size of the input's grid.
        kernel: its sides.
        stride: steps of the kernel.
        padding: places before the grid's first that the kernel begins at.

    Raises:
        InputError: if a voxel is there twice.
    """
    spread: Triple = tuple(  # type: ignore[assignment]
        (size + 2 * p - k) // s + 1 for size, k, s, p in zip(shape, kernel, stride, padding, strict=True)
    )
    sites.index((0, 0, 0))  # which finds voxels that are there twice
    index = Index(sites.coordinates, sites.coordinates, (0, 0, 0, 0), (sites.samples(), *spread))
    batch, *columns = sites.coordinates.long().unbind(1)
    first = batch * (spread[0] * spread[1] * spread[2])
    sides = zip(columns, spread, kernel, stride, padding, index.factors, strict=True)
    axes = [_along_axis(*each) for each in sides]
    inputs, keys = [], []
    for k0, k1, k2 in cells_last_axis_fastest(kernel):
        (key0, there0), (key1, there1), (key2, there2) = axes[0][k0], axes[1][k1], axes[2][k2]
        rows = (there0 & there1 & there2).nonzero().squeeze(1)
        inputs.append(rows)
        keys.append((first + key0 + key1 + key2)[rows])
    reached, outputs = torch.cat(keys).unique(return_inverse=True)
    coarse: Triple = tuple(t * s for t, s in zip(sites.stride, stride, strict=True))  # type: ignore[assignment]
    target = Sites(index.unpack(reached), coarse, spread, sites.samples())
    return KernelMap(torch.cat(inputs), outputs, tuple(map(len, inputs)), sites, target)


def _along_axis(
    places: Tensor, size: int, kernel: int, stride: int, padding: int, factor: int
) -> list[tuple[Tensor, Tensor]]:
    """Return for each cell of a kernel's side the output places' part of the key (N,), and which of them exist."""
    found = []
    for cell in range(kernel):
        ahead = places + padding - cell
        place = ahead.div(stride, rounding_mode="floor")
        found.append((place * factor, (place * stride == ahead) & (place >= 0) & (place < size)))
    return found
