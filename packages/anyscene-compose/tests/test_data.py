"""Scenes with foregrounds in every layout, the regions of annotations, and what samples are made of."""

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

from anyscene_compose.data.composites import composite, crop
from anyscene_compose.data.datasets import open_items
from anyscene_compose.data.items import Item
from anyscene_compose.data.looks import Look, LookAugmentation, drawn_look, relit
from anyscene_compose.data.preparation import Squares
from anyscene_compose.data.regions import polygon_mask, run_mask
from anyscene_compose.data.samples import Drawing, SceneSamples
from anyscene_compose.data.synthetic import GROUNDS, THINGS, make_scenes
from visioncore.data.filtering import filtered
from visioncore.data.squares import Crop
from visioncore.errors import InputError

Pixels = np.ndarray[Any, np.dtype[np.uint8]]


def scene(height: int = 24, width: int = 32) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def a_mask(height: int = 24, width: int = 32, left: int = 4) -> Pixels:
    mask = np.zeros((height, width), np.uint8)
    mask[6:18, left : left + 10] = 255
    return mask


def save(path: Path, pixels: Pixels) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(pixels).save(path)
    return path


def with_caption(folder: Path, caption: str = "a mug on a table") -> Path:
    """A folder with one scene and its caption."""
    save(folder / "a.png", scene())
    (folder / "a.txt").write_text(caption)
    return folder


