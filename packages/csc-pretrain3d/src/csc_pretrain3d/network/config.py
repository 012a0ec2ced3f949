"""Configurations of the three networks, and the published variants."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace

from visioncore.configs import check_most
from visioncore.errors import InputError

UPSAMPLINGS = (1, 2, 4, 8, 16)
_LEAST_GRID = (25, 16, 16)
"""Voxels (z, y, x) of which VoxelNet's four halvings leave one; two of those of the height do without padding."""


@dataclass(frozen=True)
class MinkUNetConfig:
    """Settings of MinkUNet (Res16UNet34C); the defaults are those of pre-training.

    Attributes:
        in_channels: of a voxel's features: its intensity.
        out_channels: features in pre-training, otherwise classes, of which 0 is ignored.
        stem: channels of the first convolution.
        widths: channels of the eight stages, four down and four up.
        blocks: residual blocks of each stage.
        kernel_size: side of the first convolution's kernel.
        normalised: whether each voxel's output is divided by its L2 norm.
        norm_momentum: of the batch norms outside the residual blocks; inside it is 0.1.
        voxel_size: metres along distance and height, where the angle has 1 degree; or metres along x, y and z.
        cylindrical: whether voxels are cells of (distance, angle, height) instead of (x, y, z).
        intensity_shift: added to the intensity, 1 in what was trained on SemanticKITTI.
        classes: names of the outputs; none where they are features.

    Raises:
        InputError: if a value is out of its range.
    """

    in_channels: int = 1
    out_channels: int = 64
    stem: int = 32
    widths: tuple[int, ...] = (32, 64, 128, 256, 256, 128, 96, 96)
    blocks: tuple[int, ...] = (2, 3, 4, 6, 2, 2, 2, 2)
    kernel_size: int = 3
    normalised: bool = True
    norm_momentum: float = 0.05
    voxel_size: float = 0.1
    cylindrical: bool = True
    intensity_shift: float = 0.0
    classes: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        _check(self)
        for name in ("widths", "blocks"):
            if len(getattr(self, name)) != 8 or min(getattr(self, name)) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; it must be eight numbers, each at least 1")
        if self.kernel_size % 2 == 0:
            raise InputError(f"kernel_size is {self.kernel_size}; it must be odd")
        if not 0 < self.norm_momentum <= 1:
            raise InputError(f"norm_momentum is {self.norm_momentum}; it must be above 0 and at most 1")
        if not (self.voxel_size > 0 and math.isfinite(self.voxel_size)):
            raise InputError(f"voxel_size is {self.voxel_size}; it must be a positive number of metres")
        _check_classes(self)
        check_most(self, in_channels=1024, out_channels=4096, stem=4096, widths=4096, blocks=64, kernel_size=9)


@dataclass(frozen=True)
class VoxelNetConfig:
    """Settings of VoxelNet (VoxelBackBone8x); the defaults are those of pre-training.

    Attributes:
        in_channels: of a voxel's features: mean x, y, z and intensity of its points.
        out_channels: of the output.
        lowest: corner (x, y, z) of the grid in metres.
        highest: the opposite corner.
        voxel_size: metres along x, y, z.
        points_per_voxel: how many of a voxel's first points count.
        most_voxels: how many voxels a scan has at most, those of its first points.
        upsample: how far the decoder upsamples: 1 for no decoder, 2, 4, 8, or 16 back to the input's voxels.
        compressed: whether the output is a bird's-eye map, its levels of height folded into channels; otherwise voxels.
        classes: names of the outputs; none where they are features.

    Raises:
        InputError: if a value is out of its range.
    """

    in_channels: int = 4
    out_channels: int = 64
    lowest: tuple[float, float, float] = (-51.2, -51.2, -5.0)
    highest: tuple[float, float, float] = (51.2, 51.2, 3.0)
    voxel_size: tuple[float, float, float] = (0.1, 0.1, 0.2)
    points_per_voxel: int = 10
    most_voxels: int = 60_000
    upsample: int = 1
    compressed: bool = True
    classes: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        _check(self)
        _check_range(self)
        if len(self.voxel_size) != 3 or not all(size > 0 for size in self.voxel_size):
            raise InputError(f"voxel_size is {self.voxel_size}; it must be three positive numbers of metres")
        if self.upsample not in UPSAMPLINGS:
            raise InputError(f"upsample is {self.upsample}; it must be {', '.join(map(str, UPSAMPLINGS[:-1]))} or 16")
        if any(cells < least for cells, least in zip(self.grid, _LEAST_GRID, strict=True)):
            raise InputError(
                f"the grid is {self.grid} voxels (z, y, x); it needs at least {_LEAST_GRID}, or no height is left of it"
            )
        _check_classes(self)
        check_most(self, in_channels=1024, out_channels=4096, points_per_voxel=1000, most_voxels=10_000_000)

    @property
    def grid(self) -> tuple[int, int, int]:
        """Voxels along z, y, x, the order of the coordinates."""
        sides = zip(self.highest, self.lowest, self.voxel_size, strict=True)
        x, y, z = (round((high - low) / size) for high, low, size in sides)
        return z, y, x


