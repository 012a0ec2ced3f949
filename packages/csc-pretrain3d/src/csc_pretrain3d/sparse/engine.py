"""The engine of a sparse tensor: who makes its kernel maps and adds up its convolutions."""

from __future__ import annotations

from torch import Tensor

from .convolution import convolve
from .kernel_maps import KernelMap, coarser_lattice, reached_sites, same_sites
from .sites import Sites, Triple


class Engine:
    """Plain PyTorch, on any device."""

    def same_sites(self, sites: Sites, kernel: Triple, *, first_axis_fastest: bool) -> KernelMap:
        """Return the map of a convolution whose output has the input's sites."""
        return same_sites(sites, kernel, first_axis_fastest=first_axis_fastest)

    def coarser_lattice(self, sites: Sites, kernel: Triple, stride: Triple) -> KernelMap:
        """Return the map of MinkowskiEngine's strided convolution."""
        return coarser_lattice(sites, kernel, stride)

    def reached_sites(self, sites: Sites, shape: Triple, kernel: Triple, stride: Triple, padding: Triple) -> KernelMap:
        """Return the map of spconv's strided convolution."""
        return reached_sites(sites, shape, kernel, stride, padding)

    def convolve(self, features: Tensor, weight: Tensor, pairs: KernelMap) -> Tensor:
        """Return the convolution (M, out channels) of features (N, in channels) with weights (K, in, out)."""
        return convolve(features, weight, pairs)
