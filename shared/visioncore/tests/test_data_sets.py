"""Data sets as a whole: what is trained on and what is validated on, and where shards are looked for."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from visioncore.data.looks import Looks
from visioncore.data.shards import ShardSample, find_shards, from_shards
from visioncore.data.splits import Split, split
from visioncore.data.stored_images import StoredImage
from visioncore.errors import InputError
from visioncore.images import Image, write_image


def stored(folder: Path, name: str, seed: int, side: int = 40) -> StoredImage:
    """A smooth random image in a file."""
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 6, 3), np.uint8)
    pixels = np.asarray(Pillow.fromarray(coarse).resize((side, side), Pillow.Resampling.BICUBIC))
    write_image(folder / f"{name}.png", Image(pixels))
    return StoredImage(name, folder / f"{name}.png")


def names(kept: Split[StoredImage]) -> list[str]:
    return [item.name for item in kept.items]


class TestSplits:
    @pytest.fixture
    def images(self, tmp_path: Path) -> list[StoredImage]:
        return [stored(tmp_path, f"{seed}", seed) for seed in range(6)]

    def test_images_of_both_sides(self, images: list[StoredImage]) -> None:
        kept = split(images[:4], images[4:], 8, Looks(), keep_duplicates=False, say=pytest.fail)
        assert names(kept) == list("012345")
        assert kept.digests == tuple(image.digest() for image in images)
        assert kept.parts(0.5, seed=0, where="images") == ([0, 1, 2, 3], [4, 5])

    def test_some_are_held_out_where_none_are_given(self, images: list[StoredImage]) -> None:
        kept = split(images, (), 8, Looks(), keep_duplicates=False, say=pytest.fail)
        inside, outside = kept.parts(0.34, seed=0, where="images")
        assert sorted(inside + outside) == list(range(6))
        assert len(outside) == 2
        with pytest.raises(InputError, match=r"photos, 6 in all: 6 would be held out"):
            kept.parts(1.0, seed=0, where="photos")

    def test_nothing_that_was_trained_on_is_validated_on(self, images: list[StoredImage], tmp_path: Path) -> None:
        again = stored(tmp_path, "larger", 1, side=60)
        told: list[str] = []
        kept = split(images[:4], [again, images[4]], 8, Looks(), keep_duplicates=False, say=told.append)
        assert names(kept) == list("01234")
        assert kept.digests[-1] == images[4].digest()
        assert told == [
            "1 of 2 images to validate on are nearly equal to images to train on and are dropped; the first: larger"
        ]
        assert len(split(images[:4], [again], 8, Looks(), keep_duplicates=True, say=pytest.fail).items) == 5
        with pytest.raises(InputError, match=r"1 of 1 images to validate on are nearly equal to .*; take others"):
            split(images[:4], [again], 8, Looks(), keep_duplicates=False, say=told.append)

    def test_what_is_dropped_is_told_for_each_side(self, images: list[StoredImage], tmp_path: Path) -> None:
        small = stored(tmp_path, "small", 9, side=6)
        told: list[str] = []
        split([*images[:2], small], [small, images[3]], 8, Looks(), keep_duplicates=False, say=told.append)
        assert told == ["1 images are below 8 pixels and are dropped; the first: small"] * 2


class TestShards:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        for name in ("cats-10.tar", "cats-9.tar"):
            with tarfile.open(tmp_path / name, "w") as archive:
                for key, content in (("a.PNG", b"image"), ("a.txt", b" a  cat\n"), ("b.txt", b"alone")):
                    entry = tarfile.TarInfo(key)
                    entry.size = len(content)
                    archive.addfile(entry, io.BytesIO(content))
        (tmp_path / "notes.txt").write_text("")
        return tmp_path

    def test_where_they_are_looked_for(self, folder: Path) -> None:
        both = [folder / "cats-9.tar", folder / "cats-10.tar"]
        assert find_shards(folder) == find_shards(folder / "cats-*.tar") == both
        assert find_shards(folder / "cats-9.tar") == both[:1]
        assert find_shards(folder / "notes.txt") == []
        with pytest.raises(InputError, match=r"dogs-\*\.tar: no such file or folder"):
            find_shards(folder / "dogs-*.tar")

    def test_samples_of_them(self, folder: Path) -> None:
        def make(sample: ShardSample) -> Any:
            suffix = sample.image_suffix()
            return suffix and (sample.path.name, sample.key, suffix, sample.about())

        found = from_shards(find_shards(folder), make, "package[shards]")
        assert found == [(name, "a", "png", {"caption": "a cat"}) for name in ("cats-9.tar", "cats-10.tar")]
        with pytest.raises(InputError, match=r"cats-9.tar and 1 more shards: of 4 samples none has an image and"):
            from_shards(find_shards(folder), lambda sample: None, "package[shards]")
