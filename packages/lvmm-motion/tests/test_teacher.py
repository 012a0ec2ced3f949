"""The motion of clips as the trained auto-encoder sees it: the right one, cheap, and kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from lvmm_motion.data.datasets import open_clips
from lvmm_motion.data.motion_cache import MotionCache
from lvmm_motion.data.samples import PreparedFrames
from lvmm_motion.inference.embedders import Given, Zeros
from lvmm_motion.inference.region_tokens import RegionTokens
from lvmm_motion.network.autoencoder import FlowAutoencoder
from lvmm_motion.network.config import AnimationConfig
from lvmm_motion.network.grids import identity_grid, resize
from lvmm_motion.training import teacher as teaching
from lvmm_motion.training.teacher import Teacher, Window, keep_motion, motion_settings, windows_of
from visioncore.errors import InputError
from visioncore.images import Image, write_image
from visioncore.testing.processes import load_script
from visioncore.testing.videos import film

TINY: ModuleType = load_script(Path(__file__).with_name("tiny_runs.py"))
CPU = torch.device("cpu")


def as_the_authors_do(network: FlowAutoencoder, frames: Tensor) -> tuple[Tensor, Tensor]:
    """Return flow (n, h, w, 2) and occlusion (n, 1, h, w) by reconstructing every frame."""
    motions = [network(frames[:1], frame[None]).motion for frame in frames]
    return torch.cat([motion.flow for motion in motions]), torch.cat([motion.occlusion for motion in motions])


def test_coefficients_are_those_of_the_whole_auto_encoder() -> None:
    network, config = TINY.autoencoder(), TINY.MODEL
    frames = PreparedFrames(16)(TINY.CLIPS[0], range(8))
    with torch.no_grad():
        flow, occlusion = as_the_authors_do(network, frames.float() / 255)
    maps = resize(torch.cat((flow.permute(0, 3, 1, 2), 2 * occlusion - 1), dim=1), (8, 8)).numpy()
    still = np.concatenate((identity_grid(8, 8, like=flow).permute(2, 0, 1).numpy(), np.ones((1, 8, 8))))
    spectrum = np.fft.fft((maps - still).astype(np.float64), axis=0)[:3].transpose(1, 0, 2, 3) / 8
    expected = np.concatenate((spectrum.real, spectrum.imag))
    assert np.abs(expected[:, 1:]).max() > 1e-3
    found = Teacher(network, config, CPU)(frames)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


def test_a_batch_of_frames_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    teacher, frames = Teacher(TINY.autoencoder(), TINY.MODEL, CPU), PreparedFrames(16)(TINY.CLIPS[1], range(8))
    whole = teacher(frames)
    monkeypatch.setattr(teaching, "BATCH", 3)
    torch.testing.assert_close(teacher(frames), whole)


def operations(work: object) -> int:
    """Return twice the multiply-adds of a call."""
    with FlopCounterMode(display=False) as counter:
        work()  # type: ignore[operator]
    return counter.get_total_flops()


@pytest.mark.parametrize("variant", ["autoencoder-webvid", "autoencoder-lfdm"])
def test_a_third_of_the_operations_of_the_authors(variant: str) -> None:
    meta = torch.device("meta")
    with meta, torch.no_grad():
        network = FlowAutoencoder(variant).eval()
        frames = torch.rand(8, 3, 256, 256)
        theirs = operations(lambda: as_the_authors_do(network, frames))
        ours = operations(lambda: Teacher(network, AnimationConfig(frames=8, keep=4), meta)(frames))
    assert theirs > 3.2 * ours


def test_windows() -> None:
    config = TINY.recipe("motion", stride=2, model=replace(TINY.MODEL, frames=4, keep=2))
    (middle,) = windows_of(TINY.CLIPS[:1], config)
    assert list(middle.numbers) == [0, 2, 4, 6]
    clips = TINY.make_clips(3, frames=100, size=16)
    several = windows_of(clips, TINY.recipe("motion", windows=5))
    assert [window.clip.name for window in several] == [clip.name for clip in clips for _ in range(5)]
    assert len({window.numbers.start for window in several}) > 10
    assert several == windows_of(clips, TINY.recipe("motion", windows=5))
    assert several != windows_of(clips, TINY.recipe("motion", windows=5, loop={"seed": 1}))


@pytest.fixture
def kept(tmp_path: Path) -> tuple[MotionCache, list[Window]]:
    config = TINY.recipe("motion")
    return MotionCache(tmp_path / "motion", motion_settings(TINY.autoencoder(), config)), windows_of(
        TINY.CLIPS[:3], config
    )


def test_motion_is_found_once(kept: tuple[MotionCache, list[Window]], monkeypatch: pytest.MonkeyPatch) -> None:
    cache, windows = kept
    teacher, asked = Teacher(TINY.autoencoder(), TINY.MODEL, CPU), []
    find = Teacher.__call__

    def counted(self: Teacher, frames: Tensor) -> Tensor:
        asked.append(len(frames))
        return find(self, frames)

    monkeypatch.setattr(Teacher, "__call__", counted)
    keep_motion(cache, windows[:1], teacher, PreparedFrames(16))
    keep_motion(cache, windows, teacher, PreparedFrames(16), process=1, processes=2)
    assert asked == [8, 8]
    assert [cache.has(window.clip.name) for window in windows] == [True, False, True]
    keep_motion(cache, windows, teacher, PreparedFrames(16))
    assert asked == [8, 8, 8]
    found = cache.load(windows[1].clip.name)
    assert found.keys() == {"coefficients"}
    expected = find(teacher, PreparedFrames(16)(windows[1].clip, range(8)))
    np.testing.assert_allclose(found["coefficients"], expected, rtol=1e-3, atol=1e-6)


def test_tokens_are_of_the_first_frame_and_the_text(kept: tuple[MotionCache, list[Window]]) -> None:
    cache, windows = kept
    given = []

    def embed(photo: Tensor, prompt: str | None) -> Tensor:
        given.append((photo, prompt))
        return torch.full((1, 2, 6), float(len(given)))

    keep_motion(cache, windows, Teacher(TINY.autoencoder(), TINY.MODEL, CPU), PreparedFrames(16), embed)
    assert [prompt for _, prompt in given] == [f"a ball that swings {count} times" for count in (1, 2, 3)]
    assert torch.equal(given[1][0], PreparedFrames(16)(windows[1].clip, [0]).float() / 255)
    assert np.array_equal(cache.load(windows[2].clip.name)["tokens"], np.full((2, 6), 3))


def test_texts_of_clips_are_not_for_embedders_that_read_none(tmp_path: Path) -> None:
    config = TINY.recipe("motion")
    windows, teacher = windows_of(TINY.CLIPS[:1], config), Teacher(TINY.autoencoder(), TINY.MODEL, CPU)
    for embed in (Zeros(6), Given(torch.ones(3, 6))):
        cache = MotionCache(tmp_path / repr(embed)[:5], motion_settings(TINY.autoencoder(), config, repr(embed)))
        keep_motion(cache, windows, teacher, PreparedFrames(16), embed)
        assert np.array_equal(cache.load(windows[0].clip.name)["tokens"], embed(torch.ones(1), None)[0])


def test_motion_that_another_auto_encoder_saw_is_refused(kept: tuple[MotionCache, list[Window]]) -> None:
    cache, _ = kept
    with pytest.raises(InputError, match="auto-encoder"):
        MotionCache(cache.folder, motion_settings(TINY.autoencoder(seed=1), TINY.recipe("motion")))
    with pytest.raises(InputError, match="stride 1, not 2"):
        MotionCache(cache.folder, motion_settings(TINY.autoencoder(), TINY.recipe("motion", stride=2)))


def test_motion_of_other_clips_of_the_same_name_is_not_taken(
    kept: tuple[MotionCache, list[Window]], tmp_path: Path
) -> None:
    names = []
    for frames in (12, 20):
        for number in range(2):
            film(tmp_path / str(frames) / f"{number}.mkv", frames)
        names += [Window(clip, range(8)).name for clip in open_clips(tmp_path / str(frames))]
    assert len(set(names)) == 4
    write_image(tmp_path / "frames" / "0.png", Image(np.zeros((16, 16, 3), np.uint8)))
    one = Window(open_clips(tmp_path / "frames")[0], range(1)).name
    write_image(tmp_path / "frames" / "1.png", Image(np.zeros((16, 16, 3), np.uint8)))
    assert Window(open_clips(tmp_path / "frames")[0], range(1)).name != one
    cache, _ = kept
    cache.save(names[0], np.zeros((6, 3, 8, 8)))
    assert [cache.has(name) for name in names] == [True, False, False, False]


def test_prompts_of_clips(kept: tuple[MotionCache, list[Window]]) -> None:
    """Told before any motion is found."""
    cache, windows = kept
    network = TINY.autoencoder()
    teacher = Teacher(network, replace(TINY.MODEL, motion=replace(TINY.MODEL.motion, context=20)), CPU)

    def keep(clips: list[Window], *prompts: str) -> None:
        keep_motion(cache, clips, teacher, PreparedFrames(16), RegionTokens(network, prompts, 20))

    with pytest.raises(InputError, match="made-up 1: prompt is 'a ball that swings 2 times'; these weights know once"):
        keep([replace(windows[0], clip=replace(windows[0].clip, texts=(("once",),))), windows[1]], "once")
    bare = [replace(each, clip=replace(each.clip, label=None, texts=())) for each in windows]
    with pytest.raises(
        InputError, match="none of 3 clips has a text or a class, which should be one of the prompts a, b"
    ):
        keep(bare, "a", "b")
    assert not list(cache.folder.glob("*.npz"))
    keep([bare[0], replace(bare[1], clip=replace(bare[1].clip, label="a"))], "a", "b")
    assert cache.load(windows[1].clip.name)["tokens"][1, 15] == 8


def test_tokens_of_another_width(kept: tuple[MotionCache, list[Window]]) -> None:
    cache, windows = kept
    teacher = Teacher(TINY.autoencoder(), TINY.MODEL, CPU)
    with pytest.raises(InputError, match=r"tokens have 7 numbers each; with model\.motion\.context 6 the"):
        keep_motion(cache, windows, teacher, PreparedFrames(16), Given(torch.ones(2, 7)))