class TestFolder:
    @pytest.mark.parametrize("place", ["a.mask.png", "masks/a.png", "masks/a/1.png"])
    def test_a_mask_takes_colours_from_the_scene(self, tmp_path: Path, place: str) -> None:
        save(with_caption(tmp_path) / place, a_mask())
        (item,) = open_items(tmp_path)
        layers = item.layers()
        assert np.array_equal(layers.scene, scene())
        assert np.array_equal(layers.elements[0], np.dstack((scene(), a_mask())))
        assert item.captions == ("a mug on a table",)

    def test_a_cut_out_has_colours_of_its_own(self, tmp_path: Path) -> None:
        own = np.dstack((255 - scene(), a_mask()))
        save(with_caption(tmp_path) / "foregrounds" / "a.png", own)
        layers = open_items(tmp_path)[0].layers()
        assert np.array_equal(layers.elements[0], own)
        assert np.array_equal(layers.scene, scene())

    def test_alpha_of_the_scene_itself(self, tmp_path: Path) -> None:
        save(with_caption(tmp_path) / "a.png", np.dstack((scene(), a_mask())))
        layers = open_items(tmp_path)[0].layers()
        assert np.array_equal(layers.scene, scene())
        assert np.array_equal(layers.elements[0][..., 3], a_mask())

    def test_several_elements_and_their_words(self, tmp_path: Path) -> None:
        save(tmp_path / "images" / "b" / "a.png", scene())
        for number, left in ((2, 4), (10, 16)):
            save(tmp_path / "masks" / "b" / "a" / f"{number}.png", a_mask(left=left))
        about = {"file": "b/a.png", "caption": "A mug  and a spoon", "foreground": "mug, spoon"}
        (tmp_path / "captions.jsonl").write_text(json.dumps(about) + "\n")
        (item,) = open_items(tmp_path)
        assert [part.words for part in item.parts] == [("mug",), ("spoon",)]
        alphas = item.layers().elements[..., 3]
        assert np.array_equal(alphas, np.stack([a_mask(left=4), a_mask(left=16)]))
        about["foreground"] = "mug"
        (tmp_path / "captions.jsonl").write_text(json.dumps(about) + "\n")
        assert [part.words for part in open_items(tmp_path / "captions.jsonl")[0].parts] == [("mug",), ("mug",)]

    def test_a_csv(self, tmp_path: Path) -> None:
        save(with_caption(tmp_path) / "masks" / "a.png", a_mask())
        (tmp_path / "captions.csv").write_text('file,caption,foreground\na.png,a mug and a spoon,"mug, spoon"\n')
        assert open_items(tmp_path)[0].parts[0].words == ("mug", "spoon")

    def test_the_name_of_its_contents(self, tmp_path: Path) -> None:
        save(with_caption(tmp_path) / "masks" / "a.png", a_mask())
        before = open_items(tmp_path)[0].digest()
        save(tmp_path / "masks" / "a.png", a_mask(left=5))
        assert open_items(tmp_path)[0].digest() != before

    @pytest.mark.parametrize(
        ("mask", "told"),
        [
            (np.zeros((24, 32), np.uint8), r"a\.png: the mask of the foreground is empty; white, or opaque, should be"),
            (np.full((24, 32), 255, np.uint8), r"a\.png: the foreground covers everything; there should be a scene"),
            (a_mask(32, 24), r"masks.a\.png: 24 x 32 pixels; its scene has 32 x 24, and both should have the same"),
            (scene(), r"masks.a\.png: a mask in colours; it should be grey"),
            (a_mask(24, 32) // 255, r"masks.a\.png: the mask is at most 1 of 255; multiply it by that"),
        ],
    )
    def test_masks_that_will_not_do(self, tmp_path: Path, mask: Pixels, told: str) -> None:
        save(with_caption(tmp_path) / "masks" / "a.png", mask)
        (item,) = open_items(tmp_path)
        with pytest.raises(InputError, match=told) as raised:
            item.layers()
        assert "\n" not in str(raised.value)
        with pytest.raises(InputError, match="none of 1 images can be trained on: 1 images cannot be read"):
            filtered([item], 8)

    def test_no_foreground_at_all(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"a\.png: no foreground; there should be a grey mask, masks/NAME\.png"):
            open_items(with_caption(tmp_path))[0].layers()
        save(tmp_path / "foregrounds" / "a.png", scene())
        with pytest.raises(InputError, match=r"foregrounds.a\.png: has no alpha"):
            open_items(tmp_path)[0].layers()

    def test_captions_without_the_words(self, tmp_path: Path) -> None:
        save(with_caption(tmp_path) / "masks" / "a.png", a_mask())
        (tmp_path / "captions.csv").write_text("file,caption,foreground\na.png,a cup on a table,mug\n")
        with pytest.raises(InputError, match=r"captions\.csv, line 2: the caption lacks mug, which should name"):
            open_items(tmp_path)
        (tmp_path / "captions.csv").write_text("file,caption\nb.png,a cup\n")
        with pytest.raises(InputError, match=r"captions\.csv, line 2: no such file"):
            open_items(tmp_path)

    def test_what_is_no_data_set(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no such file or folder"):
            open_items(tmp_path / "none")
        path = save(tmp_path / "a.png", scene())
        with pytest.raises(InputError, match=r"no captions; they should stand in .*\(file, caption, foreground\)"):
            open_items(tmp_path)
        with pytest.raises(InputError, match="should be a folder of images, a list of captions, annotations of COCO"):
            open_items(path)


RUNS = "S5R16000000UO4:LF4:LF4:LF4:La000000000000000]<"
"""A rectangle of 34 x 16 pixels with a hole, in an image of 30 x 40, as the reference library packs it."""


class TestRegions:
    def test_runs_packed_as_text(self) -> None:
        expected = np.zeros((40, 30), bool)
        expected[3:37, 4:20] = True
        expected[10:20, 8:12] = False
        assert np.array_equal(run_mask(RUNS, 40, 30), expected)
        small = np.zeros((5, 7), bool)
        small[1:4, 2:5] = True
        small[0, 6] = True
        assert np.array_equal(run_mask(";320004NN", 5, 7), small)

    def test_runs_as_numbers_go_down_the_columns(self) -> None:
        assert np.array_equal(run_mask([1, 2, 3], 3, 2), [[0, 0], [1, 0], [1, 0]])

    @pytest.mark.parametrize("counts", ["~", "S5", "S", [1, 2], [1.5, 4.5], [-1, 7], [[6]], "", "o" * 40])
    def test_runs_that_are_wrong(self, counts: Any) -> None:
        with pytest.raises(InputError, match="runs"):
            run_mask(counts, 3, 2)

    def test_polygons_take_pixels_by_their_centres(self) -> None:
        expected = np.zeros((5, 7), bool)
        expected[1:4, 2:5] = True
        assert np.array_equal(polygon_mask([[2, 1, 5, 1, 5, 4, 2, 4]], 5, 7), expected)
        assert np.array_equal(polygon_mask([[2.4, 1.4, 5.4, 1.4, 5.4, 4.4, 2.4, 4.4]], 5, 7), expected)
        # the same the other way round, and together with one that reaches beyond the image
        expected[4:, 5:] = True
        assert np.array_equal(polygon_mask([[2, 4, 5, 4, 5, 1, 2, 1], [5, 4, 9, 4, 9, 9, 5, 9]], 5, 7), expected)

    def test_a_triangle(self) -> None:
        found = polygon_mask([[0, 0, 4, 0, 0, 4]], 4, 4)
        # centres on the slope are outside
        assert np.array_equal(found, [[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])

    def test_area_of_a_circle(self) -> None:
        angles = np.linspace(0, 2 * np.pi, 400, endpoint=False)
        corners = np.stack((50 + 30 * np.cos(angles), 45 + 30 * np.sin(angles)), axis=1).flatten()
        assert polygon_mask([corners.tolist()], 100, 100).sum() == pytest.approx(np.pi * 900, rel=0.005)

    @pytest.mark.parametrize("polygon", [[0, 0, 1, 1], [0, 0, 1, 1, 2], [0, 0, 1, 1, float("nan"), 2], [[0, 0, 1]]])
    def test_polygons_that_are_wrong(self, polygon: Any) -> None:
        with pytest.raises(InputError, match="at least three corners"):
            polygon_mask([polygon], 4, 4)


class TestCoco:
    def lay_out(self, folder: Path, **changes: Any) -> Path:
        save(folder / "train2017" / "1.jpg", scene(40, 30))
        annotations = [
            {"image_id": 1, "category_id": 7, "iscrowd": 0, "segmentation": [[2, 1, 5, 1, 5, 4, 2, 4]]},
            {"image_id": 1, "category_id": 8, "segmentation": {"counts": RUNS, "size": [40, 30]}},
            {"image_id": 1, "category_id": 7, "iscrowd": 1, "segmentation": {"counts": [1200], "size": [40, 30]}},
        ]
        images = [{"id": 1, "file_name": "1.jpg", "height": 40, "width": 30}]
        categories = [{"id": 7, "name": "dog"}, {"id": 8, "name": "sports ball"}]
        instances = {"images": images, "annotations": annotations, "categories": categories, **changes}
        captions = [{"image_id": 1, "caption": text} for text in ("Two Dogs\n and a cat.", "a dog has a sports ball")]
        (folder / "annotations").mkdir(exist_ok=True)
        (folder / "annotations" / "instances_train2017.json").write_text(json.dumps(instances))
        (folder / "annotations" / "captions_train2017.json").write_text(json.dumps({"annotations": captions}))
        return folder

    def test_instances_and_captions(self, tmp_path: Path) -> None:
        (item,) = open_items(self.lay_out(tmp_path))
        assert item.captions == ("Two Dogs and a cat.", "a dog has a sports ball")
        assert [part.words for part in item.parts] == [("Dogs", "dog"), ("sports ball",)]
        alphas = item.layers().elements[..., 3]
        assert [int((alpha == 255).sum()) for alpha in alphas] == [9, 504]
        assert open_items(tmp_path / "annotations" / "instances_train2017.json") == [item]

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"annotations": {}}, "should have a list of annotations"),
            ({"annotations": [{"image_id": 1}]}, "entry 1 should have category_id"),
            ({"annotations": [{"image_id": 1, "category_id": 3}]}, "annotation 1 is of category 3, which is not there"),
            ({"annotations": [{"image_id": 1, "category_id": 7}]}, "annotation 1 has no segmentation"),
            ({"annotations": []}, "none of its images has both instances and captions"),
            ({"images": [{"id": 1, "file_name": "1.jpg"}]}, "entry 1 should have height"),
        ],
    )
    def test_annotations_that_are_wrong(self, tmp_path: Path, changes: dict[str, Any], told: str) -> None:
        with pytest.raises(InputError, match=told):
            open_items(self.lay_out(tmp_path, **changes))

    @pytest.mark.parametrize("shape", [{"counts": [1], "size": [40, 30]}, [[1, 2]], 3, [3], [["a"] * 6]])
    def test_segmentations_that_are_wrong(self, tmp_path: Path, shape: Any) -> None:
        annotations = [{"image_id": 1, "category_id": 7, "segmentation": shape}]
        (item,) = open_items(self.lay_out(tmp_path, annotations=annotations))
        with pytest.raises(InputError, match=r"instances_train2017\.json: annotation 1: ") as raised:
            item.layers()
        assert "\n" not in str(raised.value)

    def test_files_that_are_missing(self, tmp_path: Path) -> None:
        folder = self.lay_out(tmp_path)
        with pytest.raises(InputError, match=r"no instances_val\*\.json in it"):
            open_items(folder, "val")
        save(folder / "train2017" / "1.jpg", scene(30, 40))
        with pytest.raises(InputError, match="is of an image of 30 x 40 pixels; the file has 40 x 30"):
            open_items(folder)[0].layers()
        (folder / "annotations" / "captions_train2017.json").write_text("[")
        with pytest.raises(InputError, match=r"captions_train2017\.json: not JSON"):
            open_items(folder)
        (folder / "annotations" / "captions_train2017.json").unlink()
        with pytest.raises(InputError, match=r"captions_train2017\.json: cannot be read"):
            open_items(folder)


