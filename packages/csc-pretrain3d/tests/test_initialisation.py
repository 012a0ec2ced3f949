"""What golden values do not see: how weights are drawn, and how fast running statistics follow."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from csc_pretrain3d.network.config import Cylinder3DConfig
from csc_pretrain3d.network.model import CSC, Cylinder3D, MinkUNet, VoxelNet
from csc_pretrain3d.network.prototypes import PrototypeHead
from csc_pretrain3d.sparse import MinkowskiConvolution, MinkowskiConvolutionTranspose, SparseInverseConv3d, SubMConv3d


def norms(network: nn.Module) -> dict[str, nn.BatchNorm1d]:
    return {name: module for name, module in network.named_modules() if isinstance(module, nn.BatchNorm1d)}


@pytest.mark.parametrize(
    ("variant", "momentum"), [("minkunet", 0.05), ("minkunet-nuscenes", 0.02), ("minkunet-semantickitti", 0.02)]
)
def test_momenta_of_minkunet(variant: str, momentum: float) -> None:
    """The configured one does not reach the two norms inside a block, but that of its shortcut."""
    found = norms(MinkUNet(variant))
    assert len(found) == 62
    for name, norm in found.items():
        inside = name.endswith(("norm1.bn", "norm2.bn"))
        assert (norm.momentum, norm.eps) == (0.1 if inside else momentum, 1e-5), name


def test_momenta_of_the_others() -> None:
    for network, momentum, eps in (
        (VoxelNet("voxelnet-upsample16"), 0.01, 1e-3),
        (Cylinder3D(Cylinder3DConfig(width=2)), 0.1, 1e-5),
    ):
        assert {(norm.momentum, norm.eps) for norm in norms(network).values()} == {(momentum, eps)}


@pytest.mark.parametrize(
    ("layer", "fan"),
    [
        (MinkowskiConvolution(40, 30, 3, bias=True), 40 * 27),
        (MinkowskiConvolution(90, 70, 1, bias=True), 90),
        (MinkowskiConvolution(40, 30, 2, 2, bias=True), 40 * 8),
        (MinkowskiConvolutionTranspose(40, 30, 2, 2, bias=True), 30 * 8),
        (SubMConv3d(40, 30, (1, 3, 3)), 40 * 9),
        (SparseInverseConv3d(40, 30, 3, "down"), 40 * 27),
    ],
)
def test_convolutions_are_drawn_uniformly(layer: nn.Module, fan: int) -> None:
    bound = 1 / math.sqrt(fan)
    for values, close in zip(sorted(layer.parameters(), key=Tensor.numel), (0.4, 0.05), strict=True):
        assert bound * (1 - close) < float(values.detach().abs().max()) <= bound
        assert abs(float(values.detach().abs().mean()) / bound - 0.5) < close / 2


def test_norms_begin_as_identity() -> None:
    networks: tuple[CSC, ...] = (MinkUNet(), VoxelNet())
    for network in networks:
        for norm in norms(network).values():
            assert float(norm.weight.detach().sub(1).abs().max()) == float(norm.bias.detach().abs().max()) == 0


def test_prototype_head() -> None:
    """Narrow weights, no constants; and categories that never came count in the statistics of the batch."""
    torch.manual_seed(0)
    head = PrototypeHead()
    linear = [layer for layer in head.layers if isinstance(layer, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in linear] == [(128, 128), (128, 128), (128, 64)]
    for layer in linear:
        assert abs(float(layer.weight.detach().std()) - 0.02) < 0.001
        assert float(layer.bias.detach().abs().max()) == 0
    points, images = torch.rand(150, 64), torch.rand(150, 64)
    points[10:] = images[10:] = 0
    head(points, images)
    norm = head.layers[1]
    assert isinstance(norm, nn.BatchNorm1d)
    assert norm.running_mean is not None
    mean = linear[0](torch.cat([points, images], dim=1)).mean(dim=0)
    torch.testing.assert_close(norm.running_mean, 0.1 * mean.detach())
