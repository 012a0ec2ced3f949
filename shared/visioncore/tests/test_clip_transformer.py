"""CLIP's towers on patches and on texts: the same as open_clip's, and read from every file that holds them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn

from visioncore.backbones import clip_files
from visioncore.backbones.clip_files import download_clip, from_transformers, read_clip
from visioncore.backbones.clip_tokens import clip_tokens
from visioncore.backbones.clip_transformer import (
    CLIP_VITS,
    CLIPText,
    CLIPTextConfig,
    CLIPViT,
    CLIPViTConfig,
    resize_positions,
)
from visioncore.errors import InputError
from visioncore.testing.refusals import one_line
from visioncore.weights.state_dicts import write_state_dict

VIT = CLIPViTConfig(64, 3, 4, 4, 20, 24)
TEXT = CLIPTextConfig(32, 2, 4, 9, 40, 24)


class Whole(nn.Module):
    """A CLIP as its files have it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.visual, text = CLIPViT(VIT), CLIPText(TEXT)
        for name, child in text.named_children():
            self.add_module(name, child)
        for name, parameter in text.named_parameters(recurse=False):
            self.register_parameter(name, parameter)
        self.logit_scale = nn.Parameter(torch.tensor(4.0))
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=0.3)

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.visual(images)
        return features


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """The tensors of a small CLIP."""
    return {name: tensor.detach() for name, tensor in Whole().state_dict().items()}


