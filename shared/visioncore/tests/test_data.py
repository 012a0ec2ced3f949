"""Data sets of images with captions: where images lie, which are dropped, and what is kept of them."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from visioncore.data.captions import captioned_folder, captioned_list
from visioncore.data.feature_cache import FeatureCache
from visioncore.data.filtering import filtered
from visioncore.data.hashing import duplicates, perceptual_hash
from visioncore.data.kept_features import KeptFeatures, Which, keep_features
from visioncore.data.looks import Looks
from visioncore.data.memory import Memory
from visioncore.data.squares import Crop, drawn_crop, square
from visioncore.data.stored_images import Span, StoredImage
from visioncore.errors import InputError
from visioncore.images import Image, write_image


def photo(seed: int, height: int = 40, width: int = 40) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A smooth random image."""
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 6, 3), np.uint8)
    return np.asarray(Pillow.fromarray(coarse).resize((width, height), Pillow.Resampling.BICUBIC))


def encoded(pixels: np.ndarray[Any, np.dtype[np.uint8]], kind: str = "png") -> bytes:
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, kind)
    return file.getvalue()


def test_captions_with_further_columns(tmp_path: Path) -> None:
    write_image(tmp_path / "images" / "a.png", Image(photo(0)))
    (tmp_path / "captions.csv").write_text("file,caption,words\na.png,a cat,cat\na.png,a dog\n")
    first, second = captioned_folder(tmp_path, ("words",))
    assert (first.path, first.caption, first.entries) == (tmp_path / "images" / "a.png", "a cat", {"words": "cat"})
    assert (second.entries, second.where) == ({}, f"{tmp_path / 'captions.csv'}, line 3")
    (tmp_path / "captions.csv").unlink()
    (tmp_path / "images" / "a.txt").write_text("a cat\nat sea\n")
    (beside,) = captioned_folder(tmp_path)
    assert (beside.caption, beside.where) == ("a cat at sea", str(tmp_path / "images" / "a.txt"))
    (tmp_path / "list.jsonl").write_text('{"file": "b.png", "caption": "a dog"}\n')
    with pytest.raises(InputError, match=r"list\.jsonl, line 1: no such file"):
        captioned_list(tmp_path / "list.jsonl")


def test_images_inside_of_other_files(tmp_path: Path) -> None:
    content = encoded(photo(0))
    (tmp_path / "many").write_bytes(b"before" + content + b"after")
    inside = StoredImage("a", tmp_path / "many", span=Span(6, len(content)))
    assert np.array_equal(inside.pixels(), photo(0))
    (tmp_path / "a.png").write_bytes(content)
    assert inside.digest() == StoredImage("", tmp_path / "a.png").digest()
    with pytest.raises(InputError, match="the shard ends inside a"):
        StoredImage("a", tmp_path / "many", span=Span(6, len(content) + 9)).pixels()


def test_what_is_dropped_is_counted(tmp_path: Path) -> None:
    for name, pixels in (("a", photo(0)), ("again", photo(0, 60, 60)), ("b", photo(1)), ("small", photo(2, 40, 30))):
        write_image(tmp_path / f"{name}.png", Image(pixels))
    (tmp_path / "broken.png").write_bytes((tmp_path / "b.png").read_bytes()[:100])
    names = ("a", "again", "broken", "small", "b")
    items = [StoredImage(name, tmp_path / f"{name}.png") for name in names]
    found = filtered(items, 36)
    assert [item.name for item in found.items] == ["a", "b"]
    assert found.small == ("small",)
    assert found.twice == ("again",)
    assert len(found.unreadable) == 1
    assert "broken.png" in found.lines(36)[0]
    assert found.lines(36)[1:] == [
        "1 images are below 36 pixels and are dropped; the first: small",
        "1 images are nearly equal to others and are dropped; the first: again",
    ]
    kept = filtered(items, 36, keep_duplicates=True)
    assert [item.name for item in kept.items] == ["a", "again", "b"]
    with pytest.raises(InputError, match="none of 5 images can be trained on: 1 images cannot be read"):
        filtered(items, 100)


def test_looks_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_image(tmp_path / "a.png", Image(photo(0)))
    item = StoredImage("a", tmp_path / "a.png")
    look = Looks(tmp_path / "looks.jsonl")(item)
    assert look.side == 40
    monkeypatch.setattr(StoredImage, "pixels", None)
    assert Looks(tmp_path / "looks.jsonl")(item) == look


def test_hashes_of_what_is_nearly_equal() -> None:
    plain = perceptual_hash(photo(0, 64, 64))
    brighter = (photo(0, 64, 64).astype(int) + 10).clip(0, 255).astype(np.uint8)
    jpeg = np.asarray(Pillow.open(io.BytesIO(encoded(photo(0, 64, 64), "jpeg"))))
    for changed in (photo(0, 100, 100), brighter, jpeg):
        assert (perceptual_hash(changed) ^ plain).bit_count() <= 3
    for seed in range(1, 20):
        assert (perceptual_hash(photo(seed, 64, 64)) ^ plain).bit_count() > 10


