"""Frozen backbones against other implementations of them, with random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from torch import Tensor, nn

from isp_scanpath import ChenLSTMConfig, ChenLSTMISP, GazeformerConfig
from isp_scanpath.data.features import extractor_for
from isp_scanpath.network.detector import read_detector
from isp_scanpath.network.imagenet import read_imagenet, start_from_imagenet
from isp_scanpath.network.lite_features import LiteFeatures
from visioncore.errors import InputError


def lively(network: nn.Module) -> nn.Module:
    """Return a network whose batch norms do something, in evaluation mode."""
    generator = torch.Generator().manual_seed(0)
    for name, values in [*network.named_buffers(), *network.named_parameters()]:
        if values.ndim == 1 and values.is_floating_point():
            with torch.no_grad():
                values.uniform_(0.5, 2, generator=generator) if "var" in name else values.normal_(
                    float(name.endswith("weight")), 0.1, generator=generator
                )
    return network.eval()


@torch.no_grad()
def test_the_detector_is_torchvisions(tmp_path: Path) -> None:
    torch.manual_seed(0)
    norm = lambda channels: torchvision.ops.FrozenBatchNorm2d(channels, eps=0.0)  # noqa: E731
    theirs = lively(torchvision.models.resnet50(norm_layer=norm))
    state = {f"backbone.body.{name}": value for name, value in theirs.state_dict().items() if "fc" not in name}
    torch.save(state | {"rpn.head.weight": torch.zeros(1)}, tmp_path / "mask.pth")
    ours, images = read_detector(tmp_path / "mask.pth"), torch.randn(1, 3, 64, 96)
    layers = torchvision.models._utils.IntermediateLayerGetter(theirs, {"layer4": "out"})
    expected = layers(images)["out"]
    torch.testing.assert_close(ours(images), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    config = GazeformerConfig(grid=(2, 3))
    extract = extractor_for(config, weights=tmp_path / "mask.pth")
    pixels = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    assert extract(pixels).shape == (6, 2048)
    del state["backbone.body.layer3.2.bn1.running_mean"]
    torch.save(state, tmp_path / "mask.pth")
    with pytest.raises(InputError, match=r"layer3\.2\.bn1\.running_mean is missing; it must be \(256,\)"):
        read_detector(tmp_path / "mask.pth")
    torch.save({"a": torch.zeros(1)}, tmp_path / "mask.pth")
    with pytest.raises(InputError, match="not a checkpoint of torchvision's Mask R-CNN"):
        read_detector(tmp_path / "mask.pth")


@torch.no_grad()
def test_efficientnet_lite_is_timms() -> None:
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    theirs = lively(timm.create_model("tf_efficientnet_lite0", features_only=True, out_indices=(3, 4)))
    ours = LiteFeatures(published_names(theirs.state_dict()))
    for size in ((64, 96), (96, 64)):
        images = torch.randn(1, 3, *size)
        fine, coarse = theirs(images)
        found, large = ours(images), nn.functional.interpolate(coarse, scale_factor=2.0, mode="bilinear")
        torch.testing.assert_close(found[:, :112], fine, rtol=1e-3, atol=1e-4 * float(fine.abs().max()))
        torch.testing.assert_close(found[:, 112:], large, rtol=1e-3, atol=1e-4 * float(large.abs().max()))
    with pytest.raises(InputError, match="lack _conv_stem or _bn0"):
        LiteFeatures({})


def published_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors of timm's network under the names of the wheel, in which blocks are numbered through."""
    found, blocks = {}, list[str]()
    for name, tensor in state.items():
        parts = name.split(".")
        if parts[0] != "blocks":
            found[f"_{'bn0' if parts[0] == 'bn1' else parts[0]}.{parts[1]}"] = tensor
            continue
        block = ".".join(parts[1:3])
        if block not in blocks:
            blocks.append(block)
        first = block == "0.0"
        layer = {
            **{"conv_pw": "_project_conv" if first else "_expand_conv", "conv_dw": "_depthwise_conv"},
            **{"conv_pwl": "_project_conv", "bn1": "_bn1" if first else "_bn0", "bn2": "_bn2" if first else "_bn1"},
            "bn3": "_bn2",
        }[parts[3]]
        found[f"_blocks.{blocks.index(block)}.{layer}.{parts[4]}"] = tensor
    return found


def test_a_backbone_from_imagenet(tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = torchvision.models.resnet50().state_dict()
    torch.save(theirs, tmp_path / "resnet50.pth")
    ours = read_imagenet(tmp_path / "resnet50.pth")
    assert torch.equal(ours["stages.2.4.conv2.weight"], theirs["layer3.4.conv2.weight"])
    assert torch.equal(ours["stages.1.0.shortcut.1.bias"], theirs["layer2.0.downsample.1.bias"])
    small = ChenLSTMISP(ChenLSTMConfig(grid=(4, 4), channels=4, width=4, blocks=(1, 1, 1, 1)))
    with pytest.raises(InputError):
        start_from_imagenet(small.backbone, tmp_path / "resnet50.pth")
    del theirs["layer1.0.conv1.weight"]
    torch.save(theirs, tmp_path / "resnet50.pth")
    with pytest.raises(InputError, match=r"not torchvision's ResNet-50: .*stages\.0\.0\.conv1\.weight"):
        read_imagenet(tmp_path / "resnet50.pth")


def test_features_that_nothing_makes() -> None:
    with pytest.raises(InputError, match="features of 7 channels are made by no backbone here"):
        extractor_for(GazeformerConfig(feature_channels=7))
