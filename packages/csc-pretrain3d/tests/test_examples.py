"""The shared commands' view of the networks: an example of the input, operations counted, both paths on tensors."""

from __future__ import annotations

import pytest
import torch

from csc_pretrain3d.method import METHOD
from csc_pretrain3d.network.config import VARIANTS, Config, Cylinder3DConfig, MinkUNetConfig, VoxelNetConfig
from csc_pretrain3d.network.examples import fast_on_tensors, inputs, reference_on_tensors
from csc_pretrain3d.network.model import CSC, MinkUNet
from visioncore.commands.description import measure

SMALL = MinkUNetConfig(stem=4, widths=(4, 4, 6, 6, 6, 4, 4, 4), blocks=(1, 1, 1, 1, 1, 1, 1, 1))


@pytest.mark.parametrize(
    ("variant", "parameters"), [("minkunet", 37.85e6), ("voxelnet", 0.72e6), ("cylinder3d", 55.97e6)]
)
def test_operations_are_counted(variant: str, parameters: float) -> None:
    size = measure(METHOD, VARIANTS[variant])
    assert size.parameters == pytest.approx(parameters, rel=5e-3)
    assert size.multiply_accumulates > 1e8
    voxels = size.inputs["coordinates"][0]
    assert 300 < voxels < 3000
    assert size.outputs["output"] == ((1, 64, 128, 128) if variant == "voxelnet" else (voxels, 64))


def test_operations_are_those_of_the_pairs(tiny_minkunet: MinkUNet) -> None:
    """A stem of 4 channels multiplies once for each pair of neighbours and channel."""
    coordinates = inputs(tiny_minkunet.config)["coordinates"].tolist()
    there = {tuple(row) for row in coordinates}
    steps = [(a, b, c) for a in (-1, 0, 1) for b in (-1, 0, 1) for c in (-1, 0, 1)]
    pairs = sum((n, x + a, y + b, z + c) in there for n, x, y, z in there for a, b, c in steps)
    without = MinkUNet(type(tiny_minkunet.config)(**{**vars(tiny_minkunet.config), "kernel_size": 1}))
    counted = [measure(METHOD, model.config).multiply_accumulates for model in (tiny_minkunet, without)]
    assert counted[0] - counted[1] == 4 * (pairs - len(there))


@torch.no_grad()
@pytest.mark.parametrize(
    "config", [SMALL, VoxelNetConfig(upsample=16, compressed=False), Cylinder3DConfig(width=2, grid=(48, 36, 16))]
)
def test_paths_agree(config: Config) -> None:
    torch.manual_seed(0)
    model = CSC(config).eval()
    given = tuple(inputs(model.config).values())
    expected = reference_on_tensors(model)(*given)
    fast = fast_on_tensors(model, torch.device("cpu"), torch.float32)(*given)
    torch.testing.assert_close(fast, expected, rtol=1e-3, atol=1e-4)