def test_duplicates_are_those_of_all_pairs() -> None:
    rng = np.random.default_rng(0)
    hashes = [int(value) for value in rng.integers(0, 2**63, 40)]
    for index in range(20):
        flips = rng.choice(64, size=index % 6, replace=False)
        hashes.append(hashes[index] ^ sum(1 << int(bit) for bit in flips))
    kept: list[int] = []
    for index, value in enumerate(hashes):
        if all((hashes[other] ^ value).bit_count() > 3 for other in kept):
            kept.append(index)
    found = duplicates(hashes, 3)
    assert sorted(found) == [index for index in range(60) if index not in kept]
    assert all((hashes[index] ^ hashes[other]).bit_count() <= 3 for index, other in found.items())


class TestSquares:
    def test_the_middle(self) -> None:
        pixels = photo(0, 40, 60)
        assert np.array_equal(square(pixels[:, 10:50], 40, Crop()), square(pixels, 40, Crop()))
        assert np.array_equal(square(pixels, 40, Crop(mirror=True)), square(pixels, 40, Crop())[:, ::-1])
        assert np.array_equal(square(pixels, 40, Crop(across=0)), pixels[:, :40])
        assert square(pixels, 16, Crop(scale=1.2, down=1)).shape == (16, 16, 3)

    def test_crops_are_drawn_from_the_generator(self) -> None:
        one, again, other = (drawn_crop(np.random.default_rng(seed), 0.5) for seed in (1, 1, 2))
        assert one == again != other
        crops = [drawn_crop(np.random.default_rng(seed), 0.5) for seed in range(100)]
        assert 30 < sum(crop.mirror for crop in crops) < 70
        assert 1 <= min(crop.scale for crop in crops) < max(crop.scale for crop in crops) <= 1.25

    def test_what_is_transparent_does_not_leak(self) -> None:
        layer = np.zeros((40, 40, 4), np.uint8)
        layer[..., :3] = (0, 255, 0)
        layer[10:30, 10:30] = (200, 100, 50, 255)
        small = square(layer, 20, Crop())
        assert (small[..., 3] > 0).sum() <= 12**2
        # of little alpha, eight bits hold little of a colour
        assert (abs(small[..., :3].astype(int) - (200, 100, 50))[small[..., 3] > 64] <= 4).all()


def test_features_are_kept_by_content(tmp_path: Path) -> None:
    first = tmp_path / "first.png"
    write_image(first, Image(photo(0)))
    moved = tmp_path / "moved.png"
    moved.write_bytes(first.read_bytes())
    key = StoredImage("", first).digest()
    assert StoredImage("", moved).digest() == key
    write_image(moved, Image(photo(1)))
    assert StoredImage("", moved).digest() != key
    cache = FeatureCache(tmp_path / "cache", {"vae": "a", "side": 64})
    assert not cache.has(key)
    cache.save(key, {"mean": torch.arange(4.0)})
    again = FeatureCache(tmp_path / "cache", {"side": 64, "vae": "a"})
    assert torch.equal(again.load(key)["mean"], torch.arange(4.0))
    assert not FeatureCache(tmp_path / "cache", {"vae": "b", "side": 64}).has(key)
    again.path(key).write_bytes(b"damaged")
    with pytest.raises(InputError, match="the file is damaged"):
        again.load(key)


def test_features_are_made_once_and_shared_out(tmp_path: Path) -> None:
    features, made = KeptFeatures(FeatureCache(tmp_path, {}), ["a", "b", "a", "c"]), list[Which]()

    def encode(part: Sequence[Which]) -> Mapping[str, torch.Tensor]:
        made.extend(part)
        return {"place": torch.tensor([[float(index), mirror] for index, mirror in part])}

    for process in (0, 1):
        keep_features(features, 4, encode, (False, True), process=process, processes=2)
    assert len(made) == 6
    assert sorted({features.digests[index] for index, _ in made}) == ["a", "b", "c"]
    assert features(3, mirror=True)["place"].tolist() == [3.0, 1.0]
    keep_features(features, 4, encode, (False, True))
    assert len(made) == 6


def test_memory_has_an_end() -> None:
    made, memory = list[str](), Memory[bytes](1, len)

    def make(key: str, size: int) -> bytes:
        made.append(key)
        return bytes(size)

    for _ in range(2):
        for key, size in (("a", 2**19), ("b", 2**20), ("c", 2**18)):
            assert len(memory(key, partial(make, key, size))) == size
    assert made == ["a", "b", "c", "b"]
