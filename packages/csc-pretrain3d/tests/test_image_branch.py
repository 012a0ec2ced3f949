"""The image branch: the golden case, its frozen encoder, and the files that encoders are published in."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from csc_pretrain3d.network.image_branch import ImageBranch
from csc_pretrain3d.network.image_config import ENCODERS, ImageBranchConfig, ResNetConfig, ViTConfig
from csc_pretrain3d.network.image_weights import load_encoder
from csc_pretrain3d.network.published_heads import image_from_published, image_to_published, read_image_branch
from csc_pretrain3d.network.vit import VisionTransformer
from visioncore.errors import InputError
from visioncore.testing.deterministic import uniform_input
from visioncore.weights.state_dicts import load_into

TINY = ImageBranchConfig(ResNetConfig(2, (1, 1, 1, 1)), 8)
TINY_VIT = ImageBranchConfig(ViTConfig(patch=4, channels=8, depth=2, heads=2, grid=3), 8)


@torch.no_grad()
def test_published_branch(golden: Callable[[str], Any], layouts: dict[str, Any], fill: Callable[..., Any]) -> None:
    case = golden("image_branch")
    branch = ImageBranch().double()
    state = fill(layouts["image_branch"] | dict.fromkeys(layouts["kept"]["image_branch"], ()))
    load_into(branch, image_from_published(state), where="golden case")
    first: list[Tensor] = []
    branch.encoder.get_submodule("layer1").register_forward_hook(lambda _, __, out: first.append(out))
    images = torch.from_numpy(uniform_input("csc-image", (1, 3, 64, 96)))
    case.close("features", branch(images))
    case.close("encoder", branch.encode(images))
    case.close("layer1", first[0])
    assert image_to_published(branch).keys() == state.keys()


def test_encoder_is_frozen_and_evaluates() -> None:
    torch.manual_seed(0)
    branch = ImageBranch(TINY).train()
    before = {name: tensor.clone() for name, tensor in branch.encoder.state_dict().items()}
    branch(torch.rand(3, 3, 16, 24)).sum().backward()
    assert all(torch.equal(before[name], tensor) for name, tensor in branch.encoder.state_dict().items())
    assert [name for name, p in branch.named_parameters() if p.requires_grad] == ["decoder.weight", "decoder.bias"]
    assert branch.decoder.weight.grad is not None
    assert not any(module.training for module in branch.encoder.modules())


@pytest.mark.parametrize("config", [TINY, TINY_VIT], ids=["resnet", "vit"])
def test_one_image_at_a_time_is_all_at_once(config: ImageBranchConfig) -> None:
    torch.manual_seed(0)
    branch, images = ImageBranch(config).double(), torch.rand(3, 3, 16, 24).double()
    whole = branch.encode(images, at_once=3)
    torch.testing.assert_close(branch.encode(images), whole, rtol=1e-12, atol=1e-12)
    assert whole.shape == (3, config.encoder.channels, 4, 6)
    torch.testing.assert_close(branch(images).norm(dim=1), torch.ones(3, 16, 24).double())


@pytest.mark.parametrize("shape", [(1, 3, 18, 24), (1, 4, 16, 24), (3, 16, 24), (0, 3, 16, 24)])
def test_images_that_do_not_fit(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"it must be \(B, 3, H, W\), H and W multiples of 4"):
        ImageBranch(TINY)(torch.rand(shape))


def resnet_state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return ImageBranch(TINY).encoder.state_dict()


def moco(state: dict[str, Tensor]) -> dict[str, Any]:
    query = {f"module.encoder_q.{name}": tensor for name, tensor in state.items()}
    key = {f"module.encoder_k.{name}": tensor + 1 for name, tensor in state.items()}
    heads = {"module.encoder_q.fc.0.weight": torch.zeros(2, 2), "module.queue": torch.zeros(3, 3)}
    return {"state_dict": query | key | heads, "epoch": 800}


def torchvision(state: dict[str, Tensor]) -> dict[str, Any]:
    old = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    return old | {"fc.weight": torch.zeros(5, 64), "fc.bias": torch.zeros(5)}


def swav(state: dict[str, Tensor]) -> dict[str, Any]:
    heads = {"module.projection_head.0.weight": torch.zeros(2, 2), "module.prototypes.weight": torch.zeros(2, 2)}
    return {f"module.{name}": tensor for name, tensor in state.items()} | heads


@pytest.mark.parametrize("write", [moco, torchvision, swav, lambda state: state])
def test_files_of_resnets(write: Callable[[dict[str, Tensor]], dict[str, Any]], tmp_path: Path) -> None:
    state = resnet_state()
    torch.save(write(state), tmp_path / "encoder.pth")
    branch = load_encoder(tmp_path / "encoder.pth", channels=8)
    assert branch.config == TINY
    for name, tensor in branch.encoder.state_dict().items():
        assert torch.equal(tensor, state[name]), name


@pytest.mark.parametrize(
    "config",
    [
        ViTConfig(patch=8, channels=128, depth=2, heads=2, grid=3),
        ViTConfig(patch=14, channels=128, depth=1, heads=2, grid=2, layer_scale=True, registers=4),
    ],
)
def test_files_of_transformers(config: ViTConfig, tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = ImageBranch(ImageBranchConfig(config)).encoder.state_dict()
    torch.save(state | {"mask_token": torch.zeros(1, 128)}, tmp_path / "encoder.pth")
    branch = load_encoder(tmp_path / "encoder.pth")
    assert branch.config.encoder == config
    images = torch.rand(1, 3, 5 * config.patch, 4 * config.patch)
    assert branch(images).shape == (1, 64, 5 * config.patch, 4 * config.patch)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"backbone.0.weight": torch.zeros(1)}, "no encoder of images"),
        ({"conv1.weight": torch.zeros(64, 3, 7, 7), "layer1.0.conv1.weight": torch.zeros(1)}, "without bottlenecks"),
        (
            {"patch_embed.proj.weight": torch.zeros(8, 3, 4, 4), "pos_embed": torch.zeros(1, 6, 8)},
            "a square of patches",
        ),
    ],
)
def test_files_of_something_else(state: dict[str, Tensor], said: str, tmp_path: Path) -> None:
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(InputError, match=said):
        load_encoder(tmp_path / "other.pth")


def test_branch_of_a_training_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    branch = ImageBranch(TINY)
    theirs = {f"module.{name}": tensor for name, tensor in image_to_published(branch).items()}
    torch.save({"model_points": {}, "model_images": theirs, "epoch": 1}, tmp_path / "model.pt")
    again = read_image_branch(tmp_path / "model.pt")
    assert again.config == TINY
    for name, tensor in branch.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name
    torch.save({"model_points": {}}, tmp_path / "none.pt")
    with pytest.raises(InputError, match="no model_images"):
        read_image_branch(tmp_path / "none.pt")


@torch.no_grad()
def test_resnet_is_that_of_torchvision() -> None:
    models = pytest.importorskip("torchvision.models")
    other = models.resnet50(replace_stride_with_dilation=[True, True, True]).eval()
    other.avgpool, other.fc = nn.Identity(), nn.Identity()
    branch = ImageBranch()
    load_into(branch.encoder, other.state_dict(), where="torchvision")
    x = torch.rand(1, 3, 32, 48)
    torch.testing.assert_close(branch.encoder(x).flatten(1), other(x).flatten(1), rtol=1e-4, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("dino-vits16", "vit_small_patch16_224.dino"),
        ("dinov2-vits14", "vit_small_patch14_dinov2.lvd142m"),
        ("dinov2-vits14-registers", "vit_small_patch14_reg4_dinov2.lvd142m"),
    ],
)
def test_transformer_is_that_of_timm(name: str, theirs: str) -> None:
    timm = pytest.importorskip("timm")
    config = ENCODERS[name]
    assert isinstance(config, ViTConfig)
    size = config.grid * config.patch
    other = timm.create_model(theirs, img_size=size, num_classes=0).eval()
    state = {n.replace("reg_token", "register_tokens"): t for n, t in other.state_dict().items()}
    branch = ImageBranch(ImageBranchConfig(config))
    if config.registers:  # timm has no position for the class token here
        positions = state["pos_embed"]
        state["pos_embed"] = torch.cat([torch.zeros(1, 1, config.channels), positions], dim=1)
    generator = torch.Generator().manual_seed(0)
    state = {n: t if "norm" in n else 0.1 * torch.randn(t.shape, generator=generator) for n, t in state.items()}
    if config.registers:
        state["pos_embed"][:, 0] = 0
    load_into(branch.encoder, state, where="timm")
    back = {n.replace("register_tokens", "reg_token"): t for n, t in state.items()}
    if config.registers:
        back["pos_embed"] = back["pos_embed"][:, 1:]
    other.load_state_dict(back)
    x = torch.rand(1, 3, size, size, generator=generator)
    tokens = other.forward_features(x)[:, 1 + config.registers :]
    torch.testing.assert_close(branch.encoder(x).flatten(2).transpose(1, 2), tokens, rtol=1e-3, atol=1e-3)


def test_positions_of_another_grid() -> None:
    """On a grid of another size positions are those of the bicubic surface; a constant table stays constant."""
    for registers in (0, 4):
        config = ViTConfig(patch=4, channels=8, depth=1, heads=2, grid=6, registers=registers)
        encoder = VisionTransformer(config)
        with torch.no_grad():
            encoder.pos_embed[:, 1:] = torch.arange(8.0)
        found = encoder.positions(9, 5)
        assert found.shape == (1, 46, 8)
        torch.testing.assert_close(found[0, 1:], torch.arange(8.0).expand(45, -1))
        assert encoder.positions(6, 6) is encoder.pos_embed


def cubic(distance: float, sharpness: float) -> float:
    """Keys' cubic kernel."""
    d = abs(distance)
    if d < 1:
        return (sharpness + 2) * d**3 - (sharpness + 3) * d**2 + 1
    return sharpness * (d**3 - 5 * d**2 + 8 * d - 4) if d < 2 else 0.0


