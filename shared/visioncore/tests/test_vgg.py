"""VGG-19: the same as torchvision's, no deeper than asked for, and drawn anew from a number."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.vgg import cfgs, make_layers

from visioncore.backbones.vgg import LAYERS, MEAN, STD, VGG19, channels_of, drawn, least_side, read_vgg
from visioncore.errors import InputError
from visioncore.testing.refusals import refusal
from visioncore.weights.fingerprint import fingerprint

RELUS = [name for name in LAYERS if name.startswith("relu")]


@pytest.fixture(scope="module")
def theirs() -> nn.Sequential:
    torch.manual_seed(0)
    return make_layers(cfgs["E"]).eval()


@pytest.fixture
def file(theirs: nn.Sequential, tmp_path: Path) -> Path:
    """Weights as torchvision's file has them, with those of the classifier."""
    state = {f"features.{name}": tensor for name, tensor in theirs.state_dict().items()}
    torch.save({**state, "classifier.0.weight": torch.zeros(2, 2)}, tmp_path / "vgg19.pth")
    return tmp_path / "vgg19.pth"


@torch.no_grad()
def test_every_layer_is_torchvisions(theirs: nn.Sequential, file: Path) -> None:
    vgg = read_vgg(file, last="relu5_4")
    image = torch.rand(1, 3, 32, 48)
    found = vgg(image, RELUS)
    assert list(found) == RELUS
    x: Tensor = (image - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    expected = []
    for layer in theirs:
        x = layer(x)
        if isinstance(layer, nn.ReLU):
            expected.append(x.clone())
    for (name, one), other in zip(found.items(), expected, strict=True):
        torch.testing.assert_close(one, other)
        assert one.shape[1] == channels_of(name)
    assert not any(parameter.requires_grad for parameter in vgg.parameters())


def test_no_layer_more_than_asked_for(file: Path) -> None:
    vgg = read_vgg(file, last="relu3_1")
    assert len(vgg.features) == 12
    run: list[int] = []
    for place, layer in enumerate(vgg.features):
        layer.register_forward_hook(lambda *_, place=place: run.append(place))
    shallow = vgg(torch.rand(1, 3, 8, 8), ("relu1_1", "relu2_1"))
    assert run == list(range(7))
    assert {name: tuple(features.shape) for name, features in shallow.items()} == {
        "relu1_1": (1, 64, 8, 8),
        "relu2_1": (1, 128, 4, 4),
    }
    with pytest.raises(InputError, match="relu4_1 lies behind the last layer of this VGG-19"):
        vgg(torch.rand(1, 3, 8, 8), ("relu4_1",))
    for name in ("conv1_1", "relu6_1"):
        with pytest.raises(InputError, match=f"'{name}' is no layer of VGG-19; those are relu1_1, "):
            vgg(torch.rand(1, 3, 8, 8), (name,))


def test_the_smallest_images() -> None:
    assert [least_side([name]) for name in ("relu1_2", "relu2_1", "relu5_4")] == [1, 2, 16]
    vgg = drawn(2, 0)
    assert vgg(torch.rand(1, 3, 16, 16), ["relu5_1"])["relu5_1"].shape == (1, 16, 1, 1)


def test_drawn_weights_follow_from_the_seed() -> None:
    image = torch.rand(1, 3, 32, 32)
    first = drawn(4, 7)(image, RELUS[:13])
    again = drawn(4, 7)(image, RELUS[:13])
    other = drawn(4, 8)(image, RELUS[:13])
    for name, features in first.items():
        assert torch.equal(features, again[name])
        assert not torch.equal(features, other[name])
        # neither vanishing nor growing with depth
        assert 0.2 < float(features.square().mean().sqrt()) < 5, name
    weight = drawn(4, 7).features[0].weight
    assert isinstance(weight, torch.Tensor)
    # of this seed for ever, for they stand for weights in files
    assert [round(float(value), 6) for value in weight.flatten()[:3]] == [0.117941, 0.374497, 0.259919]


def test_drawn_weights_are_not_stored_but_move_and_differ() -> None:
    vgg = drawn(4, 7)
    assert vgg.state_dict() == {}
    assert vgg.double()(torch.rand(1, 3, 8, 8).double(), ["relu1_1"])["relu1_1"].dtype == torch.float64
    assert len({fingerprint(drawn(4, 7)), fingerprint(drawn(4, 8)), fingerprint(drawn(2, 7))}) == 3
    with torch.device("meta"):
        assert drawn(4, 7)(torch.rand(1, 3, 8, 8), ["relu1_1"])["relu1_1"].is_meta


def test_gradients_reach_the_image() -> None:
    image = torch.rand(1, 3, 16, 16, requires_grad=True)
    sum(features.sum() for features in VGG19(4, "relu3_1")(image, ["relu1_1", "relu3_1"]).values()).backward()
    assert image.grad is not None
    assert image.grad.abs().sum() > 0


def test_files_of_something_else(tmp_path: Path) -> None:
    torch.save({"layer.weight": torch.zeros(1)}, tmp_path / "other.pth")
    assert "these weights do not fit VGG19" in refusal(read_vgg, tmp_path / "other.pth")
