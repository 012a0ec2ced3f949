"""The golden cases of the published networks, in double precision, on all paths; everything else rests on them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from csc_pretrain3d.network.bev import sample_bev
from csc_pretrain3d.network.fast import for_inference
from csc_pretrain3d.network.model import MinkUNet, VoxelNet
from csc_pretrain3d.network.reference import as_reference
from csc_pretrain3d.sparse import SparseTensor
from visioncore.testing.deterministic import integer_input, normal_input, uniform_input
from visioncore.weights.state_dicts import load_into

Golden = Callable[[str], Any]
Fill = Callable[[Any], dict[str, Tensor]]


def filled(model: nn.Module, case: Any, fill: Fill) -> nn.Module:
    """Return a network in float64 with a golden case's weights; norms' counters stay as they are."""
    state = fill(case.about["layout"])
    for pattern, factor in case.about["scale"].items():
        state |= {name: tensor * factor for name, tensor in state.items() if re.search(pattern, name)}
    kept = {name: model.state_dict()[name] for name in case.about["kept"]}
    load_into(model.double(), state | kept, where="golden case")
    return model.eval()


def outputs_of(module: nn.Module) -> list[SparseTensor]:
    """Return a list that copies of what a module returns are added to; without gradients layers reuse memory."""
    found: list[SparseTensor] = []
    module.register_forward_hook(lambda _, __, output: found.append(output.replace(output.features.clone())))
    return found


def by_place(x: SparseTensor) -> tuple[Tensor, Tensor]:
    """Return coordinates and features in the order of the coordinates."""
    order = torch.from_numpy(np.lexsort(x.coordinates.numpy().T[::-1]).copy())
    return x.coordinates[order], x.features[order]


def unique_rows(*columns: Any) -> Tensor:
    return torch.from_numpy(np.unique(np.hstack(columns), axis=0))


def minkunet_input() -> SparseTensor:
    coordinates = unique_rows(
        integer_input("csc-mink-batch", 0, 2, (330, 1)), integer_input("csc-mink-xyz", -9, 10, (330, 3))
    )
    return SparseTensor(coordinates, torch.from_numpy(normal_input("csc-mink-features", (len(coordinates), 1))))


def voxelnet_input() -> SparseTensor:
    coordinates = unique_rows(
        integer_input("csc-voxel-batch", 0, 2, (700, 1)),
        integer_input("csc-voxel-z", 8, 24, (700, 1)),
        integer_input("csc-voxel-yx", 500, 532, (700, 2)),
    )
    features = torch.from_numpy(normal_input("csc-voxel-features", (len(coordinates), 4)))
    return SparseTensor(coordinates, features, spatial_shape=(40, 1024, 1024))


@torch.no_grad()
def test_minkunet(golden: Golden, fill: Fill) -> None:
    case = golden("minkunet_pretrain")
    model = filled(MinkUNet(), case, fill)
    assert isinstance(model, MinkUNet)
    stem, down, bottleneck, final = map(outputs_of, (model.conv0p1s1, model.conv1p1s2, model.block4, model.final))
    inner = {name: outputs_of(getattr(model, name)) for name in case.about["stages"]}
    voxels = minkunet_input()
    assert len(voxels.features) == case.about["inputs"]["rows_after_unique"]
    found = model(voxels)
    assert found.coordinates is voxels.coordinates
    case.close("features", found.features)
    case.close("before_normalisation", final[0].features)
    case.close("stem", stem[0].features)
    case.close("down1", by_place(down[0])[1])
    coordinates, features = by_place(bottleneck[0])
    case.close("bottleneck_coordinates", coordinates)
    case.close("bottleneck", features)
    for name, said in case.about["stages"].items():
        hold_stage(inner[name][0].features, said)
    for network in (as_reference(model), for_inference(model, torch.device("cpu"), torch.float64)):
        case.close("features", network(voxels).features)
    short = for_inference(model, torch.device("cpu"), torch.bfloat16)(voxels).features
    assert short.dtype == torch.float32
    assert float((short - found.features).norm(dim=1).max()) < 0.1, "unit vectors"


def hold_stage(features: Tensor, said: dict[str, Any]) -> None:
    """Hold the features after a stage against their shape, mean and root mean square."""
    assert list(features.shape) == [said["voxels"], said["channels"]]
    found = [float(features.mean()), float(features.square().mean().sqrt())]
    np.testing.assert_allclose(found, [said["mean"], said["rms"]], rtol=1e-9)


@torch.no_grad()
def test_voxelnet(golden: Golden, fill: Fill) -> None:
    case = golden("voxelnet_pretrain")
    model = filled(VoxelNet(), case, fill)
    assert isinstance(model, VoxelNet)
    inner = {name: outputs_of(getattr(model, name)) for name in case.about["stages"]}
    bev = model(voxelnet_input())
    assert bev.shape == (2, 64, 128, 128)
    for name in ("conv4", "conv_out"):
        coordinates, features = by_place(inner[name][0])
        case.close(f"{name}_indices", coordinates)
        case.close(name, features)
    case.close("conv_input", inner["conv_input"][0].features)
    for name, said in case.about["stages"].items():
        hold_stage(inner[name][0].features, said)
        assert list(inner[name][0].spatial_shape or ()) == said["spatial_shape"], name
    rows = bev.permute(0, 2, 3, 1)
    filled_cells = rows.abs().sum(dim=3).nonzero()
    case.close("bev_indices", filled_cells)
    case.close("bev", rows[filled_cells.unbind(1)])
    for network in (as_reference(model), for_inference(model, torch.device("cpu"), torch.float64)):
        torch.testing.assert_close(network(voxelnet_input()), bev, rtol=1e-11, atol=1e-11)
    batch = torch.from_numpy(np.sort(integer_input("csc-voxel-pc-batch", 0, 2, (64, 1)), axis=0))[:, 0]
    points = uniform_input("csc-voxel-pc-xyz", (64, 3)) * [4.2, 4.2, 4.0] - [1.4, 1.4, 3.5]
    case.close("points", sample_bev(bev, torch.from_numpy(points), batch))


def test_points_at_the_rim_of_the_map() -> None:
    """Corners are clamped, and weights taken from the clamped ones: on the last row and beyond nothing is read."""
    bev = torch.arange(128.0)[:, None].expand(1, 1, 128, 128).double() + 1
    metres = -51.2 + 0.8 * torch.tensor([-0.5, 0.25, 126.75, 127.0, 127.5], dtype=torch.float64)
    points = torch.stack([torch.zeros(5), metres, torch.zeros(5)], dim=1)
    found = sample_bev(bev, points, torch.zeros(5, dtype=torch.long))[:, 0]
    torch.testing.assert_close(found, torch.tensor([0.0, 1.25, 127.75, 0.0, 0.0]).double(), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("variant", "network"),
    [
        ("minkunet_pretrain", "minkunet"),
        ("minkunet_nuscenes", "minkunet-nuscenes"),
        ("minkunet_semantickitti", "minkunet-semantickitti"),
        ("voxelnet_pretrain", "voxelnet"),
        ("voxelnet_upsample16", "voxelnet-upsample16"),
    ],
)
def test_published_layouts(layouts: dict[str, Any], variant: str, network: str) -> None:
    """Every published tensor has a place of its shape, and no other has."""
    family = MinkUNet if network.startswith("mink") else VoxelNet
    with torch.device("meta"):
        own = {name: list(tensor.shape) for name, tensor in family(network).state_dict().items()}
    kept: dict[str, Any] = {name: [] for name in layouts["kept"][variant]}
    assert own == layouts[variant] | kept
