"""CLIP's ResNet towers: the same as open_clip's, and read from every file that holds one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from visioncore.backbones import clip_files
from visioncore.backbones.clip import (
    CLIP_RESNETS,
    CLIPResNet,
    CLIPResNetConfig,
    download_clip_resnet,
    read_clip_resnet,
    tower_config,
    tower_state,
)
from visioncore.errors import InputError
from visioncore.testing.refusals import one_line
from visioncore.weights.state_dicts import write_state_dict

ARCHIVE = Path(__file__).parent / "data" / "scripted_clip.pt"
SMALL = CLIPResNetConfig(8, (1, 2, 1, 1))


def small() -> CLIPResNet:
    torch.manual_seed(0)
    tower = CLIPResNet(SMALL)
    tower.train()(torch.rand(2, 3, 64, 64))
    return tower.eval()


def same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@torch.no_grad()
def test_features_are_open_clip_s() -> None:
    theirs_of = pytest.importorskip("open_clip.modified_resnet", reason="open_clip is not installed")
    torch.manual_seed(0)
    theirs = theirs_of.ModifiedResNet(list(SMALL.blocks), output_dim=4, heads=4, image_size=64, width=SMALL.width)
    images = torch.rand(2, 3, 64, 96)
    for parameter in theirs.parameters():
        parameter.data.normal_(std=0.3)
    ours = CLIPResNet(SMALL)
    state = theirs.state_dict()
    ours.load_state_dict(tower_state(state, "open_clip"))
    assert len(state) - len(ours.state_dict()) == 9  # the attention pooling
    for training in (True, False):
        theirs.train(training)
        ours.train(training)
        stem = theirs.stem(images)
        features = [stem]
        for stage in (theirs.layer1, theirs.layer2, theirs.layer3, theirs.layer4):
            features.append(stage(features[-1]))
        found = ours(images)
        # theirs pools inside the stem
        torch.testing.assert_close(ours.avgpool(found[0]), features[0])
        for one, other in zip(found[1:], features[1:], strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_the_published_towers() -> None:
    with torch.device("meta"):
        sizes = {name: sum(p.numel() for p in CLIPResNet(config).parameters()) for name, config in CLIP_RESNETS.items()}
    assert sizes["RN50"] == 23_527_264
    assert sizes["RN50"] < sizes["RN101"] < sizes["RN50x4"] < sizes["RN50x16"] < sizes["RN50x64"]


def test_the_archive_of_openai() -> None:
    state = read_clip_resnet(ARCHIVE)
    assert tower_config(state, "archive") == CLIPResNetConfig(2, (1, 2, 1, 1))
    assert all(tensor.dtype in (torch.float32, torch.int64) for tensor in state.values())
    assert not any(name.startswith(("attnpool", "visual", "text")) for name in state)
    CLIPResNet(CLIPResNetConfig(2, (1, 2, 1, 1))).load_state_dict(state)


@pytest.mark.parametrize("form", ["whole", "tower", "parallel", "safetensors", "three stages"])
def test_other_files(tmp_path: Path, form: str) -> None:
    state = small().state_dict()
    if form == "three stages":
        state = {name: value for name, value in state.items() if not name.startswith("layer4.")}
    path = tmp_path / "clip.pt"
    if form == "whole":
        rest = {"text.weight": torch.zeros(3), "visual.attnpool.c_proj.bias": torch.zeros(2)}
        halves = {f"visual.{name}": v.half() if "conv" in name else v for name, v in state.items()}
        state = {name: v.half().float() if "conv" in name else v for name, v in state.items()}
        torch.save({"state_dict": {**rest, **halves}}, path)
    elif form == "parallel":
        torch.save({f"module.visual.{name}": value for name, value in state.items()}, path)
    elif form == "safetensors":
        write_state_dict(path, state)
    else:
        torch.save(state, path)
    assert same(read_clip_resnet(path), state)


def refused(path: Path, content: Any) -> str:
    torch.save(content, path)
    message = one_line(read_clip_resnet, path)
    assert message.startswith(f"{path}: ")
    return message


def test_what_is_no_tower(tmp_path: Path) -> None:
    path = tmp_path / "clip.pt"
    vit = {"visual.class_embedding": torch.zeros(4), "visual.conv1.weight": torch.zeros(4, 3, 16, 16)}
    assert "a vision transformer, not a ResNet image tower" in refused(path, vit)
    assert "something else, not a ResNet" in refused(path, {"weight": torch.zeros(2)})
    state = small().state_dict()
    assert "bn1.bias" in refused(path, {name: value for name, value in state.items() if name != "bn1.bias"})
    assert "extra.weight" in refused(path, {**state, "extra.weight": torch.zeros(2)})
    with pytest.raises(InputError, match="no such file"):
        read_clip_resnet(tmp_path / "none.pt")


class FakeOpenClip:
    """What of open_clip is asked, without the network."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def list_pretrained(self) -> list[tuple[str, str]]:
        return [("RN50", "openai"), ("RN50", "yfcc15m"), ("ViT-B-32", "openai")]

    def list_pretrained_tags_by_model(self, name: str) -> list[str]:
        return [tag for model, tag in self.list_pretrained() if model == name]

    def create_model(self, name: str, pretrained: str) -> Any:
        if self.error:
            raise self.error
        whole = torch.nn.Module()
        whole.visual = small()
        return whole


def test_open_clip_s_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_files, "require", lambda module, extra: FakeOpenClip())
    assert same(download_clip_resnet(), small().state_dict())
    with pytest.raises(InputError, match="no weights laion of RN50; it has openai, yfcc15m"):
        download_clip_resnet(tag="laion")
    with pytest.raises(InputError, match="it has none of that model"):
        download_clip_resnet("RN500")
    monkeypatch.setattr(clip_files, "require", lambda module, extra: FakeOpenClip(OSError("no\nconnection")))
    with pytest.raises(InputError, match=r"could not get the weights openai of RN50 \(no connection\)"):
        download_clip_resnet()


def test_open_clip_knows_what_is_asked_of_it() -> None:
    open_clip = pytest.importorskip("open_clip", reason="open_clip is not installed")
    assert ("RN50", "openai") in open_clip.list_pretrained()
    assert "openai" in open_clip.list_pretrained_tags_by_model("RN50")