def encoded(pixels: Pixels) -> bytes:
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, "png")
    return file.getvalue()


def test_shards(tmp_path: Path) -> None:
    about = json.dumps({"caption": "a mug", "foreground": "mug"}).encode()
    members = {
        "a.png": encoded(scene()),
        "a.mask.png": encoded(a_mask()),
        "a.json": about,
        "b.png": encoded(scene()),
        "b.foreground.png": encoded(np.dstack((255 - scene(), a_mask()))),
        "b.txt": b"a cup",
        "c.png": encoded(scene()),
    }
    with tarfile.open(tmp_path / "0.tar", "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    first, second = open_items(tmp_path)
    assert (first.captions, first.parts[0].words) == (("a mug",), ("mug",))
    assert np.array_equal(first.layers().elements[0], np.dstack((scene(), a_mask())))
    assert np.array_equal(second.layers().elements[0][..., :3], 255 - scene())
    assert open_items(str(tmp_path / "*.tar")) == open_items(tmp_path / "0.tar") == [first, second]


class TestLooks:
    def test_brightness_contrast_and_temperature(self) -> None:
        layer = np.random.default_rng(0).uniform(0.2, 0.5, (8, 8, 4)).astype(np.float32)
        assert np.array_equal(relit(layer, Look()), layer)
        np.testing.assert_allclose(relit(layer, Look(brightness=1.5))[..., :3], 1.5 * layer[..., :3], rtol=1e-5)
        warm = relit(layer, Look(temperature=1.2))
        np.testing.assert_allclose(warm[..., 0], 1.2 * layer[..., 0], rtol=1e-5)
        np.testing.assert_allclose(warm[..., 1], layer[..., 1], rtol=1e-5)
        np.testing.assert_allclose(warm[..., 2], layer[..., 2] / 1.2, rtol=1e-5)
        weights = layer[..., 3]
        mean = (layer[..., :3] * weights[..., None]).sum(axis=(0, 1)) / weights.sum()
        flat = relit(layer, Look(contrast=0.5))
        np.testing.assert_allclose(flat[..., :3] - mean, 0.5 * (layer[..., :3] - mean), atol=1e-6)
        for changed in (warm, flat, relit(layer, Look(9, 9, 9))):
            assert np.array_equal(changed[..., 3], weights)
            assert 0 <= changed.min() <= changed.max() <= 1

    def test_they_are_drawn_within_their_bounds(self) -> None:
        looks = [drawn_look(LookAugmentation(0.3, 0.2, 0.1), np.random.default_rng(seed)) for seed in range(200)]
        for name, most in (("brightness", 0.3), ("contrast", 0.2), ("temperature", 0.1)):
            away = np.array([abs(getattr(look, name) - 1) for look in looks])
            assert 0.8 * most < away.max() <= most
        with pytest.raises(InputError, match=r"looks\.contrast is 1; it must be from 0 to below 1"):
            LookAugmentation(contrast=1)


class TestComposites:
    def test_elements_over_each_other(self) -> None:
        behind, front = np.zeros((2, 4, 4, 4), np.float32)
        behind[:, :3] = (1, 0, 0, 1)
        front[1:] = (0, 0, 1, 0.5)
        layer, masks = composite(np.stack((behind, front)))
        np.testing.assert_allclose(layer[0, 0], (1, 0, 0, 1))
        np.testing.assert_allclose(layer[1, 0], (0.5, 0, 0.5, 1))
        np.testing.assert_allclose(layer[1, 3], (0, 0, 1, 0.5))
        np.testing.assert_allclose(layer[0, 3], 0)
        np.testing.assert_allclose(masks[:, 1, 0], (0.5, 0.5))
        np.testing.assert_allclose(masks[:, 0, 0], (1, 0))

    def test_crops_are_what_shows_unstretched(self) -> None:
        layer = np.zeros((20, 30, 4), np.float32)
        layer[4:8, 10:22] = (0.8, 0.4, 0.2, 1)
        found = crop(layer, 12)
        expected = torch.zeros(4, 12, 12, dtype=torch.uint8)
        expected[:, 4:8] = torch.tensor([204, 102, 51, 255], dtype=torch.uint8)[:, None, None]
        assert torch.equal(found, expected)
        assert crop(layer, 6).shape == (4, 6, 6)
        assert not crop(np.zeros((4, 4, 4), np.float32), 6).any()


class FixedTexts:
    """Texts as samples ask for them: no network."""

    def __call__(self, caption: str) -> dict[str, torch.Tensor]:
        return {"text": torch.full((5, 2), float(len(caption)))}

    def named(self, caption: str, words: list[tuple[str, ...]]) -> torch.Tensor:
        said = [*caption.split(), *[""] * 5][:5]
        return torch.tensor([[word in each for word in said] for each in words])


def samples(folder: Path, **how: Any) -> SceneSamples:
    """Samples of made-up scenes of 32 pixels, whose latents have an eighth of that."""
    items = open_items(make_scenes(folder, 40))
    return SceneSamples(Squares(items, 32), FixedTexts(), Drawing((4, 4, 4), 32, **how), range(len(items)))  # type: ignore[arg-type]


def draw(source: SceneSamples, index: int = 0, seed: int = 0) -> dict[str, torch.Tensor]:
    return source.sample(index, np.random.default_rng(seed))


class TestSamples:
    def test_made_up_scenes(self, tmp_path: Path) -> None:
        items = open_items(make_scenes(tmp_path))
        assert len(items) == len(THINGS) * len(GROUNDS)
        assert items[0].captions == ("a disc before a light ground",)
        assert items[0].parts[0].words == ("disc",)

    def test_the_generator_decides_the_sample(self, tmp_path: Path) -> None:
        source = samples(tmp_path, flip=0.5, text=0.2, foreground=0.2)
        first, again, other = (draw(source, 1, seed) for seed in (1, 1, 2))
        assert first.keys() == other.keys()
        assert all(torch.equal(first[name], again[name]) for name in first)
        assert not torch.equal(first["noise"], other["noise"])

    def test_a_sample(self, tmp_path: Path) -> None:
        found = draw(samples(tmp_path, elements=2))
        assert found["scene"].shape == (3, 32, 32)
        assert found["condition"].shape == (5, 32, 32)
        assert found["crops"].shape == (2, 4, 32, 32)
        assert found["masks"].shape == (2, 4, 4)
        assert found["masks"][0].any()
        assert not found["masks"][1].any()
        assert found["named"].tolist() == [[False, True, False, False, False], [False] * 5]
        inside = found["condition"][3].float()[None, None] / 255
        expected = 1 - 0.9 * torch.nn.functional.avg_pool2d(inside, 8)[0]
        torch.testing.assert_close(found["weights"], expected, atol=2e-3, rtol=0)
        assert found["weights"].min() < 0.2

    def test_shares_of_what_is_dropped(self, tmp_path: Path) -> None:
        source = samples(tmp_path, text=0.2, foreground=0.3, both=0.1)
        drawn = [draw(source, 0, seed) for seed in range(300)]
        text = np.array([float(each["text"][0, 0]) == 0 for each in drawn])
        foreground = np.array([not each["semantic"] for each in drawn])
        assert text.mean() == pytest.approx(0.3, abs=0.08)
        assert foreground.mean() == pytest.approx(0.4, abs=0.08)
        assert (text & foreground).mean() == pytest.approx(0.1, abs=0.06)
        assert not any(each["named"].any() for each, dropped in zip(drawn, text, strict=True) if dropped)

    def test_another_light_falls_on_the_foreground_alone(self, tmp_path: Path) -> None:
        plain, bright = (
            draw(samples(tmp_path, looks=LookAugmentation(*looks))) for looks in ((0, 0, 0), (0.5, 0.5, 0.5))
        )
        assert torch.equal(plain["scene"], bright["scene"])
        assert torch.equal(plain["condition"][3], bright["condition"][3])
        assert torch.equal(plain["crops"][:, 3], bright["crops"][:, 3])
        apart = (plain["condition"][:3].int() - bright["condition"][:3].int()).abs().amax(dim=0)
        assert (apart[plain["condition"][3] == 0] == 0).all()
        assert (apart[plain["condition"][3] == 255] > 8).float().mean() > 0.5
        # and without a change it is the scene
        inside = (plain["condition"][3] == 255).expand(3, -1, -1)
        assert (plain["condition"][:3].int() - plain["scene"].int())[inside].abs().float().mean() < 4

    def test_mirrored_scenes(self, tmp_path: Path) -> None:
        squares = samples(tmp_path).squares
        plain, mirrored = squares.middle(0), squares.middle(0, mirror=True)
        assert np.array_equal(plain.scene[:, ::-1], mirrored.scene)
        assert np.array_equal(plain.elements[:, :, ::-1], mirrored.elements)
        cropped = squares.cropped(0, Crop(scale=1.2, across=0.5, down=1))
        assert cropped.sizes == (40, 40, 6, 3, 32, 32)

    def test_a_random_number_of_elements_in_their_order(self, tmp_path: Path) -> None:
        save(with_caption(tmp_path, "b c d a e") / "a.png", scene(40, 40))
        for number, left in enumerate((2, 14, 28)):
            save(tmp_path / "masks" / "a" / f"{number}.png", a_mask(40, 40, left))
        items = open_items(tmp_path)
        source = SceneSamples(Squares(items, 40), FixedTexts(), Drawing((4, 5, 5), 8, elements=2), [0])  # type: ignore[arg-type]
        counts = [int(draw(source, 0, seed)["masks"].flatten(1).any(dim=1).sum()) for seed in range(60)]
        assert set(counts) == {1, 2}
        shown = source.squares.middle(0)
        chosen = {tuple(source._chosen(shown, np.random.default_rng(seed))) for seed in range(80)}
        assert chosen == {(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)}
        # the areas are 0.075 each
        few = SceneSamples(source.squares, source.texts, Drawing((4, 5, 5), 8, area=(0.01, 0.1)), [0])
        assert all(len(few._chosen(shown, np.random.default_rng(seed))) == 1 for seed in range(20))
        none = SceneSamples(source.squares, source.texts, Drawing((4, 5, 5), 8, area=(0.2, 0.9)), [0])
        assert none._chosen(shown, np.random.default_rng(0)) == [int(shown.areas.argmax())]

    def test_one_of_several_captions(self, tmp_path: Path) -> None:
        source = samples(tmp_path)
        item = source.squares.items[0]
        told = Item(item.name, item.path, ("a disc", "one disc on a ground"), item.parts)
        either = SceneSamples(Squares([told], 32), source.texts, source.how, [0])
        lengths = {float(draw(either, 0, seed)["text"][0, 0]) for seed in range(12)}
        assert lengths == {float(len(caption)) for caption in told.captions}

    def test_words_that_mean_something_else_in_sight_too_name_nothing(self, tmp_path: Path) -> None:
        source = samples(tmp_path)
        item = source.squares.items[0]
        twins = Item(item.name, item.path, item.captions, (*item.parts, *item.parts))
        both = SceneSamples(Squares([twins], 32), source.texts, source.how, [0])
        shown = both.squares.middle(0)
        assert both._words(0, shown, [0, 1]) == [("disc",), ("disc",)]
        assert both._words(0, shown, [0]) == [()]