def resizing(size: int, wanted: int, antialiased: bool) -> Tensor:
    """Return the matrix (wanted, size) that resizes a line of positions as DINO and DINOv2 do, by definition."""
    matrix = torch.zeros(wanted, size, dtype=torch.float64)
    for row in range(wanted):
        if antialiased:  # DINOv2 with registers: the sizes give the scale, and weights add up to 1
            step = size / wanted
            wide = max(step, 1.0)
            weights = [cubic((j + 0.5 - (row + 0.5) * step) / wide, -0.5) for j in range(size)]
            matrix[row] = torch.tensor(weights, dtype=torch.float64) / sum(weights)
        else:  # 0.1 is added to the size, which moves every place a little
            place = (row + 0.5) * size / (wanted + 0.1) - 0.5
            for j in range(math.floor(place) - 1, math.floor(place) + 3):
                matrix[row, min(max(j, 0), size - 1)] += cubic(place - j, -0.75)
    return matrix


@torch.no_grad()
@pytest.mark.parametrize("registers", [0, 4])
def test_positions_are_resized_as_published(registers: int) -> None:
    torch.manual_seed(0)
    encoder = VisionTransformer(ViTConfig(patch=4, channels=8, depth=1, heads=2, grid=6, registers=registers)).double()
    table = encoder.pos_embed[0, 1:].unflatten(0, (6, 6))
    for height, width in ((9, 5), (4, 13)):
        rows, columns = (resizing(6, wanted, registers > 0) for wanted in (height, width))
        expected = torch.einsum("hi,wj,ijc->hwc", rows, columns, table).flatten(0, 1)
        torch.testing.assert_close(encoder.positions(height, width)[0, 1:], expected, rtol=1e-9, atol=1e-9)
