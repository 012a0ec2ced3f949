"""Files that become cut-outs and scenes: masks, Segment Anything, matting, layouts, and blending alone."""

from __future__ import annotations

import json
import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cutouts_on_disk import cut_out, write_cut_out

from anyscene_compose import Element, relight
from anyscene_compose.inference.cutouts import Cutting, cutting_of
from anyscene_compose.inference.matting import Matting
from anyscene_compose.inference.relighting import relight_files
from anyscene_compose.inference.scenes import Placing, Scene
from anyscene_compose.inference.segmenting import load_sam, segment, unsure
from visioncore.errors import InputError
from visioncore.images import Image, read_image, write_image
from visioncore.testing.photos import photo

OWN = 64, 64


class Finds:
    """A predictor of Segment Anything that finds squares around the first point, of three sizes."""

    def __init__(self, best: int = 1) -> None:
        self.best, self.asked = best, dict[str, Any]()

    def set_image(self, image: Any) -> None:
        self.size = image.shape[:2]
        assert image.dtype == np.uint8

    def predict(self, **asked: Any) -> Any:
        self.asked = asked
        x, y = map(int, asked["point_coords"][0])
        masks = np.zeros((3, *self.size), bool)
        for mask, reach in zip(masks, (3, 8, 15), strict=True):
            mask[max(0, y - reach) : y + reach, max(0, x - reach) : x + reach] = True
        return masks, np.eye(3)[self.best], None


