"""Settings of the networks, and how little a grid may hold."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from csc_pretrain3d.network.config import Config, Cylinder3DConfig, MinkUNetConfig, VoxelNetConfig
from csc_pretrain3d.network.model import CSC, Cylinder3D, MinkUNet, VoxelNet
from csc_pretrain3d.sparse import SparseTensor
from visioncore.testing.refusals import one_line

LEAST = VoxelNetConfig(lowest=(0.0, 0.0, 0.0), highest=(1.6, 1.6, 2.5), voxel_size=(0.1, 0.1, 0.1), out_channels=5)


@torch.no_grad()
@pytest.mark.parametrize("upsample", [1, 2, 16])
def test_the_smallest_grid_leaves_a_map(upsample: int) -> None:
    config = replace(LEAST, upsample=upsample)
    assert config.grid == (25, 16, 16)
    voxels = torch.tensor([[0, z, 7, y] for z in range(25) for y in (3, 4, 15)])
    torch.manual_seed(0)
    found = VoxelNet(config).eval()(SparseTensor(voxels, torch.rand(len(voxels), 4), spatial_shape=config.grid))
    assert isinstance(found, torch.Tensor)
    assert min(found.shape) >= 1
    assert found.shape[1] % 5 == 0
    assert found.abs().sum() > 0


def test_flatter_and_narrower_grids_are_refused() -> None:
    for axis, least in enumerate((1.6, 1.6, 2.5)):
        highest = list(LEAST.highest)
        highest[axis] = least - 0.1
        told = one_line(replace, LEAST, highest=tuple(highest))
        assert "it needs at least (25, 16, 16)" in told


@pytest.mark.parametrize(
    ("config", "changes", "told"),
    [
        (MinkUNetConfig(), {"widths": (8,) * 7}, "widths is"),
        (MinkUNetConfig(), {"kernel_size": 4}, "it must be odd"),
        (MinkUNetConfig(), {"norm_momentum": 0.0}, "norm_momentum is 0.0"),
        (MinkUNetConfig(), {"voxel_size": float("nan")}, "voxel_size is nan"),
        (MinkUNetConfig(), {"classes": ("a", "b")}, "one for each of the 64 outputs"),
        (VoxelNetConfig(), {"upsample": 3}, "1, 2, 4, 8 or 16"),
        (VoxelNetConfig(), {"voxel_size": (0.1, 0.0, 0.1)}, "three positive numbers"),
        (VoxelNetConfig(), {"lowest": (60.0, 0.0, 0.0)}, "the lower ones lower"),
        (Cylinder3DConfig(), {"grid": (480, 360, 8)}, "each at least 16"),
        (Cylinder3DConfig(), {"point_widths": (64, 128)}, "point_widths is"),
    ],
)
def test_settings_out_of_range(config: Config, changes: dict[str, object], told: str) -> None:
    assert told in one_line(replace, config, **changes)


def test_a_configuration_makes_its_network() -> None:
    families = {MinkUNet: "minkunet", VoxelNet: "voxelnet", Cylinder3D: "cylinder3d"}
    with torch.device("meta"):
        for family, variant in families.items():
            assert type(CSC(variant)) is family
            for other in families.keys() - {family}:
                assert "of another network" in one_line(other, variant)
        assert sum(p.numel() for p in MinkUNet().parameters()) == 37_849_184
