"""The same weights as each engine of sparse convolution stores them.

A state is {name: tensor}. Layouts differ in the name and the axes of a convolution's tensor and, for MinkowskiEngine,
in the names of norms; nothing is computed, so that every way there and back is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from torch import Tensor

Engine = Literal["minkowski", "spconv1", "spconv2", "torchsparse"]

ENGINES: dict[Engine, str] = {
    "minkowski": "MinkowskiEngine",
    "spconv1": "spconv 1",
    "spconv2": "spconv 2",
    "torchsparse": "torchsparse",
}
"""The engines and their full names."""

_SIDES = {1: 1, 8: 2, 27: 3, 125: 5, 343: 7, 729: 9}
"""Sides of the cubic kernels that have so many offsets."""


def detect_engine(state: Mapping[str, Tensor]) -> Engine | None:
    """Return the engine in whose layout the convolutions of a state are; None if it has none, or some that fit none."""
    kernels = {name for name, tensor in state.items() if name.endswith("kernel") and tensor.ndim in (2, 3)}
    if kernels:
        return "minkowski" if any(name.endswith(".bn.running_mean") for name in state) else "torchsparse"
    weights = [tensor for name, tensor in state.items() if name.endswith("weight") and tensor.ndim == 5]
    small = {size for tensor in weights for size in tensor.shape[1:4]}
    if weights and max(small) <= max(_SIDES.values()):
        return "spconv2"
    small = {size for tensor in weights for size in tensor.shape[:3]}
    return "spconv1" if weights and max(small) <= max(_SIDES.values()) else None


def convert(state: Mapping[str, Tensor], source: Engine, target: Engine) -> dict[str, Tensor]:
    """Return a state in another engine's layout.

    From or to MinkowskiEngine and torchsparse kernels must be cubes, which those of MinkUNet are.

    Args:
        state: of a network of sparse convolutions; other tensors are kept.
        source: the engine whose layout it is in.
        target: the engine whose layout it should be in.
    """
    if source == target:
        return dict(state)
    into, out_of = _INTO[source], _OUT_OF[target]
    found = {}
    for name, tensor in state.items():
        stem, _, kind = name.rpartition(".")
        if kind == "kernel" or (kind == "weight" and tensor.ndim == 5):
            kind = "kernel" if target in ("minkowski", "torchsparse") else "weight"
            found[f"{stem}.{kind}"] = out_of(into(tensor)).contiguous()
        elif kind == "bias" and _is_convolution(state, stem):
            found[name] = tensor.reshape(1, -1) if target == "minkowski" else tensor.flatten()
        else:
            found[_norm_name(state, stem, kind, source, target)] = tensor
    return found


def _is_convolution(state: Mapping[str, Tensor], stem: str) -> bool:
    return f"{stem}.kernel" in state or (f"{stem}.weight" in state and state[f"{stem}.weight"].ndim == 5)


def _norm_name(state: Mapping[str, Tensor], stem: str, kind: str, source: Engine, target: Engine) -> str:
    """Return the name of a tensor that is no convolution's; MinkowskiEngine's norms hold theirs one level down."""
    if f"{stem}.running_mean" not in state:
        return f"{stem}.{kind}"
    bare = stem.removesuffix(".bn") if source == "minkowski" else stem
    return f"{bare}.bn.{kind}" if target == "minkowski" else f"{bare}.{kind}"


def _cube(kernel: Tensor, first_axis_fastest: bool) -> Tensor:
    """Return (K, in, out) or (in, out) as (k0, k1, k2, in, out)."""
    offsets = kernel if kernel.ndim == 3 else kernel[None]
    side = _SIDES[len(offsets)]
    cube = offsets.unflatten(0, (side, side, side))
    return cube.transpose(0, 2) if first_axis_fastest else cube


def _offsets(cube: Tensor, first_axis_fastest: bool) -> Tensor:
    """Return (k0, k1, k2, in, out) as (K, in, out), or as (in, out) if it is one offset."""
    kernel = (cube.transpose(0, 2) if first_axis_fastest else cube).flatten(0, 2)
    return kernel[0] if len(kernel) == 1 else kernel


def _from_spconv2(weight: Tensor) -> Tensor:
    """Return (out, k0, k1, k2, in) as (k0, k1, k2, in, out); of one offset spconv 2 reads the memory as (in, out)."""
    if weight.shape[1:4] == (1, 1, 1):
        return weight.reshape(1, 1, 1, weight.shape[4], weight.shape[0])
    return weight.permute(1, 2, 3, 4, 0)


def _to_spconv2(cube: Tensor) -> Tensor:
    if cube.shape[:3] == (1, 1, 1):
        return cube.reshape(cube.shape[4], 1, 1, 1, cube.shape[3])
    return cube.permute(4, 0, 1, 2, 3)


def _same(weight: Tensor) -> Tensor:
    return weight


_INTO: dict[Engine, Callable[[Tensor], Tensor]] = {
    "minkowski": lambda kernel: _cube(kernel, True),
    # torchsparse: c0 is the fastest axis of odd kernels, c2 of even ones
    "torchsparse": lambda kernel: _cube(kernel, bool(len(kernel) % 2) or kernel.ndim == 2),
    "spconv1": _same,
    "spconv2": _from_spconv2,
}
"""From each engine's layout to (k0, k1, k2, in, out)."""

_OUT_OF: dict[Engine, Callable[[Tensor], Tensor]] = {
    "minkowski": lambda cube: _offsets(cube, True),
    "torchsparse": lambda cube: _offsets(cube, bool(len(cube) % 2)),
    "spconv1": _same,
    "spconv2": _to_spconv2,
}
"""From (k0, k1, k2, in, out) to each engine's layout."""
