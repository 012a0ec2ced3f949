"""The demo: what it writes and measures, on a tiny network, its photos, and what tells actions apart."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lvmm_motion import AnimationPipeline
from lvmm_motion.cli import main
from lvmm_motion.data.figures import ACTIONS, drawn_people
from lvmm_motion.demo import FRAMES, seam
from lvmm_motion.evaluation.actions import ActionClassifier, motion_features
from lvmm_motion.network.config import AnimationConfig, FlowAutoencoderConfig, MotionUNetConfig
from visioncore.images import read_image
from visioncore.testing.suites.base import run_demo

ASSETS = Path(str(files("lvmm_motion") / "assets"))
TINY = AnimationConfig(
    autoencoder=FlowAutoencoderConfig(
        side=64,
        regions=4,
        scale=0.5,
        most_channels=16,
        region_width=8,
        region_blocks=2,
        background="zero",
        flow_width=8,
        flow_blocks=2,
        width=8,
        bottleneck=1,
    ),
    motion=MotionUNetConfig(width=8, multiples=(1,), context=24, heads=1),
    frames=FRAMES,
    keep=4,
    size=8,
    prompts=ACTIONS,
)


@pytest.fixture(scope="module")
def classifier() -> ActionClassifier:
    return ActionClassifier.load(ASSETS / "actions.npz")


def test_what_the_demo_writes_and_measures(
    instead_of_bundled: Callable[[str, Any], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    instead_of_bundled("lvmm_motion", AnimationPipeline(TINY).eval())
    measured = run_demo(main, tmp_path / "out", capsys)["measured"]
    assert measured["animations"] == 12
    # the baselines do not depend on the network
    assert measured["psnr_still"] == pytest.approx(26.9, abs=0.3)
    assert measured["psnr_farneback"] == pytest.approx(28.2, abs=0.3)
    assert measured["gain_over_still"] == pytest.approx(measured["psnr"] - measured["psnr_still"])
    assert {path.stem for path in (tmp_path / "out").glob("*.gif")} == {action.replace(" ", "-") for action in ACTIONS}


def test_photos_are_what_their_readme_says() -> None:
    for clip in drawn_people(4, 1, seed=30_000):
        drawn = clip.frames([0])[0].astype(int)
        photo = read_image(ASSETS / "samples" / f"{str(clip.label).replace(' ', '-')}.png").pixels
        # other processors round a little differently
        assert np.abs(photo - drawn).max() <= 2


def test_the_classifier_that_real_clips_made_knows_drawn_people(classifier: ActionClassifier) -> None:
    clips = drawn_people(16, FRAMES, seed=40_000)
    assert sum(classifier(clip.frames(range(FRAMES))) == clip.label for clip in clips) >= 15


def test_features_tell_of_motion_alone() -> None:
    (clip,) = drawn_people(1, FRAMES, seed=1)
    frames = clip.frames(range(FRAMES))
    assert not motion_features(np.repeat(frames[:1], FRAMES, axis=0)).any()
    np.testing.assert_allclose(motion_features(frames), motion_features(frames[:, :, ::-1]), atol=1e-6)


def test_a_fitted_classifier_is_written_and_read(tmp_path: Path) -> None:
    clips = drawn_people(16, FRAMES, seed=3)
    features = [motion_features(clip.frames(range(FRAMES))) for clip in clips]
    fitted = ActionClassifier.fitted(features, [str(clip.label) for clip in clips])
    fitted.save(tmp_path / "fitted.npz")
    read = ActionClassifier.load(tmp_path / "fitted.npz")
    assert read.names == tuple(sorted(ACTIONS))
    assert all(read(clip.frames(range(FRAMES))) == clip.label for clip in clips)


def test_drawn_people_differ_by_seed_and_not_by_how_they_are_read() -> None:
    first, second = drawn_people(1, 8, seed=0)[0], drawn_people(1, 8, seed=4)[0]
    frames = first.frames(range(8))
    np.testing.assert_array_equal(frames[[5, 2]], first.frames([5, 2]))
    assert np.abs(frames.astype(int) - second.frames(range(8))).mean() > 5


def test_seam() -> None:
    frames = np.zeros((4, 2, 2, 3), np.uint8)
    frames[:] = np.array([0, 10, 20, 30], np.uint8)[:, None, None, None]
    assert seam(frames) == pytest.approx(3)
    frames[:] = np.array([0, 10, 20, 10], np.uint8)[:, None, None, None]
    assert seam(frames) == pytest.approx(1)