@dataclass(frozen=True)
class Cylinder3DConfig:
    """Settings of Cylinder3D; the defaults are those of pre-training.

    Attributes:
        in_channels: of a point's features: distance, angle, height and intensity.
        out_channels: of the output.
        grid: cells along distance, angle and height.
        lowest: where distance (m), angle (rad) and height (m) begin; points outside land in the border's cells.
        highest: where they end.
        point_widths: channels of the point network's hidden layers.
        point_channels: of its output: 128 in pre-training, 256 in the panoptic network.
        compressed_channels: of a cell's features.
        width: channels of the U-Net's first stage; 2, 4, 8 and 16 times as many further down.
        classes: names of the outputs; none where they are features.

    Raises:
        InputError: if a value is out of its range.
    """

    in_channels: int = 4
    out_channels: int = 64
    grid: tuple[int, int, int] = (480, 360, 32)
    lowest: tuple[float, float, float] = (0.0, -3.1415926, -3.0)
    highest: tuple[float, float, float] = (50.0, 3.1415926, 3.0)
    point_widths: tuple[int, ...] = (64, 128, 256)
    point_channels: int = 128
    compressed_channels: int = 16
    width: int = 32
    classes: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        _check(self)
        _check_range(self)
        if len(self.grid) != 3 or min(self.grid) < 16:
            raise InputError(f"grid is {self.grid}; it must be three numbers of cells, each at least 16")
        if len(self.point_widths) != 3 or min(self.point_widths) < 1:
            raise InputError(f"point_widths is {self.point_widths}; it must be three numbers, each at least 1")
        _check_classes(self)
        check_most(self, in_channels=1024, out_channels=4096, grid=100_000, point_widths=8192, point_channels=8192)
        check_most(self, compressed_channels=4096, width=1024)


Config = MinkUNetConfig | VoxelNetConfig | Cylinder3DConfig


def _check(config: Config) -> None:
    for each in fields(config):
        value = getattr(config, each.name)
        if isinstance(value, list):
            object.__setattr__(config, each.name, tuple(value))
        if isinstance(value, int) and not isinstance(value, bool) and value < 1:
            raise InputError(f"{each.name} is {value}; it must be at least 1")


def _check_range(config: VoxelNetConfig | Cylinder3DConfig) -> None:
    ends = (config.lowest, config.highest)
    if any(len(end) != 3 or not all(map(math.isfinite, end)) for end in ends) or not all(map(float.__lt__, *ends)):
        raise InputError(f"lowest is {ends[0]} and highest {ends[1]}; each must be three numbers, the lower ones lower")


def _check_classes(config: Config) -> None:
    if config.classes and len(config.classes) != config.out_channels:
        raise InputError(
            f"classes are {len(config.classes)}; there must be one for each of the {config.out_channels} outputs"
        )


_FINE_TUNED = MinkUNetConfig(normalised=False, norm_momentum=0.02)

VARIANTS: dict[str, Config] = {
    "minkunet": MinkUNetConfig(),
    "minkunet-nuscenes": replace(_FINE_TUNED, out_channels=17),
    "minkunet-semantickitti": replace(_FINE_TUNED, out_channels=20, intensity_shift=1.0),
    "voxelnet": VoxelNetConfig(),
    "voxelnet-upsample16": VoxelNetConfig(upsample=16, compressed=False),
    "cylinder3d": Cylinder3DConfig(),
}
"""The published variants by name: as they are pre-trained, and MinkUNet as it is fine-tuned on the two data sets."""
