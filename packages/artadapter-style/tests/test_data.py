"""Captioned images in every layout, what is dropped of them, and what is kept on disk."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from artadapter_style.data.captions import own_folder
from artadapter_style.data.colours import ColourAugmentation, drawn_colours, recoloured
from artadapter_style.data.datasets import open_items
from artadapter_style.data.items import Item
from artadapter_style.data.preparation import Squares
from artadapter_style.data.synthetic import STYLES, THINGS, make_images
from artadapter_style.data.wikiart import without_names
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


def shard(path: Path, members: dict[str, bytes], how: str = "w") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, how) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


class TestOwnFolder:
    def test_captions_in_a_list(self, tmp_path: Path) -> None:
        items = open_items(make_images(tmp_path))
        assert len(items) == len(THINGS) * len(STYLES)
        assert (items[0].caption, items[0].style) == ("a drawing of a disc", "flat")
        assert items[0].pixels().shape == (64, 64, 3)
        assert open_items(tmp_path / "captions.csv") == items

    def test_captions_in_json_lines(self, tmp_path: Path) -> None:
        write_image(tmp_path / "a.png", Image(photo(0)))
        (tmp_path / "captions.jsonl").write_text(json.dumps({"file": "a.png", "caption": "a, b"}) + "\n")
        assert open_items(tmp_path) == [Item("a.png", tmp_path / "a.png", "a, b")]
        (tmp_path / "captions.jsonl").write_text('{"file": "a.png", "caption": 3}\n')
        with pytest.raises(InputError, match="line 1: caption should be text"):
            open_items(tmp_path)
        (tmp_path / "captions.jsonl").write_text('{"file": "a.png"}\n')
        with pytest.raises(InputError, match="line 1: should have file and caption"):
            open_items(tmp_path)

    def test_a_text_beside_each_image(self, tmp_path: Path) -> None:
        for name in ("a", "b"):
            write_image(tmp_path / "images" / f"{name}.png", Image(photo(0)))
        (tmp_path / "images" / "b.txt").write_text("a boat\non a river\n")
        assert [(item.name, item.caption) for item in open_items(tmp_path)] == [("images/b.png", "a boat on a river")]

    def test_no_captions(self, tmp_path: Path) -> None:
        write_image(tmp_path / "a.png", Image(photo(0)))
        with pytest.raises(InputError, match=r"no captions; they should stand in captions\.csv or captions\.jsonl"):
            own_folder(tmp_path)

    def test_captions_of_files_that_are_not_there(self, tmp_path: Path) -> None:
        write_image(tmp_path / "a.png", Image(photo(0)))
        (tmp_path / "captions.csv").write_text("file,caption\na.png,a cat\nb.png,a dog\n")
        with pytest.raises(InputError, match=r"captions\.csv, line 3: no such file: .*b\.png"):
            open_items(tmp_path)

    def test_what_is_no_data_set(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no such file or folder"):
            open_items(tmp_path / "none")
        write_image(tmp_path / "a.png", Image(photo(0)))
        with pytest.raises(InputError, match=r"should be a folder of images, a list of captions, or a \.tar shard"):
            open_items(tmp_path / "a.png")


class TestWikiArt:
    def lay_out(self, folder: Path) -> Path:
        name = "Impressionism/claude-monet_boats-1870.jpg"
        write_image(folder / "wikiart" / name, Image(photo(0)))
        write_image(folder / "wikiart" / "Cubism" / "juan-gris_fruit.jpg", Image(photo(1)))
        (folder / "style_train.csv").write_text(f"{name},12\n")
        (folder / "style_val.csv").write_text("Cubism/juan-gris_fruit.jpg,7\n")
        return folder

    def test_both_parts(self, tmp_path: Path) -> None:
        folder = self.lay_out(tmp_path)
        (boats,), (fruit,) = open_items(folder), open_items(folder, "val")
        assert (boats.style, boats.caption) == ("Impressionism", "a painting")
        assert (fruit.style, fruit.path) == ("Cubism", folder / "wikiart" / "Cubism" / "juan-gris_fruit.jpg")

    def test_captions_do_not_tell_of_style(self, tmp_path: Path) -> None:
        beside = self.lay_out(tmp_path) / "wikiart" / "Impressionism" / "claude-monet_boats-1870.txt"
        beside.write_text("An impressionism painting of boats, by Claude Monet\n")
        assert open_items(tmp_path)[0].caption == "An painting of boats"
        beside.write_text("Claude Monet")
        assert open_items(tmp_path)[0].caption == "a painting"
        assert without_names("a river in the style of Monet's, calm", ("claude-monet",)) == "a river, calm"
        assert without_names("a monetary union", ("claude-monet",)) == "a monetary union"

    def test_lists_that_are_wrong(self, tmp_path: Path) -> None:
        folder = self.lay_out(tmp_path)
        (folder / "style_val.csv").write_text("Cubism/none.jpg,7\n")
        with pytest.raises(InputError, match=r"style_val\.csv, line 1: no such file"):
            open_items(folder, "val")
        (folder / "style_val.csv").unlink()
        with pytest.raises(InputError, match=r"style_val\.csv: no such file; WikiArt has"):
            open_items(folder, "val")


class TestShards:
    def test_images_are_found_by_their_place(self, tmp_path: Path) -> None:
        first = {"__meta__.json": b"{}", "a.png": encoded(photo(0)), "a.txt": b"a\nboat", "b.png": encoded(photo(1))}
        about = json.dumps({"caption": "a river", "style": "blue"}).encode()
        shard(tmp_path / "0.tar", first)
        shard(tmp_path / "1.tar", {"c.json": about, "c.PNG": encoded(photo(2))})
        items = open_items(tmp_path)
        assert [(item.name, item.caption, item.style) for item in items] == [
            ("a.png", "a boat", ""),
            ("c.png", "a river", "blue"),
        ]
        for item, seed in zip(items, (0, 2), strict=True):
            assert np.array_equal(item.pixels(), photo(seed))
        assert open_items(str(tmp_path / "*.tar")) == items
        assert open_items(tmp_path / "1.tar") == items[1:]

    def test_nothing_of_use(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"0\.tar: there is nothing in them"):
            open_items(shard(tmp_path / "0.tar", {}))
        with pytest.raises(InputError, match="of 1 samples none has an image and a caption"):
            open_items(shard(tmp_path / "0.tar", {"a.png": encoded(photo(0))}))

    def test_shards_that_are_damaged_or_compressed(self, tmp_path: Path) -> None:
        members = {"a.png": encoded(photo(0)), "a.txt": b"a boat"}
        with pytest.raises(InputError, match="not an uncompressed tar file"):
            open_items(shard(tmp_path / "0.tar", members, "w:gz"))
        whole = shard(tmp_path / "0.tar", members)
        (item,) = open_items(whole)
        whole.write_bytes(whole.read_bytes()[:1000])
        with pytest.raises(InputError, match=r"the shard ends inside a\.png"):
            item.pixels()
        (broken,) = open_items(shard(tmp_path / "1.tar", {"a.jpg": b"no image", "a.txt": b"a boat"}))
        with pytest.raises(InputError, match=r"a\.jpg in it is no image"):
            broken.pixels()
        shard(tmp_path / "2.tar", {"a.png": encoded(photo(0)), "a.json": b"{"})
        with pytest.raises(InputError, match=r"a\.json is not JSON"):
            open_items(tmp_path / "2.tar")

    def test_without_the_library(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(__import__("sys").modules, "webdataset.tariterators", None)
        path = shard(tmp_path / "0.tar", {"a.png": encoded(photo(0)), "a.txt": b"a boat"})
        with pytest.raises(InputError, match=r'pip install "artadapter-style\[shards\]"'):
            open_items(path)


def test_images_are_upright_rgb_on_white(tmp_path: Path) -> None:
    turned = Pillow.new("RGB", (20, 10), "red")
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.jpg", exif=exif)
    assert Item("", tmp_path / "turned.jpg", "").pixels().shape == (20, 10, 3)
    Pillow.new("LA", (4, 4), (0, 0)).save(tmp_path / "clear.png")
    assert (Item("", tmp_path / "clear.png", "").pixels() == 255).all()
    in_shard = shard(tmp_path / "0.tar", {"a.png": (tmp_path / "clear.png").read_bytes(), "a.txt": b"x"})
    assert (open_items(in_shard)[0].pixels() == 255).all()


class TestSquares:
    def test_squares_stay_in_memory_as_long_as_there_is_room(self, tmp_path: Path) -> None:
        items = open_items(make_images(tmp_path))
        kept, read = Squares(items, 16, cache_mb=1), Squares(items, 16)
        first = [squares.middle(0) for squares in (kept, read)]
        assert first[0].shape == (3, 16, 16)
        assert first[0].dtype == torch.uint8
        assert torch.equal(kept.middle(0, mirror=True), first[1].flip(2))
        items[0].path.unlink()
        assert torch.equal(kept.middle(0), first[1])
        with pytest.raises(InputError, match="cannot be read"):
            read.middle(0)


class TestColours:
    def test_no_change_and_grey(self) -> None:
        images = torch.rand(2, 3, 4, 4)
        still = torch.stack([drawn_colours(ColourAugmentation(0, 0, 0), np.random.default_rng(0))] * 2)
        torch.testing.assert_close(recoloured(images, still), images, atol=1e-5, rtol=0)
        grey = torch.stack([drawn_colours(ColourAugmentation(0, 0, 1), np.random.default_rng(0))] * 2)
        found = recoloured(images, grey)
        torch.testing.assert_close(found[:, 0], found[:, 2])

    def test_hue_goes_around(self) -> None:
        red = torch.tensor([0.6, 0.3, 0.3]).view(1, 3, 1, 1)
        rng, how = np.random.default_rng(0), ColourAugmentation(0, 0.5, 0)
        strongest = [int(recoloured(red, drawn_colours(how, rng)[None]).flatten().argmax()) for _ in range(60)]
        assert {0, 1, 2} == set(strongest)

    def test_contrast_keeps_the_mean(self) -> None:
        images = 0.4 + 0.2 * torch.rand(1, 3, 8, 8).mean(dim=1, keepdim=True).expand(1, 3, 8, 8)
        change = torch.eye(3, 4)[None] * 0.5
        change[:, :, 3] = 0.5
        found = recoloured(images, change)
        torch.testing.assert_close(found.mean(), images.mean())
        torch.testing.assert_close(found.std(), images.std() / 2)

    @pytest.mark.parametrize(
        ("given", "told"), [({"strength": 2}, "strength is 2"), ({"hue": 0.6}, "hue is 0.6; it must be from 0 to 0.5")]
    )
    def test_fields_that_are_wrong(self, given: dict[str, float], told: str) -> None:
        with pytest.raises(InputError, match=told):
            ColourAugmentation(**given)
