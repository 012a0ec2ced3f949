"""The networks, saved and loaded."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from golden_networks import SMALL

from lvmm_motion import (
    LVMM,
    VARIANTS,
    AnimationConfig,
    AnimationPipeline,
    FlowAutoencoder,
    FrameUNet,
    FrameUNetConfig,
    MotionUNet,
    MotionUNetConfig,
    load_model,
)
from lvmm_motion.network.config import Config
from visioncore.testing.refusals import one_line

MOTION = MotionUNetConfig(width=8, multiples=(1, 2), context=16)
FRAME = FrameUNetConfig(width=8, multiples=(1, 2), channels=64, outputs=32, context=32)
ANIMATION = AnimationConfig(SMALL, MOTION, FRAME, frames=8, keep=3, size=8)


@pytest.mark.parametrize("config", [SMALL, MOTION, FRAME, ANIMATION])
def test_saved_and_loaded(config: Config, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = LVMM(config)
    network.save_pretrained(tmp_path / "model")
    network.save_file(tmp_path / "model.safetensors")
    for source in ("model", "model.safetensors"):
        again = load_model(tmp_path / source)
        assert type(again) is type(network)
        assert again.config == config
        state = again.state_dict()
        assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())


def test_a_configuration_makes_its_network() -> None:
    families = {
        FlowAutoencoder: "autoencoder-lfdm",
        MotionUNet: "motion",
        FrameUNet: "frame",
        AnimationPipeline: "animation",
    }
    with torch.device("meta"):
        for family, variant in families.items():
            assert type(LVMM(variant)) is family
            for other in families.keys() - {family}:
                assert "of another network" in one_line(other, variant)
        sizes = {name: sum(p.numel() for p in LVMM(name).parameters()) for name in VARIANTS}
    assert sizes["animation-refined"] == sum(sizes[name] for name in ("autoencoder-webvid", "motion", "frame"))


@pytest.mark.parametrize(
    ("config", "changes", "told"),
    [
        (SMALL, {"regions": 0}, "regions is 0; it must be at least 1"),
        (SMALL, {"regions": 10**6}, "regions is 1000000; it must be at most 4096"),
        (SMALL, {"region_blocks": 30}, "region_blocks is 30; it must be at most 8"),
        (SMALL, {"width": 10**5}, "width is 100000; it must be at most"),
        (SMALL, {"levels": 40}, "levels is 40; it must be at most 6"),
        (SMALL, {"levels": 0}, "levels is 0; it must be at least 1"),
        (SMALL, {"bottleneck": -1}, "bottleneck is -1; it must be at least 0"),
        (SMALL, {"scale": 0.3}, "scale is 0.3; it must be 1, 0.5, 0.25 or 0.125"),
        (SMALL, {"temperature": 0.0}, "temperature is 0.0"),
        (SMALL, {"temperature": float("nan")}, "temperature is nan"),
        (SMALL, {"background": "sky"}, "background is 'sky'; it must be zero or shift or affine or perspective"),
        (MOTION, {"width": 12}, "width is 12; it must be a multiple of 8"),
        (MOTION, {"multiples": ()}, "multiples are 0; there must be from 1 to 8"),
        (MOTION, {"multiples": (1, 0)}, "multiples is (1, 0); it must be at least 1"),
        (MOTION, {"channels": 4}, "of a motion there are 6"),
        (MOTION, {"heads": 1000}, "heads is 1000; it must be at most 64"),
        (FRAME, {"channels": 63}, "it must be twice outputs, which is 32"),
        (ANIMATION, {"keep": 5}, "keep is 5; it must be from 1 to half of the 8 frames"),
        (ANIMATION, {"frames": 10**6}, "frames is 1000000; it must be at most 10000"),
        (ANIMATION, {"size": 7}, "size is 7; it must be a multiple of 2"),
        (ANIMATION, {"frame": FrameUNetConfig()}, "features of 512 channels"),
    ],
)
def test_settings_out_of_range(config: Any, changes: dict[str, object], told: str) -> None:
    assert told in one_line(replace, config, **changes)


def test_a_hostile_configuration_costs_nothing(tmp_path: Path) -> None:
    """One line, before memory is given to anything."""
    LVMM(MOTION).save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    for changes, told in (
        ({"width": 8192, "multiples": [64] * 8}, "describes a network far larger than its weights"),
        ({"multiples": [1, 2, 3]}, "these weights do not fit MotionUNet"),
        ({"width": 1e300}, "width should be a whole number"),
        ({"heads": -8}, "heads is -8; it must be at least 1"),
        ({"model": "FrameUNet"}, "channels is 6; it must be twice outputs"),
    ):
        path.write_text(json.dumps({**values, **changes}), encoding="utf-8")
        assert told in one_line(load_model, tmp_path)
