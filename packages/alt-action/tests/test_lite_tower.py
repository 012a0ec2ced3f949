"""The small tower: regions of a map of EfficientNet-Lite0, and drawn people to train it on."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from alt_action import ALT, ALTConfig
from alt_action.data.people import PARTS, PEOPLE_ACTIONS, SIDE, drawn_person
from alt_action.network.fast import for_inference
from alt_action.network.lite_tower import LiteTower, LiteTowerConfig
from alt_action.network.reference import as_reference
from visioncore.errors import InputError

TOWER = LiteTowerConfig(stages=2, layers=2, image_size=32, embed_dim=16)


def small(**changes: object) -> ALT:
    torch.manual_seed(0)
    fields = {"merged": 9, "frames": 3, "top": 3, "layers": 1, "heads": 2, "entities": 6}
    model = ALT(ALTConfig(TOWER, **(fields | changes))).eval()  # type: ignore[arg-type]
    return model.requires_grad_(False)


def test_regions_hold_each_place_of_the_map_once() -> None:
    model, frames = small(), torch.randn(2, 3, 3, 32, 32)
    regions = model.regions(frames)
    assert regions.tokens.shape == (2, 3, 1 + 64 - 18, 24 + 16)
    assert (regions.size.sum(-1) == 65).all()
    counts = F.one_hot(regions.source, regions.size.shape[-1]).sum(-2)
    assert torch.equal(counts, regions.size)
    assert (regions.source[..., 0] == 0).all()
    assert (regions.size[..., 0] == 1).all()
    torch.testing.assert_close(regions.features.norm(dim=-1), torch.ones(2, 3, 47))


def test_a_region_is_the_mean_of_its_places() -> None:
    tower = LiteTower(TOWER).requires_grad_(False).double()
    places = tower.placed(torch.randn(1, 64, 24, dtype=torch.float64))
    regions = tower.merged(places, [5, 5])
    owner = regions.source[0]
    whole = torch.cat([places[0].mean(0, keepdim=True), places[0]])
    for region in range(regions.tokens.shape[1]):
        mean = tower.ln_post(whole[owner == region].mean(0))
        torch.testing.assert_close(regions.tokens[0, region], mean)


def test_without_the_adapter_it_is_the_mean_of_the_frames() -> None:
    model, frames = small(), torch.randn(2, 3, 3, 32, 32)
    model.adapter.gamma.zero_()
    single = torch.stack([model.regions(frames[:, t]).features[:, 0] for t in range(3)])
    torch.testing.assert_close(model(frames), F.normalize(single.mean(0), dim=-1))


def test_reference_and_fast_path_are_the_same() -> None:
    model, frames = small().double(), torch.randn(2, 3, 3, 32, 32, dtype=torch.float64)
    fast = for_inference(model, torch.device("cpu"), torch.float64)
    torch.testing.assert_close(fast(frames), model(frames), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(as_reference(model)(frames), model(frames), rtol=1e-10, atol=1e-10)


def test_it_is_saved_and_loaded(tmp_path: Path) -> None:
    model, frames = small(), torch.randn(1, 3, 3, 32, 32)
    model.save_pretrained(tmp_path / "whole")
    loaded = ALT.from_pretrained(tmp_path / "whole")
    assert loaded.config == model.config
    assert loaded.config.tower == TOWER
    torch.testing.assert_close(loaded(frames), model(frames), rtol=0, atol=0)


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(InputError, match=r"image_size is 30; it must be a multiple of the stride, 4"):
        dataclasses.replace(TOWER, image_size=30)
    with pytest.raises(InputError, match="stages is 8; it must be at most 7"):
        LiteTowerConfig(stages=8)
    with pytest.raises(InputError, match=r"frames are \(2, 3, 16, 16\); they must be \(F, 3, 32, 32\)"):
        small().regions(torch.zeros(2, 3, 16, 16))


@pytest.mark.parametrize("action", PEOPLE_ACTIONS)
def test_people_are_drawn_as_their_parts_say(action: str) -> None:
    frames = list(drawn_person(action, np.random.default_rng(3), 8))
    again = list(drawn_person(action, np.random.default_rng(3), 8))
    for frame, same in zip(frames, again, strict=True):
        assert frame.pixels.shape == (SIDE, SIDE, 3)
        np.testing.assert_array_equal(frame.pixels, same.pixels)
        body = np.isin(frame.parts, [PARTS.index(part) for part in ("head", "chest", "arm", "leg")])
        assert 0.02 < body.mean() < 0.4
    moving = np.mean([(one.parts != other.parts).mean() for one, other in pairwise(frames)])
    assert moving > 0.002


def test_a_raised_hand_is_above_the_head() -> None:
    highest = []
    for frame in drawn_person("waving one hand", np.random.default_rng(5), 16):
        hand, head = (np.nonzero((frame.parts == PARTS.index(part)).any(1))[0].min() for part in ("hand", "head"))
        highest.append(hand - head)
    assert min(highest) < 0
