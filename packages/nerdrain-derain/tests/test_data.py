"""From images on disk to patches: pairing by name, crops, the published augmentations, synthetic rain."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nerdrain_derain.data import augmentation as augment
from nerdrain_derain.data.augmentation import centre_crop, random_crop, saturate
from nerdrain_derain.data.pairs import Pair, find_pairs
from nerdrain_derain.data.patches import RainyPatches
from nerdrain_derain.data.rain import Rain, blurred, line_kernel, streak_kernel, write_pairs
from nerdrain_derain.training.config import TrainConfig
from visioncore.errors import InputError
from visioncore.files import duplicates
from visioncore.images import Image, read_image, write_image
from visioncore.inference.dihedral import turned
from visioncore.recipes import load_recipe
from visioncore.testing.refusals import one_line

MakePairs = Callable[..., Path]
MakePhoto = Callable[..., Any]


def paired(folder: Path) -> list[tuple[str, str]]:
    return [(pair.rainy.name, pair.clean.name) for pair in find_pairs(folder)]


refused = partial(one_line, find_pairs)


# pairing


@pytest.mark.parametrize(
    "names",
    [
        pytest.param([("2.png", "2.png"), ("10.png", "10.png")], id="equal names, natural order"),
        pytest.param([("1.jpg", "1.png"), ("2.jpg", "2.bmp")], id="other suffixes"),
        pytest.param([("rain-001.png", "norain-001.png"), ("rain-002.png", "norain-002.png")], id="rain and norain"),
        pytest.param([("norain-1x2.png", "norain-1.png"), ("norain-12x2.png", "norain-12.png")], id="x2"),
        pytest.param([("rain-1x2.png", "norain-1.png")], id="rain with x2 and norain"),
        pytest.param([("7_rain.png", "7_clean.png"), ("8_rain.png", "8_clean.png")], id="the role behind"),
        pytest.param([("a_rainy.png", "a_gt.png")], id="gt"),
        pytest.param([("IMG_4.PNG", "img_4.png")], id="letter case"),
        pytest.param([("rain-x.png", "x.png"), ("x.png", "x.png")], id="the rule that leaves no rainy image alone"),
        pytest.param([("terrain_1.png", "terrain_1_gt.png"), ("train_1.png", "train_1_gt.png")], id="words in words"),
        pytest.param([("im_0001_s80_a04.png", "im_0001_s80_a04.png")], id="digits that are no version"),
        pytest.param([("img_1.png", "img_1.png"), ("img_2.png", "img_2.png")], id="numbers that are no version"),
    ],
)
def test_names_that_belong_together(make_pairs: MakePairs, names: list[tuple[str, str]]) -> None:
    folder = make_pairs(names)
    assert paired(folder) == names
    pair = find_pairs(folder)[0]
    assert pair == Pair(folder / "input" / names[0][0], folder / "target" / names[0][1])


@pytest.mark.parametrize("clean", ["{}.png", "{}_clean.png"])
def test_fourteen_versions_of_a_clean_image(make_pairs: MakePairs, clean: str) -> None:
    names = [(f"{n}_{version}.jpg", clean.format(n)) for n in (1, 2, 11) for version in range(1, 15)]
    assert paired(make_pairs(names)) == names


def test_versions_are_not_taken_for_a_missing_image(make_pairs: MakePairs) -> None:
    """One rule holds for the whole data set: a_3 has lost its partner, it is not a third version of a."""
    folder = make_pairs([("a_1.png", "a_1.png"), ("a_2.png", "a_2.png"), ("a_3.png", "a.png")])
    assert "1 images have no partner in target: a_3.png" in refused(folder)


def test_sub_folders_keep_apart_what_has_one_name(make_pairs: MakePairs) -> None:
    folder = make_pairs([("x/1.png", "x/1.png"), ("y/1.png", "y/1.png"), ("y/rain-2.png", "y/norain-2.png")])
    pairs = find_pairs(folder)
    assert [pair.rainy.relative_to(folder).as_posix() for pair in pairs] == [
        "input/x/1.png", "input/y/1.png", "input/y/rain-2.png"
    ]  # fmt: skip
    assert [pair.clean.parent.name for pair in pairs] == ["x", "y", "y"]


@pytest.mark.parametrize(("rainy", "clean"), [("rain", "norain"), ("Rainy", "GT"), ("rainy_image", "ground_truth")])
def test_other_names_of_the_folders(make_pairs: MakePairs, rainy: str, clean: str) -> None:
    folder = make_pairs([("1.png", "1.png")])
    (folder / "input").rename(folder / rainy)
    (folder / "target").rename(folder / clean)
    assert paired(folder) == [("1.png", "1.png")]


def test_images_without_a_partner_are_listed(make_pairs: MakePairs) -> None:
    folder = make_pairs([(f"{n}.png", f"{n}.png") for n in range(12)])
    for n in range(10):
        (folder / "target" / f"{n}.png").unlink()
    message = refused(folder)
    assert message.startswith(f"{folder / 'input'}: 10 images have no partner in target: 0.png, 1.png")
    assert message.endswith("and 2 more")
    for n in range(11):
        (folder / "input" / f"{n}.png").unlink()
    assert refused(folder).startswith(f"{folder / 'target'}: 1 images have no partner in input: 10.png")


def test_several_partners_are_refused(make_pairs: MakePairs, make_photo: MakePhoto) -> None:
    folder = make_pairs([("1.png", "1.png")])
    write_image(folder / "target" / "1.bmp", Image(make_photo(32, 48)))
    assert "several clean images fit it: 1.bmp, 1.png" in refused(folder)


def test_sizes_that_differ_are_listed(make_pairs: MakePairs, make_photo: MakePhoto) -> None:
    folder = make_pairs([("1.png", "1.png"), ("2.png", "2.png")])
    write_image(folder / "target" / "2.png", Image(make_photo(48, 32)))
    assert "1 pairs differ in size (width x height): 2.png 48x32, 2.png 32x48" in refused(folder)


def test_folders_that_are_missing_empty_or_doubled(make_pairs: MakePairs, tmp_path: Path) -> None:
    assert "no such folder" in refused(tmp_path / "none")
    folder = make_pairs([("1.png", "1.png")])
    (folder / "gt").mkdir()
    assert "target and gt may both hold the clean images" in refused(folder)
    (folder / "target" / "1.png").unlink()
    (folder / "target").rmdir()
    assert "no file with suffix" in refused(folder)
    (folder / "gt").rename(folder / "other")
    message = refused(folder)
    assert "no folder of clean images in it; it should be named target or norain" in message
    assert message.endswith("there are input, other")


def test_a_manifest(make_pairs: MakePairs) -> None:
    folder = make_pairs([("b.png", "x.png"), ("a.png", "y.png")])
    manifest = folder / "pairs.csv"
    manifest.write_text("\ufeffrainy,clean\ninput/b.png,target/x.png\n\ninput/a.png, target/y.png\n", encoding="utf-8")
    assert paired(manifest) == [("b.png", "x.png"), ("a.png", "y.png")]
    manifest.write_text(" Clean ,split, RAINY\ntarget/x.png,train,input/b.png\n")
    assert paired(manifest) == [("b.png", "x.png")]
    for text, told in (
        ("input/b.png\n", "line 1: 1 columns; there must be two"),
        ("rainy,clean\ninput/b.png,target/z.png\n", "line 2: no such file: "),
        ("rainy,clean\n", "no pair in this list"),
    ):
        manifest.write_text(text)
        assert told in refused(manifest)
    assert "not a list of pairs" in refused(folder / "input" / "b.png")


def test_duplicates(make_pairs: MakePairs, make_photo: MakePhoto) -> None:
    folder = make_pairs([(f"{n}.png", f"{n}.png") for n in range(4)])
    clean = [pair.clean for pair in find_pairs(folder)]
    assert duplicates(clean) == []
    assert duplicates(clean * 2) == []
    assert duplicates(clean[:3], clean[3:]) == []
    assert duplicates(clean[:3], clean[2:]) == [[clean[2]]]
    clean[2].write_bytes(clean[0].read_bytes())
    assert duplicates(clean) == [[clean[0], clean[2]]]
    assert duplicates(clean[:2], clean[2:]) == [[clean[0], clean[2]]]
    assert duplicates([clean[0], clean[2]], [clean[3]]) == []


# crops and augmentation


def test_a_crop_is_the_same_place_of_both_images() -> None:
    rainy = np.arange(40 * 56 * 3, dtype=np.uint32).reshape(40, 56, 3)
    places = set()
    for seed in range(20):
        one, other = random_crop([rainy, rainy + 7], 16, np.random.default_rng(seed))  # type: ignore[list-item]
        np.testing.assert_array_equal(one + 7, other)
        top, left = divmod(int(one[0, 0, 0]) // 3, 56)
        np.testing.assert_array_equal(one, rainy[top : top + 16, left : left + 16])
        places.add((top, left))
    assert len(places) > 10


def test_every_place_can_be_cropped() -> None:
    image = np.zeros((17, 18, 3), np.uint8)
    image[..., 0] = np.arange(17)[:, None]
    image[..., 1] = np.arange(18)
    rng = np.random.default_rng(0)
    corners = Counter(tuple(random_crop([image], 16, rng)[0][0, 0, :2].tolist()) for _ in range(300))
    assert set(corners) == {(y, x) for y in (0, 1) for x in (0, 1, 2)}


@pytest.mark.parametrize("size", [(5, 40), (40, 5), (3, 4), (1, 9), (1, 1)])
def test_small_images_are_mirrored_on_the_right_and_at_the_bottom(size: tuple[int, int], make_photo: MakePhoto) -> None:
    image = make_photo(*size)
    (patch,) = random_crop([image], 32, np.random.default_rng(0))
    assert patch.shape == (32, 32, 3)
    height, width = (min(side, 32) for side in size)
    if max(size) <= 32:
        np.testing.assert_array_equal(patch[:height, :width], image)
    if size == (3, 4):
        np.testing.assert_array_equal(patch[:3, 4:7], image[:, 2::-1])
        np.testing.assert_array_equal(patch[3:5, :4], image[1::-1])


@pytest.mark.parametrize(
    ("size", "side", "expected"),
    [((70, 100), 48, (48, 48)), ((70, 100), 256, (64, 96)), ((40, 100), 64, (32, 64)), ((9, 20), 64, (16, 16))],
)
def test_the_centre_is_a_multiple_of_sixteen(
    size: tuple[int, int], side: int, expected: tuple[int, int], make_photo: MakePhoto
) -> None:
    image = make_photo(*size)
    (centre,) = centre_crop([image], side)
    assert centre.shape[:2] == expected
    if min(size) >= 16:
        top, left = (size[0] - expected[0]) // 2, (size[1] - expected[1]) // 2
        np.testing.assert_array_equal(centre, image[top : top + expected[0], left : left + expected[1]])


@pytest.mark.parametrize(
    ("draw", "expected"),
    [
        (0, [[1, 2], [3, 4]]),
        (1, [[3, 4], [1, 2]]),
        (2, [[2, 1], [4, 3]]),
        (3, [[2, 4], [1, 3]]),
        (4, [[4, 3], [2, 1]]),
        (5, [[3, 1], [4, 2]]),
        (6, [[4, 2], [3, 1]]),
        (7, [[1, 3], [2, 4]]),
        (8, [[1, 2], [3, 4]]),
    ],
)
def test_the_table_of_turns(draw: int, expected: list[list[int]]) -> None:
    assert turned(torch.tensor([[1, 2], [3, 4]]), augment._WAYS[draw]).tolist() == expected


def test_saturation() -> None:
    image = torch.rand(3, 4, 4)
    grey = 0.299 * image[0] + 0.587 * image[1] + 0.114 * image[2]
    torch.testing.assert_close(saturate(image, 1.0), image)
    torch.testing.assert_close(saturate(image, 0.0), grey.expand(3, 4, 4))
    torch.testing.assert_close(saturate(image, 1.2), (grey + 1.2 * (image - grey)).clamp(0, 1))


def test_how_often_each_augmentation_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    factors: list[float] = []
    ways: list[int] = []
    monkeypatch.setattr(augment, "saturate", lambda image, factor: factors.append(factor))
    monkeypatch.setattr(augment, "turned", lambda image, way: ways.append(way))
    rng = np.random.default_rng(0)
    for _ in range(1800):
        augment.augment([torch.zeros(1)], rng)
    assert 500 < len(factors) < 700
    assert 0.8 <= min(factors) < 0.82
    assert 1.18 < max(factors) <= 1.2
    counts = Counter(ways)
    assert sorted(counts) == list(range(8))
    assert 320 < counts.pop(0) < 480  # two of nine draws leave an image as it is
    assert all(140 < count < 265 for count in counts.values())


def test_both_images_are_augmented_alike() -> None:
    image = torch.rand(3, 8, 8)
    for seed in range(20):
        one, other = augment.augment([image, image.clone()], np.random.default_rng(seed))
        assert torch.equal(one, other)


# patches


def test_patches_of_pairs(make_pairs: MakePairs) -> None:
    source = RainyPatches(find_pairs(make_pairs([("1.png", "1.png"), ("2.png", "2.png")], size=(40, 56))), patch=32)
    assert len(source) == 2
    sample = source.sample(1, np.random.default_rng(0))
    assert {name: tuple(patch.shape) for name, patch in sample.items()} == {"rainy": (3, 32, 32), "clean": (3, 32, 32)}
    assert all(patch.dtype == torch.float32 and patch.min() >= 0 and patch.max() <= 1 for patch in sample.values())
    again = source.sample(1, np.random.default_rng(0))
    assert all(torch.equal(sample[name], again[name]) for name in sample)
    assert not torch.equal(sample["clean"], source.sample(1, np.random.default_rng(1))["clean"])
    # what `make_pairs` makes of a clean image survives turning, and saturation up to its clamp
    for seed in range(20):
        sample = source.sample(0, np.random.default_rng(seed))
        assert float((sample["rainy"] - sample["clean"] / 2 - 100 / 255).abs().max()) < 0.06


def test_patches_of_clean_images_get_new_rain_each_time(make_pairs: MakePairs) -> None:
    clean = [pair.clean for pair in find_pairs(make_pairs([("1.png", "1.png")], size=(48, 48)))]
    source = RainyPatches(clean, patch=48)
    assert source.clean_files() == clean
    one = source.centre(0, 48, np.random.default_rng(0))
    other = source.centre(0, 48, np.random.default_rng(1))
    expected = torch.from_numpy(read_image(clean[0]).pixels.transpose(2, 0, 1).copy()) / 255
    assert torch.equal(one["clean"], expected)
    assert torch.equal(other["clean"], expected)
    assert not torch.equal(one["rainy"], other["rainy"])
    assert float((one["rainy"] - expected).abs().mean()) > 0.005


def test_grey_alpha_and_16_bit_images_become_8_bit_colour(tmp_path: Path, make_photo: MakePhoto) -> None:
    pixels = make_photo(32, 32)
    deep = (pixels.astype(np.uint16) * 257) + 128
    write_image(tmp_path / "deep.png", Image(deep))
    write_image(tmp_path / "alpha.png", Image(pixels, alpha=pixels[..., 0]))
    grey = pixels[..., :1].repeat(3, axis=2)
    write_image(tmp_path / "grey.png", Image(grey, grey=True))
    source = RainyPatches([tmp_path / f"{name}.png" for name in ("deep", "alpha", "grey")], 32)
    for index, expected in enumerate((pixels, pixels, grey)):
        clean = source.centre(index, 32, np.random.default_rng(0))["clean"]
        np.testing.assert_array_equal((clean * 255).round().numpy().transpose(1, 2, 0), expected)


def test_images_are_kept_as_long_as_there_is_room(make_pairs: MakePairs, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def counted(path: Path) -> Image:
        read.append(path.name)
        return read_image(path)

    monkeypatch.setattr("visioncore.images.photo_cache.read_image", counted)
    clean = [p.clean for p in find_pairs(make_pairs([(f"{n}.png", f"{n}.png") for n in range(3)], size=(418, 418)))]
    source = RainyPatches(clean, 32, cache_mb=1)  # room for two of half a megabyte
    for _ in range(2):
        for index in range(3):
            source.sample(index, np.random.default_rng(0))
    assert read == ["0.png", "1.png", "2.png", "2.png"]


def test_a_pair_that_changed_its_size_is_told(make_pairs: MakePairs, make_photo: MakePhoto) -> None:
    pairs = find_pairs(make_pairs([("1.png", "1.png")]))
    write_image(pairs[0].clean, Image(make_photo(48, 48)))
    with pytest.raises(InputError, match=r"input.1\.png: another size than"):
        RainyPatches(pairs, 16).sample(0, np.random.default_rng(0))


def test_a_source_goes_to_other_processes(make_pairs: MakePairs) -> None:
    source = RainyPatches(find_pairs(make_pairs([("1.png", "1.png")])), 16)
    there = pickle.loads(pickle.dumps(source))
    sample, expected = (s.sample(0, np.random.default_rng(0)) for s in (there, source))
    assert torch.equal(sample["rainy"], expected["rainy"])


# rain

SEEDED = (0.3260456, 0.3288681, 0.3557399)
"""Mean of even grey of 0.3, 48x48, in the rain of the seeds 0 to 2."""


def test_rain_brightens_in_streaks_along_the_wind() -> None:
    clean = np.full((160, 160, 3), 0.3, np.float32)
    rain = Rain(layers=1, density=(0.002, 0.002), length=(30, 30), width=(0.8, 0.8), brightness=(0.6, 0.6), veil=(0, 0))
    opacity = rain.streaks(160, 160, 0.0, np.random.default_rng(0))
    assert opacity.shape == (160, 160)
    assert 0 <= opacity.min() <= opacity.max() <= 0.6
    along, across = np.abs(np.diff(opacity, axis=0)).mean(), np.abs(np.diff(opacity, axis=1)).mean()
    assert across > 3 * along
    rainy = rain.fall_on(clean, np.random.default_rng(0))
    assert rainy.dtype == np.float32
    assert (rainy >= clean - 1e-6).all()
    assert 0.01 < (rainy - clean).mean() < 0.3


def test_rain_depends_on_its_seed_alone() -> None:
    clean = np.full((48, 48, 3), 0.3, np.float32)
    one, same, other = (Rain().fall_on(clean, np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_the_veil_alone_is_even() -> None:
    clean = np.zeros((32, 32, 3), np.float32)
    rain = Rain(brightness=(0, 0), veil=(0.08, 0.08))
    rainy = rain.fall_on(clean, np.random.default_rng(0))
    assert float(np.ptp(rainy)) < 1e-6
    assert 0.06 * 0.9 < float(rainy.mean()) <= 0.08


def test_what_is_neutral_by_default_changes_no_rain() -> None:
    clean = np.full((48, 48, 3), 0.3, np.float32)
    seeded = [float(Rain().fall_on(clean, np.random.default_rng(seed)).mean(dtype=np.float64)) for seed in range(3)]
    # that of the bundled weights, and of the figures in docs/results.md
    assert seeded == pytest.approx(SEEDED, abs=1e-6)


def test_a_share_of_photos_stays_dry_or_has_no_mist() -> None:
    clean = np.full((16, 16, 3), 0.3, np.float32)
    rain = Rain(layers=1, density=(1e-6, 1e-6), veil=(0.2, 0.2), dry=0.25, veiled=0.5)
    fallen = [rain.fall_on(clean, np.random.default_rng(seed)) for seed in range(400)]
    misty = np.mean([image.min() > 0.31 for image in fallen])
    assert misty == pytest.approx(0.75 * 0.5, abs=0.07)
    dry = [Rain(dry=1).fall_on(clean, np.random.default_rng(seed)) for seed in range(3)]
    assert all(np.array_equal(image, clean) and image is not clean for image in dry)


def test_rain_is_added_to_a_share_of_photos_and_covers_the_others() -> None:
    grey = np.full((48, 48, 3), 0.7, np.float32)
    look: dict[str, Any] = {"layers": 1, "density": (1, 1), "length": (9, 9), "width": (1, 1), "veil": (0, 0)}
    bright: dict[str, Any] = {"brightness": (0.5, 0.5)}
    covered = Rain(**look, **bright).fall_on(grey, np.random.default_rng(0))
    added = Rain(**look, **bright, added=1).fall_on(grey, np.random.default_rng(0))
    assert 0.7 < covered.min() <= covered.max() <= 0.85
    assert added.min() == added.max() == 1
    half = Rain(**look, **bright, added=0.5)
    white = [half.fall_on(grey, np.random.default_rng(seed)).min() == 1 for seed in range(200)]
    assert np.mean(white) == pytest.approx(0.5, abs=0.1)


def test_a_share_of_photos_has_rain_of_the_default_look() -> None:
    grey = np.full((48, 48, 3), 0.3, np.float32)
    rain = Rain(layers=1, density=(1, 1), brightness=(1, 1), veil=(0, 0), ordinary=0.25)
    fallen = [rain.fall_on(grey, np.random.default_rng(seed)).min() for seed in range(200)]
    assert np.mean([darkest < 0.5 for darkest in fallen]) == pytest.approx(0.25, abs=0.07)
    drawn = np.random.default_rng(3)
    drawn.random()  # what decides
    always = Rain(density=(1, 1), ordinary=1).fall_on(grey, np.random.default_rng(3))
    np.testing.assert_array_equal(always, Rain().fall_on(grey, drawn))


def test_hard_lines_are_alike_bright_thin_and_along_the_wind() -> None:
    rain = Rain(layers=1, density=(1, 1), length=(30, 30), brightness=(0.2, 0.8), gusts=0, hard=1)
    for seed in range(20):
        opacity = rain.lines(160, 160, 0.0, np.random.default_rng(seed))
        none, bright = np.unique(opacity)
        assert none == 0
        assert 0.5 <= bright <= 0.8
        assert 0.05 < (opacity > 0).mean() < 0.4
        assert np.count_nonzero(np.diff(opacity, axis=1)) > 5 * np.count_nonzero(np.diff(opacity, axis=0))
    assert [line_kernel(21, thickness, 0.0).any(axis=0).sum() for thickness in (1, 2)] == [1, 3]
    slanted = line_kernel(21, 1, 40.0)
    rows, columns = (axis - len(slanted) // 2 for axis in np.nonzero(slanted))
    assert np.degrees(np.arctan2(columns[-1] - columns[0], rows[-1] - rows[0])) == pytest.approx(40, abs=3)
    grey = np.full((48, 48, 3), 0.3, np.float32)
    some = replace(rain, hard=0.25, veil=(0, 0))
    looks = [len(np.unique(some.fall_on(grey, np.random.default_rng(seed)))) for seed in range(200)]
    assert np.mean([look == 2 for look in looks]) == pytest.approx(0.25, abs=0.07)


def test_a_layer_out_of_focus_keeps_its_light_and_loses_its_edge() -> None:
    kernel = streak_kernel(21, 0.7, 20.0)
    soft = blurred(kernel, 1.5)
    assert soft.sum() == pytest.approx(kernel.sum(), rel=0.01)
    assert soft.max() < 0.6 * kernel.max()
    assert soft.shape[0] % 2 == 1
    np.testing.assert_array_equal(blurred(kernel, 0.0), kernel)
    look: dict[str, Any] = {"layers": 1, "density": (0.002, 0.002), "length": (30, 30), "width": (0.8, 0.8)}
    sharp, dull = (Rain(**look, blur=blur).streaks(96, 96, 0.0, np.random.default_rng(0)) for blur in ((0, 0), (2, 2)))
    assert np.abs(np.diff(dull, axis=1)).mean() < 0.5 * np.abs(np.diff(sharp, axis=1)).mean()


def test_the_wide_recipe_is_the_demos_with_more_kinds_of_rain() -> None:
    demo, wide = (load_recipe(TrainConfig, "nerdrain_derain", name) for name in ("demo", "wide"))
    assert (wide.model, wide.loop, wide.schedule) == (demo.model, demo.loop, demo.schedule)
    for name in ("density", "length", "width", "brightness", "veil", "blur"):
        (low, high), (least, most) = getattr(demo.data.rain, name), getattr(wide.data.rain, name)
        assert least <= low <= high < most, name
    assert wide.data.rain.angle > demo.data.rain.angle
    rainy = wide.data.rain.fall_on(np.full((64, 64, 3), 0.3, np.float32), np.random.default_rng(1))
    assert np.isfinite(rainy).all()


@pytest.mark.parametrize("angle", [0.0, 30.0, -60.0])
def test_a_streak_lies_at_its_angle(angle: float) -> None:
    kernel = streak_kernel(21, 0.7, angle)
    assert kernel.shape[0] == kernel.shape[1]
    assert kernel.shape[0] % 2 == 1
    assert kernel.max() == 1
    y, x = np.mgrid[: len(kernel), : len(kernel)] - len(kernel) // 2
    moments = [[(kernel * a * b).sum() for b in (y, x)] for a in (y, x)]
    direction = np.linalg.eigh(moments)[1][:, 1]
    assert np.degrees(np.arctan2(direction[1] * np.sign(direction[0]), abs(direction[0]))) == pytest.approx(
        angle, abs=1
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"layers": 0}, "rain.layers is 0"),
        ({"density": (0.0, 0.1)}, "rain.density is 0.0 to 0.1"),
        ({"length": (20.0, 10.0)}, "the lower first"),
        ({"brightness": (0.5, 1.5)}, "both must lie in 0 to 1"),
        ({"blur": (-1.0, 1.0)}, "rain.blur is -1.0 to 1.0"),
        ({"dry": 1.5}, "rain.dry is 1.5; it must be from 0 to 1"),
        ({"veiled": -0.5}, "rain.veiled is -0.5"),
        ({"added": 1.1}, "rain.added is 1.1"),
        ({"hard": 2.0}, "rain.hard is 2.0"),
        ({"ordinary": -0.1}, "rain.ordinary is -0.1"),
        ({"gusts": float("nan")}, "rain.gusts is nan"),
        ({"angle": 120.0}, "rain.angle is 120.0; it must be from 0 to 90"),
    ],
)
def test_rain_that_cannot_fall_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        Rain(**changes)


def test_a_written_data_set_is_paired_and_repeatable(tmp_path: Path, make_photo: MakePhoto) -> None:
    photos = [tmp_path / "photos" / f"{n}.jpg" for n in range(2)]
    for n, path in enumerate(photos):
        write_image(path, Image(make_photo(32, 48, seed=n)))
    for out in ("a", "b"):
        write_pairs(photos, tmp_path / out, seed=3)
    write_pairs(photos, tmp_path / "c", seed=4)
    assert paired(tmp_path / "a") == [("0.png", "0.png"), ("1.png", "1.png")]
    a, b, c = ([read_image(p.rainy).pixels for p in find_pairs(tmp_path / out)] for out in "abc")
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)
    np.testing.assert_array_equal(read_image(tmp_path / "a/target/0.png").pixels, read_image(photos[0]).pixels)
    with pytest.raises(InputError, match="several photos are named 0"):
        write_pairs([photos[0], tmp_path / "0.png"], tmp_path / "d", seed=0)
