"""Training an encoder: the recipe, a tiny run, resuming, what train takes of it, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from clip_denoising import CLIPDenoiser, CLIPDenoiserConfig
from clip_denoising.training import pretraining as pretrain
from clip_denoising.training.config import load_train_recipe
from clip_denoising.training.contrastive import ContrastiveTower, contrastive_loss
from clip_denoising.training.pretraining import PretrainConfig
from visioncore.backbones.clip import read_clip_resnet
from visioncore.errors import InputError
from visioncore.images import Image, write_image
from visioncore.recipes import load_recipe
from visioncore.weights.state_dicts import read_state_dict

SMALL = {
    "model.width": "4",
    "side": "32",
    "loop.steps": "4",
    "loop.batch_size": "4",
    "loop.warmup_steps": "0",
    "loop.log_every": "1",
    "loop.checkpoint_every": "2",
}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Six images that hardly have anything in common: stripes of other colours and widths."""
    y, x = np.mgrid[:48, :64]
    for number in range(6):
        stripes = np.sin((x if number % 2 else y) / (1 + 2 * number))
        colour = 60 + 150 * np.array([number & 1, number >> 1 & 1, number >> 2])
        pixels = (colour * (0.6 + 0.4 * stripes[..., None])).astype(np.uint8)
        write_image(tmp_path / "photos" / f"{number}.png", Image(pixels))
    return tmp_path / "photos"


def test_the_recipe_makes_the_encoder_of_the_small_network() -> None:
    encoder, small = load_recipe(PretrainConfig, "clip_denoising", "encoder"), load_train_recipe("small")
    assert (encoder.model.width, encoder.model.blocks) == (small.model.width, small.model.blocks)
    assert (encoder.loop.steps, encoder.loop.batch_size, encoder.side, encoder.temperature) == (4000, 64, 64, 0.1)


def test_a_run_lowers_the_loss_and_leaves_a_tower_that_networks_take(photos: Path, tmp_path: Path) -> None:
    larger = {"model.width": "8", "loop.steps": "60", "loop.batch_size": "6", "loop.learning_rate": "3e-3"}
    result = pretrain.pretrain(photos, tmp_path / "run", overrides=SMALL | larger)
    assert result.steps == 60
    losses = [json.loads(line)["contrastive"] for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert len(losses) == 60
    assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:10])
    file = tmp_path / "run" / "last" / "model.safetensors"
    assert {name.split(".")[0] for name in read_state_dict(file)} == {"visual", "head"}
    tower = read_clip_resnet(file)
    network = CLIPDenoiser.from_clip(CLIPDenoiserConfig(width=8, blocks=(1, 1, 1, 1)), file)
    for name, value in network.encoder.state_dict().items():
        assert torch.equal(value, tower[name]), name
    assert network.eval()(torch.rand(1, 3, 32, 32)).isfinite().all()
    with pytest.raises(InputError, match=r"width 8 with 1, 1, 1, 1 blocks, but .* width 16 with 1, 1, 1, 1; set its"):
        CLIPDenoiser.from_clip(load_train_recipe("small").model, file)
    description = json.loads((tmp_path / "run" / "run.json").read_text())["run"]
    assert description["images"] == 6
    assert description["recipe"]["model"]["width"] == 8


def test_an_interrupted_run_ends_with_the_same_weights(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretrain.pretrain(photos, tmp_path / "whole", overrides=SMALL)
    calls, loss = 0, contrastive_loss

    def interrupted(*given: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise KeyboardInterrupt
        return loss(*given)

    with monkeypatch.context() as patch:
        patch.setattr(pretrain, "contrastive_loss", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pretrain.pretrain(photos, tmp_path / "parts", overrides=SMALL)
    pretrain.pretrain(photos, tmp_path / "parts", overrides=SMALL | {"cache_mb": "0"})
    whole, parts = (
        ContrastiveTower.from_pretrained(tmp_path / name / "last").state_dict() for name in ("whole", "parts")
    )
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    with pytest.raises(InputError, match=r"run\.recipe\.temperature was 0\.1 and is 0\.2"):
        pretrain.pretrain(photos, tmp_path / "parts", overrides=SMALL | {"temperature": "0.2"})
    pretrain.pretrain(photos, tmp_path / "parts", overrides=SMALL | {"temperature": "0.2"}, resume=False)


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"side": "16"}, "side is 16; it must be at least 32"),
        ({"temperature": "0"}, "temperature is 0.0; it must be above 0"),
        ({"loop.accumulate": "4"}, "loop.batch_size is 4 and loop.accumulate 4; the first must be at least twice"),
        ({"loop.batch_size": "8"}, "photos: 6 photos, but loop.batch_size is 8"),
        ({"model.width": "3"}, "width is 3; it must be a positive even number"),
        ({"schedule": "cosine"}, "unknown field schedule"),
        ({"cache_mb": "-1"}, "cache_mb is -1; it must be at least 0"),
    ],
)
def test_fields_that_are_wrong(photos: Path, tmp_path: Path, overrides: dict[str, str], told: str) -> None:
    with pytest.raises(InputError) as caught:
        pretrain.pretrain(photos, tmp_path / "run", overrides=SMALL | overrides)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_data_that_will_not_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        pretrain.pretrain(tmp_path / "none", tmp_path / "run")
    with pytest.raises(InputError, match="unknown recipe 'encodr'; did you mean encoder"):
        pretrain.pretrain(tmp_path, tmp_path / "run", recipe="encodr")
