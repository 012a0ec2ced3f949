"""Training samples: what is drawn follows from seed, epoch and index; made-up clips; kept motion."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lvmm_motion.data.clips import Clip
from lvmm_motion.data.datasets import open_clips, usable_clips
from lvmm_motion.data.motion_cache import ABOUT, MotionCache, MotionSettings
from lvmm_motion.data.preparation import prepared, square
from lvmm_motion.data.samples import FramePairs, FrameWindows, PreparedFrames
from lvmm_motion.data.sampling import generator, pair, window
from lvmm_motion.data.synthetic import Swinging, make_clips
from visioncore.errors import InputError
from visioncore.testing.videos import film
from visioncore.training.config import LoopConfig
from visioncore.training.sampling import batches

SETTINGS = MotionSettings(autoencoder="abc123", image_size=64, frames=32, keep=4, size=8)


def counted(length: int) -> Clip:
    return Clip(f"{length} frames", Swinging(length, 16, 1, 0.1, 0))


# which frames


def test_pairs_have_every_gap_and_every_place() -> None:
    clip, rng = counted(4), np.random.default_rng(0)
    drawn = Counter(pair(clip, rng) for _ in range(3000))
    assert set(drawn) == {(a, b) for a in range(4) for b in range(4) if a < b}
    by_gap = Counter[int]()
    for (source, driving), count in drawn.items():
        by_gap[driving - source] += count
    # gaps are uniform, whatever room they leave
    assert all(abs(count - 1000) < 120 for count in by_gap.values())
    assert {b - a for a, b in (pair(clip, rng, most_gap=2) for _ in range(200))} == {1, 2}
    assert {b - a for a, b in (pair(counted(400), rng) for _ in range(3000))} == set(range(1, 150))


def test_seed_epoch_and_index_decide() -> None:
    clip = counted(300)
    first = pair(clip, generator(1, 2, 3))
    assert first == pair(clip, generator(1, 2, 3))
    assert len({pair(clip, generator(*key)) for key in ((1, 2, 3), (1, 2, 4), (1, 3, 3), (2, 2, 3), (1, 2, 0))}) == 5


def test_windows() -> None:
    clip, rng = counted(12), np.random.default_rng(0)
    assert {window(clip, 4, 3, rng).start for _ in range(100)} == {0, 1, 2}
    assert list(window(clip, 4, 3)) == [1, 4, 7, 10]
    assert window(clip, 12) == range(12)
    assert window(clip, 4) == range(4, 8)
    assert len(window(clip, 4, 3, rng)) == 4
    with pytest.raises(InputError, match=r"12 frames: 12 frames; at least 13 are needed$"):
        window(clip, 13)
    with pytest.raises(InputError, match=r"at least 13 are needed \(4 frames, 4 apart\)"):
        window(clip, 4, 4)
    with pytest.raises(InputError, match="1 frames: 1 frame; at least 2 are needed"):
        pair(counted(1), rng)


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing(workers: int) -> None:
    source = FramePairs(make_clips(5, frames=20, size=16), 16)
    config = LoopConfig(steps=4, batch_size=2, seed=7)

    def drawn(workers: int) -> list[dict[str, torch.Tensor]]:
        settings = replace(config, workers=workers)
        return list(batches(source, settings, start=0, process=0, processes=1, pin_memory=False))

    for one, other in zip(drawn(0), drawn(workers), strict=True):
        assert torch.equal(one["source"], other["source"])
        assert torch.equal(one["driving"], other["driving"])


def test_samples() -> None:
    clips = make_clips(2, frames=20, size=24)
    pairs, windows = FramePairs(clips, 16, most_gap=5), FrameWindows(clips, 16, 6, stride=2)
    sample = pairs.sample(1, generator(0, 0, 1))
    numbers = pair(clips[1], generator(0, 0, 1), 5)
    read = PreparedFrames(16)
    assert sample["source"].shape == (3, 16, 16)
    assert sample["source"].dtype == torch.uint8
    assert torch.equal(torch.stack([sample["source"], sample["driving"]]), read(clips[1], numbers))
    frames = windows.sample(0, generator(0, 0, 0))["frames"]
    assert torch.equal(frames, read(clips[0], window(clips[0], 6, 2, generator(0, 0, 0))))
    assert len(pairs) == len(windows) == 2


def test_clips_of_different_sizes_make_one_batch(tmp_path: Path) -> None:
    for name, width, height in (("wide.mp4", 96, 48), ("tall.mp4", 48, 80), ("small.mp4", 32, 32)):
        film(tmp_path / name, 6, width, height)
    source = FramePairs(usable_clips(open_clips(tmp_path)), 40)
    config = LoopConfig(steps=1, batch_size=3)
    (batch,) = batches(source, config, start=0, process=0, processes=1, pin_memory=False)
    assert batch["source"].shape == batch["driving"].shape == (3, 3, 40, 40)
    assert bool((batch["driving"] != batch["source"]).any())


def test_memory_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clips = make_clips(3, frames=100, size=64)
    plain, kept = PreparedFrames(64), PreparedFrames(64, cache_mb=2)
    for clip in clips:
        assert torch.equal(plain(clip, [3, 50, 3]), kept(clip, [3, 50, 3]))

    def fail(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(Swinging, "read", fail)
    # each is 1.2 MB: the second has no room
    kept(clips[0], [7])
    with pytest.raises(AssertionError):
        kept(clips[1], [7])


def test_clips_of_some_frames() -> None:
    (clip,) = make_clips(1, frames=20, size=24)
    part = prepared(clip, range(3, 20, 4), 16)
    assert (part.name, part.length, part.fps, part.source.path) == (clip.name, 5, 6.25, None)
    expected = np.stack([square(frame, 16) for frame in clip.frames([11, 3])])
    np.testing.assert_array_equal(part.frames([2, 0]), expected)
    np.testing.assert_array_equal(prepared(clip, range(3, 20)).frames([2]), clip.frames([5]))


# made-up clips


@pytest.mark.parametrize("frequency", [1, 3, 5])
def test_things_swing_at_their_frequency(frequency: int) -> None:
    (clip,) = make_clips(1, 32, 48, frequencies=[frequency], all_moves=True)
    assert isinstance(clip.source, Swinging)
    assert clip.label == str(frequency)
    shifts = clip.source.shifts
    assert np.allclose(shifts[0], 0)
    spectrum = np.abs(np.fft.rfft(shifts, axis=0)).sum(axis=1)
    assert int(spectrum[1:].argmax()) + 1 == frequency
    # the image itself moves by that much: where it was is found again
    frames = clip.frames(range(32)).astype(float)
    for number in (5, 11):
        x, y = shifts[number]
        errors = {
            (dx, dy): np.abs(frames[number, 16:32, 16:32] - frames[0, 16 - dy : 32 - dy, 16 - dx : 32 - dx]).mean()
            for dx in range(-10, 11)
            for dy in range(-10, 11)
        }
        best = min(errors, key=lambda key: errors[key])
        assert np.hypot(best[0] - x, best[1] - y) < 0.8


def test_a_ground_stays_where_it_is() -> None:
    (clip,) = make_clips(1, 32, 48)
    frames = clip.frames(range(32)).astype(int)
    assert np.abs(frames[:, 0] - frames[0, 0]).max() == 0
    assert np.abs(frames[:, 24] - frames[0, 24]).max() > 40


def test_made_up_clips_are_the_same_at_any_size() -> None:
    small, large = (make_clips(3, 8, size)[2].frames([5])[0].astype(float) for size in (32, 96))
    reduced = large.reshape(32, 3, 32, 3, 3).mean(axis=(1, 3))
    assert np.abs(reduced - small).mean() < 4
    one, other = (make_clips(2, 8, 32, seed=seed)[0].frames([0]) for seed in (0, 5))
    assert not np.array_equal(one, other)


# kept motion


def motion(seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0, 0.1, (6, 4, 8, 8))


def test_motion_is_kept(tmp_path: Path) -> None:
    cache = MotionCache(tmp_path / "motion", SETTINGS)
    names = ["wave/a.mp4", "wave-a.mp4", "../../ä b.mp4", "x" * 300]
    assert not cache.has(names[0])
    for seed, name in enumerate(names):
        cache.save(name, motion(seed), start=3, tokens=np.ones((2, 5)))
    again = MotionCache(tmp_path / "motion", SETTINGS)
    for seed, name in enumerate(names):
        assert again.has(name, 3)
        assert not again.has(name)
        found = again.load(name, 3)
        assert found["coefficients"].dtype == np.float16
        np.testing.assert_array_equal(found["coefficients"], motion(seed).astype(np.float16))
        np.testing.assert_array_equal(found["tokens"], np.ones((2, 5)))
    assert len(list((tmp_path / "motion").iterdir())) == 5
    assert not (tmp_path / "ä b.mp4").exists()


def test_197_kb_a_clip_at_published_size(tmp_path: Path) -> None:
    cache = MotionCache(tmp_path, MotionSettings("abc123", 256, 150))
    cache.save("a.mp4", np.zeros((6, 16, 32, 32)))
    assert 196_608 <= cache.path("a.mp4").stat().st_size < 197_500
    assert set(cache.load("a.mp4")) == {"coefficients"}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"autoencoder": "def456"}, "its motion was seen by the auto-encoder abc123, not by def456"),
        ({"frames": 16, "stride": 2}, "was made with frames 32, not 16, stride 1, not 2; name another folder"),
        ({"embedder": "imagebind"}, "embedder , not imagebind"),
    ],
)
def test_motion_of_other_settings_is_refused(tmp_path: Path, changed: dict[str, object], told: str) -> None:
    MotionCache(tmp_path, SETTINGS).save("a", motion())
    with pytest.raises(InputError) as caught:
        MotionCache(tmp_path, replace(SETTINGS, **changed))  # type: ignore[arg-type]
    assert str(tmp_path) in str(caught.value)
    assert told in str(caught.value)
    MotionCache(tmp_path, SETTINGS).load("a")


def test_a_folder_that_does_not_say_what_it_holds(tmp_path: Path) -> None:
    MotionCache(tmp_path, SETTINGS).save("a", motion())
    (tmp_path / ABOUT).write_text("[]")
    with pytest.raises(InputError, match="not the settings of kept motion"):
        MotionCache(tmp_path, SETTINGS)
    (tmp_path / ABOUT).unlink()
    with pytest.raises(InputError, match=r"has \.npz files, but no motion\.json"):
        MotionCache(tmp_path, SETTINGS)


def test_a_write_that_is_broken_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = MotionCache(tmp_path, SETTINGS)

    def interrupted(file: object, **_: object) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", interrupted)
        with pytest.raises(KeyboardInterrupt):
            cache.save("a", motion())
    assert not cache.has("a")
    assert [path.name for path in tmp_path.iterdir()] == [ABOUT]
    cache.save("a", motion())
    cache.path("a").write_bytes(cache.path("a").read_bytes()[:300])
    with pytest.raises(InputError, match=r"the file is damaged .*; remove it and make it anew"):
        cache.load("a")
    with pytest.raises(InputError, match="no motion of b from frame 7 on; make it first"):
        cache.load("b", 7)


def test_motion_that_is_none(tmp_path: Path) -> None:
    cache = MotionCache(tmp_path, SETTINGS)
    with pytest.raises(InputError, match=r"a: motion is \(6, 3, 8, 8\); it should be \(6, 4, 8, 8\)"):
        cache.save("a", motion()[:, :3])
    for value in (np.nan, 1e6):
        with pytest.raises(InputError, match="a: coefficients of its motion are not finite"):
            cache.save("a", motion() + value)
    assert not cache.has("a")
    assert json.loads((tmp_path / ABOUT).read_text())["autoencoder"] == "abc123"