def to_transformers(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors as transformers names and lays them out."""
    names = {
        "conv1.weight": "embeddings.patch_embedding.weight",
        "class_embedding": "embeddings.class_embedding",
        "positional_embedding": "embeddings.position_embedding.weight",
        "token_embedding.weight": "embeddings.token_embedding.weight",
    }
    norms = {"ln_pre": "pre_layrnorm", "ln_post": "post_layernorm", "ln_final": "final_layer_norm"}
    parts = {"ln_1": "layer_norm1", "ln_2": "layer_norm2", "attn.out_proj": "self_attn.out_proj"}
    parts |= {"mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2"}
    found: dict[str, Tensor] = {}
    for name, value in state.items():
        tower = "vision_model." if name.startswith("visual.") else "text_model."
        inside = name.removeprefix("visual.")
        if name == "logit_scale":
            found[name] = value
        elif inside in ("proj", "text_projection"):
            found["visual_projection.weight" if inside == "proj" else "text_projection.weight"] = value.T.contiguous()
        elif inside.startswith("transformer.resblocks."):
            _, _, number, *rest = inside.split(".")
            place = f"{tower}encoder.layers.{number}."
            if "in_proj" in inside:
                kind = rest[-1].removeprefix("in_proj_")
                for letter, part in zip("qkv", value.chunk(3), strict=True):
                    found[f"{place}self_attn.{letter}_proj.{kind}"] = part.clone()
            else:
                found[f"{place}{parts['.'.join(rest[:-1])]}.{rest[-1]}"] = value
        else:
            stem, _, kind = inside.rpartition(".")
            found[tower + (names[inside] if inside in names else f"{norms[stem]}.{kind}")] = value
    found["vision_model.embeddings.position_ids"] = torch.arange(26)[None]
    return found


@torch.no_grad()
@pytest.mark.parametrize("activation", ["quick_gelu", "gelu"])
def test_towers_are_open_clip_s(activation: Literal["quick_gelu", "gelu"]) -> None:
    theirs_of = pytest.importorskip("open_clip.model", reason="open_clip is not installed")
    torch.manual_seed(0)
    vision = theirs_of.CLIPVisionCfg(VIT.layers, VIT.width, 16, patch_size=VIT.patch, image_size=VIT.image_size)
    text = theirs_of.CLIPTextCfg(TEXT.context, TEXT.vocabulary, width=TEXT.width, heads=TEXT.heads, layers=TEXT.layers)
    theirs = theirs_of.CLIP(VIT.embed_dim, vision, text, quick_gelu=activation == "quick_gelu").double().eval()
    for parameter in theirs.parameters():
        parameter.normal_(std=0.3)
    weights = clip_files.clip_weights(theirs.state_dict(), "open_clip", activation, (4, 4))
    visual, words = weights.vit().double(), weights.text_tower().double()
    visual.load_state_dict(theirs.visual.state_dict())
    own = {name: value for name, value in theirs.state_dict().items() if name in words.state_dict()}
    words.load_state_dict(own)
    images, ids = torch.randn(2, 3, 20, 20, dtype=torch.float64), torch.randint(1, 39, (3, 9))
    ids[[0, 1, 2], [2, 5, 8]] = 39
    torch.testing.assert_close(visual(images), theirs.encode_image(images), rtol=0, atol=1e-10)
    torch.testing.assert_close(words(ids), theirs.encode_text(ids), rtol=0, atol=1e-10)


def test_the_published_towers() -> None:
    with torch.device("meta"):
        sizes = {name: [sum(p.numel() for p in module.parameters()) for module in (CLIPViT(vit), CLIPText(text))]
                 for name, (vit, text) in CLIP_VITS.items()}  # fmt: skip
    assert sizes["ViT-B-16"] == [86_192_640, 63_428_096]
    assert sizes["ViT-B-32"] == [87_849_216, 63_428_096]
    assert sizes["ViT-L-14"][0] == 303_966_208
    assert sizes["ViT-L-14-336"][0] == 303_966_208 + (24**2 - 16**2) * 1024


def write_archive(folder: Path, state: dict[str, Tensor]) -> Path:
    whole = Whole()
    whole.load_state_dict(state)
    for name, value in (("input_resolution", 20), ("context_length", 9), ("vocab_size", 40)):
        whole.register_buffer(name, torch.tensor(value))
    traced = torch.jit.trace_module(whole.half(), {"forward": torch.rand(1, 3, 20, 20).half()})
    torch.jit.save(traced, folder / "clip.pt")
    return folder / "clip.pt"


def write_parallel(folder: Path, state: dict[str, Tensor]) -> Path:
    torch.save({"state_dict": {f"module.{name}": value.half() for name, value in state.items()}}, folder / "clip.pt")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": {"quick_gelu": True}}))
    return folder / "clip.pt"


def write_open_clip(folder: Path, state: dict[str, Tensor]) -> Path:
    write_state_dict(folder / "open_clip_model.safetensors", state)
    towers = {"vision_cfg": {"width": 64, "head_width": 16}, "text_cfg": {"heads": 4}}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": {"quick_gelu": True, **towers}}))
    return folder


def write_transformers(folder: Path, state: dict[str, Tensor]) -> Path:
    write_state_dict(folder / "model.safetensors", to_transformers(state))
    tower = {"hidden_act": "quick_gelu", "num_attention_heads": 4}
    (folder / "config.json").write_text(
        json.dumps({"model_type": "clip", "vision_config": tower, "text_config": tower})
    )
    return folder


@pytest.mark.parametrize("write", [write_archive, write_parallel, write_open_clip, write_transformers])
def test_every_file(tmp_path: Path, state: dict[str, Tensor], write: Callable[..., Path]) -> None:
    weights = read_clip(write(tmp_path, state))
    assert weights.activation == "quick_gelu"
    if write in (write_open_clip, write_transformers):
        assert weights.heads == (4, 4)
        assert (weights.vit().config, weights.text_tower().config) == (VIT, TEXT)
    found = {f"visual.{name}": value for name, value in weights.visual.items()} | weights.text
    assert weights.logit_scale is not None
    found["logit_scale"] = weights.logit_scale
    assert found.keys() == state.keys()
    for name, value in found.items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(
            value, state[name], rtol=1e-3 if write in (write_archive, write_parallel) else 0, atol=1e-4
        )


def test_a_tower_of_transformers_alone(tmp_path: Path, state: dict[str, Tensor]) -> None:
    theirs = to_transformers({name: value for name, value in state.items() if name.startswith("visual.")})
    alone = {name.removeprefix("vision_model."): value for name, value in theirs.items()}
    found = from_transformers(alone)
    assert all(torch.equal(found[name], value) for name, value in state.items() if name.startswith("visual."))
    write_state_dict(tmp_path / "model.safetensors", alone)
    (tmp_path / "config.json").write_text(json.dumps({"hidden_act": "gelu", "num_attention_heads": 4}))
    weights = read_clip(tmp_path / "model.safetensors")
    assert weights.vit().config.activation == "gelu"
    assert one_line(weights.text_tower).endswith("holds no text tower of CLIP")


def test_which_gelu_is_never_guessed(tmp_path: Path, state: dict[str, Tensor]) -> None:
    torch.save(state, tmp_path / "clip.pt")
    weights = read_clip(tmp_path / "clip.pt")
    assert "does not say which activation" in one_line(weights.vit)
    assert weights.vit(activation="gelu").config.activation == "gelu"
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": {}}))
    weights = read_clip(tmp_path / "clip.pt")
    assert weights.vit().config.activation == "gelu"
    assert "has the activation gelu, not quick_gelu" in one_line(weights.vit, activation="quick_gelu")
    (tmp_path / "open_clip_config.json").write_text("[")
    assert "this is not JSON" in one_line(read_clip, tmp_path / "clip.pt")
    (tmp_path / "open_clip_config.json").unlink()
    (tmp_path / "config.json").write_text(json.dumps({"vision_config": {"hidden_act": "relu"}}))
    assert "hidden_act is quick_gelu and relu" in one_line(read_clip, tmp_path / "clip.pt")


def test_what_is_no_clip_on_patches(tmp_path: Path, state: dict[str, Tensor]) -> None:
    def refused(content: dict[str, Tensor]) -> str:
        torch.save(content, tmp_path / "clip.pt")
        message = one_line(lambda: read_clip(tmp_path / "clip.pt").vit(activation="gelu"))
        assert message.startswith(f"{tmp_path / 'clip.pt'}: ")
        return message

    resnet = {"visual.layer1.0.conv1.weight": torch.zeros(2, 2, 1, 1), "visual.conv1.weight": torch.zeros(2, 3, 3, 3)}
    assert "holds a ResNet image tower of CLIP, not one on patches" in refused(resnet)
    assert "not a CLIP checkpoint" in refused({"weight": torch.zeros(2)})
    assert "holds no image tower of CLIP on patches" in refused({"visual.conv1.weight": torch.zeros(2, 3, 3, 3)})
    less = {name: value for name, value in state.items() if name != "visual.ln_post.bias"}
    assert "image tower: these tensors do not fit CLIPViT: 1 missing (ln_post.bias)" in refused(less)
    assert "no weights in this folder" in one_line(read_clip, tmp_path)
    with pytest.raises(InputError, match="no such file"):
        read_clip(tmp_path / "none.pt")


def test_positions_for_other_sizes(tmp_path: Path, state: dict[str, Tensor]) -> None:
    flat = torch.cat([torch.randn(1, 8), torch.full((25, 8), 0.3)])
    torch.testing.assert_close(resize_positions(flat, 7), torch.cat([flat[:1], torch.full((49, 8), 0.3)]))
    # what falls off to the right does so at any size
    ramp = torch.cat([torch.zeros(1, 2), torch.arange(25.0)[:, None].remainder(5).expand(-1, 2)])
    resized = resize_positions(ramp, 10)[1:, 0].view(10, 10)
    assert torch.equal(resize_positions(ramp, 5), ramp)
    assert (resized.diff(dim=1)[:, 2:-2] > 0.4).all()
    assert resized.diff(dim=0).abs().max() < 1e-5
    weights = read_clip(write_open_clip(tmp_path, state))
    tower = weights.vit(image_size=28)
    assert tower.config.image_size == 28
    assert tower(torch.rand(1, 3, 28, 28)).shape == (1, 24)
    assert "image_size is 30; it must be a multiple of patch, 4" in one_line(weights.vit, 30)
    assert "images are (1, 3, 20, 20); they must be (B, 3, 28, 28)" in one_line(tower, torch.rand(1, 3, 20, 20))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"layers": 0}, "layers is 0; it must be at least 1"),
        ({"heads": 5}, "width is 768; it must be a multiple of heads, 5"),
        ({"activation": "relu"}, "activation is 'relu'; it must be quick_gelu or gelu"),
        ({"width": 1_200_000}, "width is 1200000; it must be at most 16384"),
    ],
)
def test_settings_that_are_wrong(settings: dict[str, Any], told: str) -> None:
    assert one_line(CLIPViTConfig, **settings) == told


def test_tokens() -> None:
    pytest.importorskip("open_clip", reason="open_clip is not installed")
    ids = clip_tokens(["Riding a bike", "a " * 100])
    assert ids.shape == (2, 77)
    # the end has the largest number of all, also where a text is cut
    assert ids.argmax(dim=1).tolist() == [4, 76]
    assert ids[0, 5:].eq(0).all()
    assert torch.equal(ids[0], clip_tokens(["riding  a bike"])[0])
    assert "token ids are (2, 77); they must be (B, 9)" in one_line(CLIPText(TEXT), ids)


class FakeOpenClip:
    """What of open_clip is asked, without the network."""

    def __init__(self, quick_gelu: bool | None) -> None:
        self.quick_gelu = quick_gelu

    def list_pretrained(self) -> list[tuple[str, str]]:
        return [("ViT-B-16", "openai"), ("ViT-B-16", "laion2b")]

    def list_pretrained_tags_by_model(self, name: str) -> list[str]:
        return [tag for model, tag in self.list_pretrained() if model == name]

    def create_model(self, name: str, pretrained: str) -> nn.Module:
        return Whole()

    def get_pretrained_cfg(self, name: str, tag: str) -> dict[str, Any]:
        return {} if self.quick_gelu is None else {"quick_gelu": self.quick_gelu}

    def get_model_config(self, name: str) -> dict[str, Any]:
        return {"vision_cfg": {"width": 64, "head_width": 16}, "text_cfg": {"heads": 4}}


def test_open_clip_s_weights(monkeypatch: pytest.MonkeyPatch, state: dict[str, Tensor]) -> None:
    for quick, activation in ((True, "quick_gelu"), (None, "gelu")):
        monkeypatch.setattr(clip_files, "require", lambda module, extra, quick=quick: FakeOpenClip(quick))
        weights = download_clip("ViT-B-16", "openai")
        assert weights.vit().config.activation == activation
        assert weights.text_tower().config.heads == 4
        assert torch.equal(weights.visual["proj"], state["visual.proj"])
    assert "no weights laion of ViT-B-16; it has laion2b, openai" in one_line(download_clip, "ViT-B-16", "laion")