@pytest.fixture
def tiny_sam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The checkpoint of a Segment Anything that takes no time."""
    import segment_anything
    from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

    from visioncore.backbones import sam

    def make() -> Any:
        return Sam(
            ImageEncoderViT(64, 16, 3, 8, 1, 2, out_chans=16, use_rel_pos=True, window_size=0),
            PromptEncoder(16, (4, 4), (64, 64), 4),
            MaskDecoder(
                transformer_dim=16,
                transformer=TwoWayTransformer(1, 16, 2, 16),
                num_multimask_outputs=3,
                iou_head_depth=2,
                iou_head_hidden_dim=16,
            ),
            [120.0] * 3,
            [60.0] * 3,
        )

    monkeypatch.setitem(segment_anything.sam_model_registry, "vit_b", make)
    monkeypatch.setattr(sam, "SAM_ENCODERS", {"vit_b": sam.SAMEncoderConfig(8, 1, 2, (0,))})
    torch.manual_seed(0)
    torch.save(make().state_dict(), tmp_path / "sam.pth")
    return tmp_path / "sam.pth"


@pytest.fixture
def tiny_matting(tmp_path: Path) -> Path:
    """The folder of a matting network that takes no time."""
    from transformers import VitDetConfig, VitMatteConfig, VitMatteForImageMatting

    backbone = VitDetConfig(
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=64,
        patch_size=16,
        pretrain_image_size=64,
        num_channels=4,
        window_size=2,
        out_features=["stage1"],
    )
    torch.manual_seed(0)
    network = VitMatteForImageMatting(
        VitMatteConfig(
            backbone_config=backbone, hidden_size=8, convstream_hidden_sizes=[4, 4, 4], fusion_hidden_sizes=[4, 4, 4, 4]
        )
    )
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    network.save_pretrained(tmp_path / "matting")
    return tmp_path / "matting"


class TestMasks:
    def test_a_file_or_a_folder(self, tmp_path: Path) -> None:
        write_image(tmp_path / "photos" / "mug.jpg", Image(photo(40, 40)))
        mask = np.where(cut_out()[..., 3] > 127, 255, 0).astype(np.uint8)
        write_image(tmp_path / "masks" / "mug.png", Image(mask[..., None].repeat(3, axis=2)))
        for given in (tmp_path / "masks", tmp_path / "masks" / "mug.png"):
            element = Cutting(given).read(tmp_path / "photos" / "mug.jpg", "mug", ["mug"])
            np.testing.assert_array_equal(element.alpha, mask)
            assert (element.source, element.name) == (tmp_path / "photos" / "mug.jpg", "mug")
        (tmp_path / "masks" / "mug.png").rename(tmp_path / "masks" / "cup.png")
        with pytest.raises(InputError, match=r"mug\.jpg: no mask of that name in .*masks; name it mug\.png"):
            Cutting(tmp_path / "masks").read(tmp_path / "photos" / "mug.jpg")

    def test_options_that_do_not_go_together(self, tmp_path: Path) -> None:
        for options, told in (
            ({"points": (1, 2, 3)}, "points has 3 numbers"),
            ({"points": (1, 2)}, "points and around are for Segment Anything"),
            ({"mask": str(tmp_path / "none.png")}, "none.png: no such file or folder, which mask names"),
            ({"sam": str(tmp_path / "none.pth")}, "none.pth"),
            ({"matting": str(tmp_path)}, "no config.json in it"),
        ):
            with pytest.raises(InputError, match=told):
                cutting_of(**options)

    def test_what_is_recorded(self, tmp_path: Path) -> None:
        write_image(tmp_path / "mask.png", Image(photo(8, 8)))
        _, told = cutting_of(mask=str(tmp_path / "mask.png"), alpha="straight")
        assert told.keys() == {"mask", "alpha"}
        write_image(tmp_path / "mask.png", Image(photo(9, 9)))
        assert cutting_of(mask=str(tmp_path / "mask.png"), alpha="straight")[1] != told
        assert cutting_of()[1] == {}


class TestSegmentAnything:
    def test_the_surest_mask(self) -> None:
        whole = Image(photo(40, 50))
        for best, area in ((0, 36), (1, 256), (2, 900)):
            assert (segment(Finds(best), whole) == 255).sum() == area
        found = Finds()
        mask = segment(found, whole, [(10, 12)], (0, 4, 30, 40))
        assert mask[12, 10] == 255
        assert found.asked["box"].tolist() == [0, 4, 30, 40]
        assert found.asked["point_labels"].tolist() == [1]

    def test_without_points_it_is_the_middle(self) -> None:
        found = Finds()
        segment(found, Image(photo(40, 50)))
        assert found.asked["point_coords"].tolist() == [[25, 20]]
        assert found.asked["box"] is None

    @pytest.mark.parametrize(
        ("where", "told"),
        [
            ({"points": [(50, 3)]}, r"the point \(50, 3\) lies outside of the photo of 50 x 40"),
            ({"box": (10, 10, 60, 20)}, "does not lie in the photo of 50 x 40"),
        ],
    )
    def test_places_outside(self, where: Any, told: str) -> None:
        with pytest.raises(InputError, match=told):
            segment(Finds(), Image(photo(40, 50)), **where)

    def test_photos_are_cut_out_and_cut_outs_are_not(self, tmp_path: Path) -> None:
        write_image(tmp_path / "photo.jpg", Image(photo(40, 50)))
        write_cut_out(tmp_path / "cut.png")
        cutting = Cutting(sam=Finds(), points=((20, 20),))
        assert (cutting.read(tmp_path / "photo.jpg").alpha > 0).sum() == 256
        np.testing.assert_array_equal(cutting.read(tmp_path / "cut.png").alpha, cut_out()[..., 3])
        with pytest.raises(InputError, match=r"photo\.jpg: the point \(99, 0\) lies outside"):
            Cutting(sam=Finds(), points=((99, 0),)).read(tmp_path / "photo.jpg")

    def test_a_checkpoint(self, tiny_sam: Path, tmp_path: Path) -> None:
        predictor = load_sam(tiny_sam, "cpu")
        predictor.set_image(photo(40, 50))
        masks, _, _ = predictor.predict(point_coords=np.array([[20, 20]]), point_labels=np.array([1]))
        assert masks.shape == (3, 40, 50)
        torch.save({"a": torch.zeros(1)}, tmp_path / "other.pth")
        with pytest.raises(InputError, match=r"other\.pth: no checkpoint of SAM"):
            load_sam(tmp_path / "other.pth")


class TestMatting:
    def test_only_the_outline_is_unsure(self) -> None:
        mask = cut_out(60, radius=20, soft=0.01)[..., 3]
        trimap = unsure(mask, 3)
        y, x = np.mgrid[:60, :60] - 29.5
        distance = np.hypot(x, y)
        assert (trimap[distance < 15] == 255).all()
        assert (trimap[distance > 25] == 0).all()
        assert (trimap[(distance > 19) & (distance < 21)] == 128).all()

    def test_the_matte(self, tiny_matting: Path, tmp_path: Path) -> None:
        matting = Matting(tiny_matting, "cpu")
        mask = cut_out(50, radius=18, soft=0.01)[..., 3]
        alpha = matting(Image(photo(50, 50)), mask)
        trimap = unsure(mask, 1)
        np.testing.assert_array_equal(alpha[trimap != 128], trimap[trimap != 128] / 255)
        assert len(np.unique(alpha[trimap == 128])) > 20
        write_image(tmp_path / "photo.png", Image(photo(50, 50)))
        write_image(tmp_path / "mask.png", Image(mask[..., None].repeat(3, axis=2)))
        element = Cutting(tmp_path / "mask.png", matting=matting).read(tmp_path / "photo.png")
        assert element.source == tmp_path / "photo.png"
        np.testing.assert_allclose(element.alpha / 255, alpha, atol=0.003)

    def test_another_network(self, tmp_path: Path) -> None:
        (tmp_path / "config.json").write_text(json.dumps({"model_type": "vitdet"}))
        with pytest.raises(InputError, match="holds a vitdet; the matting network is ViTMatte"):
            Matting(tmp_path)


class TestScenes:
    def read(self, path: Path, prompt: str = "", **settings: Any) -> Scene:
        return Placing(**settings).scene(path, prompt, OWN, lambda line: None)

    def test_one_file(self, tmp_path: Path) -> None:
        write_cut_out(tmp_path / "red_mug.png")
        scene = self.read(tmp_path / "red_mug.png", "a {name} on grass", words=["{name}"])
        (placed,) = scene.canvas.placed
        assert scene.prompt == "a red mug on grass"
        assert (placed.element.name, placed.element.words) == ("", ("red mug",))
        assert self.read(tmp_path / "red_mug.png", "a cup").canvas.placed[0].element.words == ()
        assert self.read(tmp_path / "red_mug.png", "red MUG").canvas.placed[0].element.words == ("red mug",)
        assert self.read(tmp_path / "red_mug.png", "{name}", name="cup").prompt == "cup"
        # what is transparent around it is cut away before it is fitted
        assert placed.element.size == (30, 30)
        assert placed.box == (13, 13, 51, 51)

    def test_in_place(self, tmp_path: Path) -> None:
        cut = write_cut_out(tmp_path / "mug.png", side=72)
        whole = self.read(cut, in_place=True).canvas.composite()
        np.testing.assert_array_equal(whole.alpha, cut_out(72)[..., 3])
        assert self.read(cut, in_place=True, size=(48, 48)).canvas.composite().alpha[24, 24] == 255
        # a side that is rounded costs pixels at the edges, and none is changed
        odd = self.read(write_cut_out(tmp_path / "odd.png", side=75), in_place=True).canvas.composite()
        larger = self.read(write_cut_out(tmp_path / "even.png", side=70), in_place=True).canvas.composite()
        there = odd.alpha > 0
        np.testing.assert_array_equal(odd.pixels[there], cut_out(75)[2:74, 2:74, :3][there])
        np.testing.assert_array_equal(larger.alpha, np.pad(cut_out(70)[..., 3], 1))
        with pytest.raises(InputError, match="in-place keeps an element where it is"):
            Placing(in_place=True, box=(0, 0, 8, 8))

    def test_a_layout(self, tmp_path: Path) -> None:
        for name in ("mug", "boat"):
            write_cut_out(tmp_path / "cuts" / f"{name}.png", seed=len(name))
        mask = np.full((40, 40, 3), 255, np.uint8)
        mask[:, :20] = 0
        write_image(tmp_path / "cuts" / "half.png", Image(mask))
        elements = [
            {"image": "cuts/mug.png", "box": [0, 0, 40, 40], "order": 1, "words": ["mug", [2, 5]]},
            {"image": "cuts/boat.png", "box": [20, 0, 60, 40], "rotation": 90, "name": "ship", "mask": "cuts/half.png"},
        ]
        layout = tmp_path / "two.json"
        layout.write_text(json.dumps({"width": 96, "height": 40, "prompt": "a mug", "elements": elements}))
        scene = self.read(layout, "another prompt")
        assert (scene.prompt, scene.canvas.width, scene.canvas.height) == ("a mug", 96, 40)
        mug, ship = scene.canvas.placed
        assert (mug.element.words, mug.order, ship.element.name, ship.rotation) == (("mug", (2, 5)), 1, "ship", 90)
        # the right half of the boat, a quarter against the clock
        assert ship.image.alpha is not None
        assert ship.image.alpha[:20].all()
        assert not ship.image.alpha[20:].any()

    @pytest.mark.parametrize(
        ("layout", "told"),
        [
            ([], "no layout; it is an object of JSON"),
            ({"elements": [{}]}, r"bad\.json: element 1 has no image"),
            ({"elements": [{"image": "mug.png", "place": 1}]}, r"bad\.json: unknown place; a layout has image"),
            ({"elements": [{"image": "mug.png", "box": "all!"}]}, "its box is 'all!'; it must be four numbers"),
            ({"elements": [{"image": "mug.png", "box": [0, 0, "a", 9]}]}, "four numbers: left, top, right, bottom"),
            ({"elements": [{"image": "mug.png", "box": 5}]}, "its box is 5; it must be four numbers"),
            ({"elements": [{"image": "mug.png", "rotation": "x"}]}, "its rotation is 'x'; it must be a number"),
            ({"elements": [{"image": "mug.png", "rotation": math.nan}]}, "its rotation is nan"),
            ({"elements": [{"image": "mug.png"}, {"image": "mug.png", "order": "a"}]}, "element 2: .*its order is 'a'"),
            ({"elements": [{"image": "mug.png", "words": 5}]}, "words are 5; they are a list"),
            ({"elements": [{"image": "mug.png", "words": [[0]]}]}, r"words has \[0\]; each is text of the prompt, or"),
            ({"elements": [{"image": "mug.png", "words": ["a", ""]}]}, "words has ''"),
            ({"elements": [{"image": "mug.png", "mask": None}]}, "element 1: mask is None; it must be text"),
            ({"elements": [{"image": 5}]}, "image is 5; it must be text"),
            ({"elements": [{"image": "mug.png"}], "prompt": 5}, "prompt is 5; it must be text"),
            ({"elements": [{"image": "mug.png"}], "prompt": "a {name}"}, "stands for one cut-out; write what"),
            ({"elements": [{"image": "none.png"}]}, r"bad\.json: element 1: .*none\.png"),
            ({"width": "a", "elements": []}, "they must be whole numbers"),
        ],
    )
    def test_layouts_that_will_not_do(self, layout: Any, told: str, tmp_path: Path) -> None:
        write_cut_out(tmp_path / "mug.png")
        (tmp_path / "bad.json").write_text(json.dumps(layout))
        with pytest.raises(InputError, match=told):
            self.read(tmp_path / "bad.json")

    def test_words_of_a_layout_may_be_one(self, tmp_path: Path) -> None:
        write_cut_out(tmp_path / "mug.png")
        (tmp_path / "one.json").write_text(json.dumps({"elements": [{"image": "mug.png", "words": "red mug"}]}))
        assert self.read(tmp_path / "one.json").canvas.placed[0].element.words == ("red mug",)

    def test_settings_of_one_cut_out_are_not_for_layouts(self, tmp_path: Path) -> None:
        write_cut_out(tmp_path / "mug.png")
        (tmp_path / "one.json").write_text(json.dumps({"elements": [{"image": "mug.png"}]}))
        for given in ({"box": (0, 0, 9, 9)}, {"rotation": 5}, {"in_place": True}, {"name": "mug"}, {"words": ("mug",)}):
            with pytest.raises(InputError, match=f"{next(iter(given))} would be of one cut-out; a layout says so"):
                self.read(tmp_path / "one.json", **given)

    def test_what_a_scene_is_made_of_besides(self, tmp_path: Path) -> None:
        folder = tmp_path / "masks"
        write_cut_out(folder / "mug.png")
        layout, mug = tmp_path / "one.json", tmp_path / "mug.png"
        elements = [{"image": "mug.png"}, {"image": "boat.png", "mask": "boat_mask.png"}]
        layout.write_text(json.dumps({"elements": elements}))
        named = tuple(tmp_path / name for name in ("mug.png", "boat.png", "boat_mask.png"))
        assert Placing().files(layout) == named
        masked = Placing(cutting=Cutting(folder))
        assert masked.files(layout) == (*named, folder / "mug.png")
        assert masked.files(mug) == (folder / "mug.png",)
        assert masked.files(tmp_path / "cup.png") == Placing().files(mug) == ()
        for broken in ("{", "[]", '{"elements": 5}', '{"elements": [{"image": 5}]}'):
            layout.write_text(broken)
            assert masked.files(layout) == ()


class TestRelight:
    def test_into_a_scene_of_any_size(self) -> None:
        scene = photo(45, 77, seed=3)
        made = relight(cut_out(30, radius=14, seed=1), scene, (10, 5, 40, 35), harmony=0)
        cut = cut_out(30, radius=14, seed=1)
        solid = cut[..., 3] == 255
        np.testing.assert_array_equal(made.pixels[5:35, 10:40][solid], cut[..., :3][solid])
        np.testing.assert_array_equal(made.pixels[:, 41:], scene[:, 41:])
        np.testing.assert_array_equal(made.before.pixels, scene)
        assert not np.array_equal(made.pixels, relight(cut, scene, (10, 5, 40, 35), harmony=1).pixels)

    def test_sixteen_bit(self) -> None:
        deep = Element(cut_out(40).astype(np.uint16) * 257)
        made = relight(deep, photo(40, 40), harmony=0)
        assert made.pixels.dtype == np.uint16

    def test_all_of_it_is_covered(self) -> None:
        with pytest.raises(InputError, match="the mask covers everything: nothing of the canvas of 9 x 7"):
            relight(np.full((7, 9, 4), 255, np.uint8), photo(7, 9))

    def test_nothing_that_is_needed_is_written_over(self, tmp_path: Path) -> None:
        for place in ("cuts/mug.png", "scenes/mug.png"):
            write_cut_out(tmp_path / place)
        before = (tmp_path / "scenes" / "mug.png").read_bytes()
        for scene, out, how in (
            ("scenes", "scenes", Cutting()),
            ("scenes/mug.png", "scenes/mug.png", Cutting()),
            ("cuts/mug.png", "scenes", Cutting(tmp_path / "scenes")),
        ):
            with pytest.raises(InputError, match=r"scenes/mug\.png: this file would be written over"):
                relight_files([tmp_path / "cuts" / "mug.png"], tmp_path / scene, tmp_path / out, cutting=how)
        assert (tmp_path / "scenes" / "mug.png").read_bytes() == before

    def test_files(self, tmp_path: Path) -> None:
        for seed, name in enumerate(("mug", "cup")):
            write_cut_out(tmp_path / "cuts" / f"{name}.png", seed)
            write_image(tmp_path / "scenes" / f"{name}.jpg", Image(photo(40, 40, seed + 5)))
        said: list[str] = []
        run = partial(relight_files, [tmp_path / "cuts"], say=said.append, options={"harmony": 0.0})
        one = run(tmp_path / "scenes" / "mug.jpg", tmp_path / "out")
        assert [path.name for path in one.done] == ["cup.png", "mug.png"]
        assert run(tmp_path / "scenes" / "mug.jpg", tmp_path / "out").skipped == one.done
        each = run(tmp_path / "scenes", tmp_path / "each")
        expected = relight(tmp_path / "cuts" / "cup.png", tmp_path / "scenes" / "cup.jpg", harmony=0)
        np.testing.assert_array_equal(read_image(each.done[0]).pixels, expected.pixels)
        (tmp_path / "scenes" / "mug.jpg").unlink()
        assert "mug.png: no scene of that name" in str(run(tmp_path / "scenes", tmp_path / "again").failed.values())
        with pytest.raises(InputError, match=r"none\.jpg: no such file or folder"):
            run(tmp_path / "none.jpg", tmp_path / "other")
