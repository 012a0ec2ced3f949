"""The sparse tensor: voxels that hold points, and their features."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from torch import Tensor

from visioncore.errors import InputError

from .engine import Engine
from .kernel_maps import KernelMap
from .kernels import triple
from .sites import Sites, Triple


@dataclass(eq=False)
class Cache:
    """Kernel maps of a batch, shared by all tensors that were computed from one.

    Attributes:
        maps: by what makes them: sites and kernel, or the name that a strided layer gives its map.
        lattices: MinkowskiEngine's sites by their stride, so that transposed convolutions find those above.
        engine: who makes the maps and uses them.
    """

    maps: dict[Hashable, KernelMap] = field(default_factory=dict)
    lattices: dict[Triple, Sites] = field(default_factory=dict)
    engine: Engine = field(default_factory=Engine)


class SparseTensor:
    """Features of the voxels that hold points.

    Example:
        >>> coordinates = torch.tensor([[0, 4, -2, 7], [0, 4, -1, 7], [1, 0, 0, 0]])
        >>> SparseTensor(coordinates, torch.rand(3, 1)).features.shape
        torch.Size([3, 1])

    Args:
        coordinates: integers (N, 4), one row a voxel: index in the batch from 0, then c0, c1, c2. Negative ones are
            allowed without ``spatial_shape``.
        features: (N, C), row for row.
        stride: how many voxels of the input each covers, along each axis.
        spatial_shape: size of the grid along each axis, which spconv's layers need; MinkowskiEngine's have none.
        batch_size: how many samples; the largest index in the batch + 1 by default.

    Raises:
        InputError: if a shape, type or device is another, if there are no voxels, or if one lies outside the grid or
            the batch.
    """

    def __init__(
        self,
        coordinates: Tensor,
        features: Tensor,
        stride: Triple = (1, 1, 1),
        spatial_shape: Triple | None = None,
        batch_size: int | None = None,
    ) -> None:
        stride = triple(stride, "stride")
        spatial_shape = None if spatial_shape is None else triple(spatial_shape, "spatial_shape")
        _check(coordinates, features, spatial_shape, batch_size)
        if (
            spatial_shape is None
            and stride != (1, 1, 1)
            and (coordinates[:, 1:] % coordinates.new_tensor(stride)).any()
        ):
            raise InputError(f"coordinates at stride {stride} must be multiples of it")
        self.sites = Sites(coordinates, stride, spatial_shape, batch_size)
        self.features = features
        self.cache = Cache(lattices={stride: self.sites})

    @property
    def coordinates(self) -> Tensor:
        """Integers (N, 4): batch, c0, c1, c2."""
        return self.sites.coordinates

    @property
    def stride(self) -> Triple:
        """How many voxels of the input each covers, along each axis."""
        return self.sites.stride

    @property
    def spatial_shape(self) -> Triple | None:
        """Size of the grid along each axis; None where space has no bounds."""
        return self.sites.shape

    @property
    def batch_size(self) -> int:
        """How many samples."""
        return self.sites.samples()

    def replace(self, features: Tensor) -> SparseTensor:
        """Return a tensor of the same voxels with other features (N, C)."""
        return self.at(self.sites, features)

    def at(self, sites: Sites, features: Tensor) -> SparseTensor:
        """Return a tensor of other voxels that were computed from these."""
        moved = object.__new__(SparseTensor)
        moved.sites, moved.features, moved.cache = sites, features, self.cache
        return moved

    def on(self, engine: Engine) -> SparseTensor:
        """Return the tensor with nothing computed from it yet, and another engine for all that will be."""
        moved = object.__new__(SparseTensor)
        moved.sites, moved.features = self.sites, self.features
        moved.cache = Cache(lattices={self.stride: self.sites}, engine=engine)
        return moved

    def dense(self) -> Tensor:
        """Return a bounded tensor as (B, C, size0, size1, size2), zero where there is no voxel.

        Raises:
            InputError: if it has no ``spatial_shape``.
        """
        if self.spatial_shape is None:
            raise InputError("the sparse tensor has no spatial_shape; give it one to make it dense")
        dense = self.features.new_zeros(self.batch_size, *self.spatial_shape, self.features.shape[1])
        filled = dense.index_put(self.coordinates.long().unbind(1), self.features)
        return filled.permute(0, 4, 1, 2, 3)

    def __repr__(self) -> str:
        grid = "no bounds" if self.spatial_shape is None else f"grid {self.spatial_shape}"
        return f"SparseTensor({tuple(self.features.shape)} at stride {self.stride}, {grid})"


def _check(coordinates: Tensor, features: Tensor, shape: Triple | None, batch_size: int | None) -> None:
    if coordinates.ndim != 2 or coordinates.shape[1] != 4 or coordinates.is_floating_point():
        raise InputError(
            f"coordinates are {coordinates.dtype} of shape {tuple(coordinates.shape)}; they must be integers (N, 4): "
            "batch, c0, c1, c2"
        )
    if features.ndim != 2 or len(features) != len(coordinates):
        raise InputError(
            f"features have shape {tuple(features.shape)}; it must be ({len(coordinates)}, C), row for row"
        )
    if features.device.type not in (coordinates.device.type, "meta"):  # meta: shapes alone are asked for
        raise InputError(
            f"coordinates are on {coordinates.device}, features on {features.device}; move one to the other"
        )
    if not len(coordinates):
        raise InputError("there are no voxels; at least one is needed")
    low, high = (each.tolist() for each in coordinates.aminmax(dim=0))
    if low[0] < 0 or (batch_size is not None and high[0] >= batch_size):
        most = "" if batch_size is None else f" to {batch_size - 1}"
        raise InputError(f"indices in the batch go from {low[0]} to {high[0]}; they must be from 0{most}")
    if shape is not None and (min(low[1:]) < 0 or any(b >= size for b, size in zip(high[1:], shape, strict=True))):
        raise InputError(f"coordinates go from {low[1:]} to {high[1:]}; the grid {tuple(shape)} begins at 0")
