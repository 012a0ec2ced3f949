"""Clips: crops, normalisation, random changes, mixing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from alt_action.data.augmentation import SCALES, Augmentation, drawn_colours, drawn_crop, recoloured
from alt_action.data.clips import CONSTANTS, Crop, cut, read_crops, to_frames, view_crops
from alt_action.data.mixing import MixedSamples, Mixing, cut_mixed, mixed_up
from alt_action.data.people import PEOPLE_ACTIONS
from alt_action.data.samples import ClipSamples
from alt_action.data.video_lists import read_videos
from visioncore.errors import InputError
from visioncore.video import index_frames, read_frames

ACTIONS = PEOPLE_ACTIONS[:4]


def test_the_middle_is_224_of_256() -> None:
    (crop,) = view_crops(240, 320, 224)
    assert crop == Crop(15, 55, 210, 210)
    assert view_crops(320, 240, 224) == [Crop(55, 15, 210, 210)]
    (crop,) = view_crops(480, 480, 336)
    assert crop.width == pytest.approx(480 * 336 / 384)


def test_three_crops_hold_all_of_a_frame() -> None:
    assert view_crops(240, 320, 224, 3) == [Crop(0, left, 240, 240) for left in (0, 40, 80)]
    assert view_crops(320, 240, 224, 3) == [Crop(top, 0, 240, 240) for top in (0, 40, 80)]


def test_a_crop_is_that_part_of_the_frame() -> None:
    frame = np.arange(64, dtype=np.uint8).repeat(64).reshape(64, 64)[..., None].repeat(3, axis=2)
    (part,) = cut(frame, [Crop(16, 0, 32, 32)], 32)
    np.testing.assert_array_equal(part, frame[16:48, :32])
    (smaller,) = cut(frame, [Crop(0, 0, 64, 64)], 16)
    assert smaller.shape == (16, 16, 3)
    np.testing.assert_allclose(smaller[4:12, 0, 0], 4 * np.arange(4, 12) + 1.5, atol=1)


def test_chosen_frames_are_cropped(clip: Path) -> None:
    whole = [frame.pixels for frame in read_frames(clip)]
    for number, (pixels,) in read_crops(index_frames(clip), [2, 2, 17], 32):
        np.testing.assert_array_equal(pixels, cut(whole[number], view_crops(96, 128, 32), 32)[0])


def test_normalisation() -> None:
    pixels = torch.full((2, 4, 4, 3), 255, dtype=torch.uint8)
    for name, (mean, deviation) in CONSTANTS.items():
        frames = to_frames(pixels, name)
        assert frames.shape == (2, 3, 4, 4)
        expected = (1 - torch.tensor(mean)) / torch.tensor(deviation)
        torch.testing.assert_close(frames[0, :, 0, 0], expected)
    torch.testing.assert_close(to_frames(list(pixels.numpy()), "clip"), to_frames(pixels, "clip"))


def test_drawn_crops_are_of_all_scales_and_places() -> None:
    rng = np.random.default_rng(0)
    drawn = [drawn_crop(100, 200, rng) for _ in range(500)]
    sides = {(round(crop.height / 100, 3), round(crop.width / 100, 3)) for crop in drawn}
    assert sides == {(a, b) for i, a in enumerate(SCALES) for j, b in enumerate(SCALES) if abs(i - j) <= 1}
    assert {crop.left for crop in drawn if crop.width == 100} == {0, 50, 100}
    assert all(0 <= crop.top <= 100 - crop.height + 1e-9 for crop in drawn)


def test_colours() -> None:
    clip = np.random.default_rng(0).integers(60, 190, (3, 8, 8, 3)).astype(np.uint8)
    np.testing.assert_array_equal(recoloured(clip, np.eye(3), 0.0), clip)
    grey, mixed = drawn_colours(Augmentation(jitter=0, grey=1), np.random.default_rng(0))
    np.testing.assert_allclose(np.ptp(recoloured(clip, grey, mixed).astype(int), axis=-1), 0)
    matrix, mixed = drawn_colours(Augmentation(jitter=1, grey=0), np.random.default_rng(1))
    changed = recoloured(clip, matrix, mixed)
    assert np.abs(changed.astype(int) - clip).mean() > 3
    # grey stays grey under a change of hue and saturation alone
    even = np.full((1, 2, 2, 3), 100, np.uint8)
    assert np.ptp(recoloured(even, matrix, mixed).astype(int)) <= 1
    with pytest.raises(InputError, match=r"augmentation\.flip is 2; it must be from 0 to 1"):
        Augmentation(flip=2)


def test_samples_follow_from_their_generator(videos: Path) -> None:
    found = read_videos(videos)
    samples = ClipSamples(found.videos, 4, 32, Augmentation())
    one, again, other = (samples.sample(0, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert one["frames"].shape == (4, 32, 32, 3)
    assert one["frames"].dtype == torch.uint8
    assert torch.equal(one["frames"], again["frames"])
    assert not torch.equal(one["frames"], other["frames"])
    assert [int(samples.sample(i, np.random.default_rng(0))["label"]) for i in range(len(samples))] == [
        video.label for video in found.videos
    ]
    middle = ClipSamples(found.videos, 4, 32, None)
    assert torch.equal(
        middle.sample(3, np.random.default_rng(0))["frames"], middle.sample(3, np.random.default_rng(1))["frames"]
    )


def test_flips_are_of_all_frames(videos: Path) -> None:
    found = read_videos(videos)
    plain = Augmentation(crop=False, flip=0, jitter=0, grey=0)
    flipped = Augmentation(crop=False, flip=1, jitter=0, grey=0)
    one, other = (
        ClipSamples(found.videos, 4, 32, how).sample(0, np.random.default_rng(0))["frames"] for how in (plain, flipped)
    )
    assert torch.equal(one.flip(2), other)


def test_mixed_samples(videos: Path) -> None:
    found = read_videos(videos)
    samples = ClipSamples(found.videos, 2, 32, None)
    plain = MixedSamples(samples, 4, Mixing()).sample(0, np.random.default_rng(0))
    assert plain["target"].tolist() == [float(found.videos[0].label == place) for place in range(4)]
    mixed = MixedSamples(samples, 4, Mixing(mixup=0.8, cutmix=1.0))
    targets = torch.stack([mixed.sample(0, np.random.default_rng(seed))["target"] for seed in range(40)])
    torch.testing.assert_close(targets.sum(dim=1), torch.ones(40))
    assert int((targets > 0).sum(dim=1).max()) == 2
    assert mixed.sample(0, np.random.default_rng(0))["frames"].shape == (2, 32, 32, 3)
    with pytest.raises(InputError, match=r"mixing\.mixup is -1 and cutmix 0"):
        Mixing(mixup=-1, cutmix=0)


def test_shares_are_those_of_the_pixels() -> None:
    rng = np.random.default_rng(0)
    one, other = torch.zeros(2, 16, 16, 3, dtype=torch.uint8), torch.full((2, 16, 16, 3), 200, dtype=torch.uint8)
    frames, share = mixed_up(one, other, 0.25, rng)
    assert share == 0.25
    assert set(frames.unique().tolist()) == {150}
    for _ in range(20):
        frames, share = cut_mixed(one, other, float(rng.random()), rng)
        assert float((frames == 0).float().mean()) == pytest.approx(share)
        assert torch.equal(frames[0], frames[1])


def test_drawn_actions_differ(videos: Path) -> None:
    assert sorted(path.name for path in videos.iterdir()) == sorted(ACTIONS)
    clips = [np.stack([frame.pixels for frame in read_frames(videos / action / "000.mp4")]) for action in ACTIONS]
    assert all(clip.shape == (24, 96, 128, 3) for clip in clips)
    motion = [np.abs(np.diff(clip.astype(int), axis=0)).mean() for clip in clips]
    assert min(motion) > 0.5
