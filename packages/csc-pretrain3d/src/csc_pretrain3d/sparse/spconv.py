"""Layers in spconv's dialect: a bounded grid, numbered anew at each level, weights (out, k0, k1, k2, in)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from visioncore.errors import InputError

from .joining import added
from .kernel_maps import KernelMap
from .kernels import triple, volume
from .pooling import largest
from .sites import Triple
from .tensor import SparseTensor


class Convolution(nn.Module):
    """Weight and bias of a convolution; drawn as spconv does, uniform up to 1 / sqrt(fan in)."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int | Triple, bias: bool) -> None:
        super().__init__()
        self.kernel_size = triple(kernel_size, "kernel_size")
        self.weight = nn.Parameter(torch.empty(out_channels, *self.kernel_size, in_channels))
        bound = 1 / math.sqrt(in_channels * volume(self.kernel_size))
        nn.init.uniform_(self.weight, -bound, bound)
        self.bias = nn.Parameter(torch.empty(out_channels).uniform_(-bound, bound)) if bias else None

    def scaled(self, scale: Tensor) -> Tensor:
        """Return the weight whose outputs (out channels) are multiplied by a scale."""
        if self.kernel_size == (1, 1, 1):
            return (self.weight.reshape(self.weight.shape[4], -1) * scale).reshape(self.weight.shape)
        return self.weight * scale.view(-1, 1, 1, 1, 1)

    def extra_repr(self) -> str:
        """Return the settings for printing."""
        return f"{self.weight.shape[-1]}, {self.weight.shape[0]}, {self.kernel_size}"

    def _convolve(self, x: SparseTensor, pairs: KernelMap) -> SparseTensor:
        matrices = self.weight.flatten(1, 3).permute(1, 2, 0)
        features = x.cache.engine.convolve(x.features, matrices, pairs)
        return x.at(pairs.target, features if self.bias is None else added(features, self.bias))


class SubMConv3d(Convolution):
    """Submanifold convolution: the output has the input's sites, in their order.

    Tensors keep one kernel map for each kernel size at each level, so that no ``indice_key`` is asked for. A kernel of
    size 1 multiplies by the numbers of its weight in their order in memory as a matrix (in, out), as spconv 2 does.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        kernel_size: one side or three, all odd.
        bias: whether a constant is added to each channel.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int | Triple, bias: bool = True) -> None:
        super().__init__(in_channels, out_channels, kernel_size, bias)
        if not all(side % 2 for side in self.kernel_size):
            raise InputError(f"kernel_size is {self.kernel_size}; each side must be odd")

    def forward(self, x: SparseTensor) -> SparseTensor:
        """Return the convolution."""
        if self.kernel_size == (1, 1, 1):
            # spconv 2 reads the memory of (out, 1, 1, 1, in) as (in, out)
            features = x.features @ self.weight.reshape(self.weight.shape[4], self.weight.shape[0])
            return x.replace(features if self.bias is None else added(features, self.bias))
        key = (x.sites, self.kernel_size)
        if key not in x.cache.maps:
            x.cache.maps[key] = x.cache.engine.same_sites(x.sites, self.kernel_size, first_axis_fastest=False)
        return self._convolve(x, x.cache.maps[key])


class SparseConv3d(Convolution):
    """Convolution at every site that an active input reaches.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        kernel_size: one side or three.
        stride: one or three.
        padding: one or three.
        bias: whether a constant is added to each channel.
        indice_key: name under which a `SparseInverseConv3d` finds the map.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Triple,
        stride: int | Triple = 1,
        padding: int | Triple = 0,
        bias: bool = True,
        indice_key: str | None = None,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, bias)
        self.stride, self.padding = triple(stride, "stride"), triple(padding, "padding", 0)
        self.indice_key = indice_key

    def forward(self, x: SparseTensor) -> SparseTensor:
        """Return the convolution; its rows are sorted by coordinates."""
        return self._convolve(x, strided_map(x, self.kernel_size, self.stride, self.padding, self.indice_key))


class SparseInverseConv3d(Convolution):
    """Convolution back onto the sites of the input of the `SparseConv3d` of the same ``indice_key``.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        kernel_size: that of the `SparseConv3d`.
        indice_key: its name.
        bias: whether a constant is added to each channel.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int | Triple, indice_key: str, bias: bool = True
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, bias)
        self.indice_key = indice_key

    def forward(self, x: SparseTensor) -> SparseTensor:
        """Return the convolution.

        Raises:
            InputError: if no convolution of that name with this kernel led to the tensor's sites.
        """
        pairs = x.cache.maps.get(self.indice_key)
        if pairs is None or pairs.target is not x.sites or len(pairs.counts) != volume(self.kernel_size):
            raise InputError(
                f"no SparseConv3d named {self.indice_key!r} with kernel {self.kernel_size} led to these sites"
            )
        return self._convolve(x, pairs.swapped())


class SparseMaxPool3d(nn.Module):
    """Largest value of each channel, or 0 where all are negative: spconv begins at zero.

    Args:
        kernel_size: one side or three.
        stride: one or three; the kernel by default.
        padding: one or three.
    """

    def __init__(
        self, kernel_size: int | Triple, stride: int | Triple | None = None, padding: int | Triple = 0
    ) -> None:
        super().__init__()
        self.kernel_size = triple(kernel_size, "kernel_size")
        self.stride = self.kernel_size if stride is None else triple(stride, "stride")
        self.padding = triple(padding, "padding", 0)

    def forward(self, x: SparseTensor) -> SparseTensor:
        """Return the pooled tensor; its rows are sorted by coordinates."""
        pairs = strided_map(x, self.kernel_size, self.stride, self.padding, None)
        return x.at(pairs.target, largest(x.features, pairs))


def strided_map(x: SparseTensor, kernel: Triple, stride: Triple, padding: Triple, name: str | None) -> KernelMap:
    """Return the kernel map of a strided convolution, from the cache if it is there under its name.

    Raises:
        InputError: if the tensor has no ``spatial_shape``.
    """
    if x.spatial_shape is None:
        raise InputError("the sparse tensor has no spatial_shape; spconv's layers need the size of the grid")
    maps, key = x.cache.maps, (x.sites, kernel, stride, padding)
    if key not in maps:
        maps[key] = x.cache.engine.reached_sites(x.sites, x.spatial_shape, kernel, stride, padding)
    if name is not None:
        maps[name] = maps[key]
    return maps[key]
