"""Layers in MinkowskiEngine's dialect: space without bounds, coordinates in the input's unit, kernels (K, in, out)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from visioncore.errors import InputError

from .joining import added
from .kernel_maps import KernelMap
from .kernels import triple, volume
from .sites import Triple
from .tensor import SparseTensor


class _Layer(nn.Module):
    """Kernel and bias of a convolution; drawn as MinkowskiEngine does, uniform up to 1 / sqrt(fan)."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int | Triple, stride: int | Triple, bias: bool, fan: int
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride = triple(kernel_size, "kernel_size"), triple(stride, "stride")
        count = volume(self.kernel_size)
        pointwise = count == 1 and self.stride == (1, 1, 1)
        shape = (in_channels, out_channels) if pointwise else (count, in_channels, out_channels)
        bound = 1 / math.sqrt(fan * count)
        self.kernel = nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(1, out_channels).uniform_(-bound, bound)) if bias else None

    def extra_repr(self) -> str:
        """Return the settings for printing."""
        return f"{self.kernel.shape[-2]}, {self.kernel.shape[-1]}, {self.kernel_size}, stride={self.stride}"

    def _with_bias(self, features: Tensor) -> Tensor:
        return features if self.bias is None else added(features, self.bias)


class MinkowskiConvolution(_Layer):
    """Convolution at the same sites (stride 1, odd kernels), or onto the coarser lattice.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        kernel_size: one side or three.
        stride: one or three.
        bias: whether a constant is added to each channel.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Triple,
        stride: int | Triple = 1,
        bias: bool = False,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, bias, in_channels)

    def forward(self, x: SparseTensor) -> SparseTensor:
        """Return the convolution; at stride 1 its rows are the input's."""
        if self.kernel.ndim == 2:
            return x.replace(self._with_bias(x.features @ self.kernel))
        pairs = kernel_map(x, self.kernel_size, self.stride)
        return x.at(pairs.target, self._with_bias(x.cache.engine.convolve(x.features, self.kernel, pairs)))


class MinkowskiConvolutionTranspose(_Layer):
    """Transposed convolution back onto the sites that the input's were made from.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        kernel_size: one side or three, those of the strided convolution.
        stride: one or three, likewise.
        bias: whether a constant is added to each channel.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Triple,
        stride: int | Triple,
        bias: bool = False,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, bias, out_channels)

    def forward(self, x: SparseTensor) -> SparseTensor:
        """Return the convolution at the finer sites, in their order.

        Raises:
            InputError: if the tensor was not computed from finer sites, or by other layers than this dialect's.
        """
        finer: Triple = tuple(t // s for t, s in zip(x.stride, self.stride, strict=True))  # type: ignore[assignment]
        sites = x.cache.lattices.get(finer)
        if sites is None:
            raise InputError(f"no sites of stride {finer} to return to from stride {x.stride}")
        pairs = kernel_map(x.at(sites, x.features), self.kernel_size, self.stride).swapped()
        if pairs.source is not x.sites:
            raise InputError(f"no MinkowskiConvolution led from stride {finer} to the sites of this {x}")
        return x.at(pairs.target, self._with_bias(x.cache.engine.convolve(x.features, self.kernel, pairs)))


class MinkowskiBatchNorm(nn.Module):
    """Batch norm over all voxels, its tensors under ``bn`` as MinkowskiEngine names them.

    Args:
        channels: of the features.
        momentum: of the running statistics.
    """

    def __init__(self, channels: int, momentum: float = 0.1) -> None:
        super().__init__()
        self.bn = nn.BatchNorm1d(channels, momentum=momentum)

    def forward(self, x: SparseTensor) -> SparseTensor:
        """Return the tensor with normalised features."""
        return x.replace(self.bn(x.features))


def kernel_map(x: SparseTensor, kernel: Triple, stride: Triple) -> KernelMap:
    """Return the kernel map at a tensor's sites, from its cache if it is there.

    Raises:
        InputError: for an even kernel at stride 1.
    """
    key = ("minkowski", x.sites, kernel, stride)
    if key not in x.cache.maps:
        if stride == (1, 1, 1):
            if not all(side % 2 for side in kernel):
                raise InputError(f"kernel {kernel} at stride 1: each side must be odd")
            x.cache.maps[key] = x.cache.engine.same_sites(x.sites, kernel, first_axis_fastest=True)
        else:
            pairs = x.cache.engine.coarser_lattice(x.sites, kernel, stride)
            known = x.cache.lattices.setdefault(pairs.target.stride, pairs.target)
            # another kernel leads to the same sites in the same order
            x.cache.maps[key] = KernelMap(pairs.inputs, pairs.outputs, pairs.counts, pairs.source, known)
    return x.cache.maps[key]
