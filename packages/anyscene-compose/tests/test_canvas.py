"""Elements and the canvas: what can be read and placed, what is refused, and what is drawn."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cutouts_on_disk import cut_out
from PIL import Image as Pillow

from anyscene_compose import Canvas, Element
from anyscene_compose.inference.canvas import Composite, drawn
from visioncore.errors import InputError
from visioncore.images import Image, write_image
from visioncore.testing.photos import photo


def canvas(width: int = 64, height: int = 64) -> Canvas:
    return Canvas(width, height)


def composite(*places: dict[str, Any]) -> Composite:
    """Return the composite of elements on a canvas of 64 x 64."""
    made = canvas()
    for place in places:
        made.place(**place)
    return made.composite()


class TestElements:
    def test_every_kind(self, tmp_path: Path) -> None:
        cut = cut_out()
        write_image(tmp_path / "cut.png", Image(cut[..., :3], cut[..., 3]))
        floats = cut.astype(np.float32) / 255
        for given in (tmp_path / "cut.png", cut, Pillow.fromarray(cut), Image(cut[..., :3], cut[..., 3])):
            element = Element(given)
            np.testing.assert_array_equal(np.dstack([element.image.pixels, element.alpha]), cut)
        for exact in (floats, torch.from_numpy(floats).permute(2, 0, 1)):
            element = Element(exact)
            assert element.image.bits == 16
            np.testing.assert_array_equal(element.alpha, cut[..., 3].astype(np.uint16) * 257)

    @pytest.mark.parametrize("kind", ["file", "bool", "uint8", "float"])
    def test_a_photo_and_its_mask(self, kind: str, tmp_path: Path) -> None:
        mask: Any = np.where(cut_out()[..., 3] > 127, 255, 0).astype(np.uint8)
        given: Any = {"bool": mask > 0, "uint8": mask, "float": mask / 255.0}.get(kind)
        if kind == "file":
            given = tmp_path / "mask.png"
            write_image(given, Image(mask[..., None].repeat(3, axis=2)))
        element = Element(photo(40, 40), mask=given)
        np.testing.assert_array_equal(element.alpha, mask)
        np.testing.assert_array_equal(element.image.pixels, photo(40, 40))

    def test_a_soft_mask_stays_soft(self) -> None:
        soft = cut_out(soft=8)[..., 3]
        np.testing.assert_array_equal(Element(photo(40, 40), mask=soft).alpha, soft)
        assert len(np.unique(soft)) > 20

    @pytest.mark.parametrize(
        ("given", "more", "told"),
        [
            (photo(40, 40), {}, "it has no alpha, so nothing says what of it is the foreground"),
            (photo(40, 40), {"mask": np.zeros((40, 40), np.uint8)}, "the mask is empty: alpha is 0 everywhere"),
            (np.zeros((40, 40, 4), np.uint8), {}, "the mask is empty"),
            (
                photo(40, 30),
                {"mask": np.ones((30, 40), np.uint8)},
                "alpha has 40 x 30 pixels and the image 30 x 40; they must be alike",
            ),
            (photo(40, 40), {"mask": np.full((40, 40), 2.0)}, r"alpha has values outside of \[0, 1\]"),
            (photo(40, 40), {"mask": np.ones((40, 40), np.uint8)}, "the mask is at most 1 of 255; multiply it by that"),
            (torch.zeros(3, 8, 8), {}, r"it must be \(4, H, W\) RGBA in \[0, 1\]"),
            (cut_out(), {"premultiplied": True}, "pixels have a colour above their alpha"),
        ],
    )
    def test_bad_ones(self, given: Any, more: dict[str, Any], told: str) -> None:
        with pytest.raises(InputError, match=told) as error:
            Element(given, name="mug", **more)
        assert "\n" not in str(error.value)
        assert str(error.value).startswith("element 'mug': ") or "tensor" in str(error.value) or "has val" in told

    def test_premultiplied_alpha_given_as_straight(self, tmp_path: Path) -> None:
        cut = cut_out(60, radius=20, soft=6, colour=200)
        multiplied = cut.copy()
        multiplied[..., :3] = np.rint(cut[..., :3] * (cut[..., 3:] / 255))
        write_image(tmp_path / "cut.png", Image(multiplied[..., :3].copy(), multiplied[..., 3].copy()))
        with pytest.raises(InputError, match=r"cut\.png: its colours are multiplied by alpha.*premultiplied=True"):
            Element(tmp_path / "cut.png")
        back = Element(multiplied, premultiplied=True)
        edge = cut[..., 3] > 30
        assert np.abs(back.image.pixels[edge].astype(int) - 200).max() <= 4
        np.testing.assert_array_equal(Element(multiplied, premultiplied=False).image.pixels, multiplied[..., :3])

    @pytest.mark.parametrize("colour", [0, 12, 200, 255])
    def test_straight_alpha_is_taken_as_it_is(self, colour: int) -> None:
        """Also of something as dark as hair, whose colours are below alpha nearly everywhere."""
        cut = cut_out(60, radius=20, soft=6, colour=colour)
        np.testing.assert_array_equal(Element(cut).image.pixels, cut[..., :3])

    def test_trimmed(self) -> None:
        element = Element(cut_out(60, radius=10), name="mug", words=["mug"]).trimmed()
        assert element.size == (20, 20)
        assert (element.name, element.words) == ("mug", ("mug",))
        assert repr(element) == "Element('mug', 20 x 20, 8 bit)"


class TestCanvas:
    def test_sides_are_rounded_and_said(self) -> None:
        told: list[str] = []
        rounded = Canvas(770, 509, told.append)
        assert (rounded.width, rounded.height) == (768, 512)
        assert told == ["a canvas of 770 x 509 pixels is rounded to 768 x 512, multiples of 8"]
        with pytest.warns(UserWarning, match="rounded to 8 x 16"):
            Canvas(9, 13)
        Canvas(768, 512, told.append)
        assert len(told) == 1
        with pytest.raises(InputError, match="width of the canvas is 4; it must be from 8 to 8192"):
            Canvas(4, 64)

    def test_pixels_stay_where_nothing_is_resized(self) -> None:
        cut = cut_out()
        made = composite({"given": cut, "box": (10, 6, 50, 46)})
        there = made.alpha[6:46, 10:50]
        np.testing.assert_array_equal(there, cut[..., 3])
        assert not made.alpha[:6].any()
        np.testing.assert_array_equal(made.pixels[6:46, 10:50][there > 0], cut[..., :3][there > 0])
        np.testing.assert_allclose(made.masks[0, 6:46, 10:50], cut[..., 3] / 255, atol=1e-6)

    def test_without_a_box(self) -> None:
        whole = composite({"given": cut_out(64, radius=20)})
        np.testing.assert_array_equal(whole.alpha, cut_out(64, radius=20)[..., 3])
        rows = np.flatnonzero(composite({"given": np.full((30, 20, 4), 255, np.uint8)}).alpha.any(axis=1))
        assert (rows[0], rows[-1]) == (13, 50)

    def test_proportions_stay(self) -> None:
        made = composite({"given": np.full((20, 40, 4), 255, np.uint8), "box": (0, 0, 60, 60)})
        assert made.alpha[15:45, :60].all()
        assert made.alpha.astype(bool).sum() == 30 * 60

    @pytest.mark.parametrize(("rotation", "turns"), [(90, 1), (-90, 3), (180, 2), (450, 1)])
    def test_quarters_keep_pixels(self, rotation: float, turns: int) -> None:
        made = composite({"given": cut_out(radius=19), "box": (0, 0, 40, 40), "rotation": rotation})
        np.testing.assert_array_equal(made.alpha[:40, :40], np.rot90(cut_out(radius=19)[..., 3], turns))

    def test_rotated_against_the_clock_inside_its_box(self) -> None:
        bar = np.zeros((40, 40, 4), np.uint8)
        bar[18:22, 20:] = 255
        made = composite({"given": bar, "box": (8, 8, 56, 56), "rotation": 30})
        rows, columns = np.nonzero(made.alpha > 127)
        assert columns.mean() > 33
        assert 31.5 - rows.mean() == pytest.approx((columns.mean() - 31.5) * np.tan(np.pi / 6), abs=0.7)
        assert (made.pixels[made.alpha > 0] >= 254).all()
        full = composite({"given": np.full((20, 20, 4), 255, np.uint8), "box": (8, 8, 56, 56), "rotation": 45}).alpha
        assert not full[:7].any()
        assert full[9:12].any()
        assert full.sum() / 255 == pytest.approx(48 * 48 / 2, rel=0.03)

    def test_resizing_mixes_no_hidden_colour(self) -> None:
        cut = cut_out(60, radius=20, colour=200)
        cut[cut[..., 3] == 0] = (0, 255, 0, 0)
        for side in (17, 31, 64):
            image, _ = drawn(Element(cut).image, (0, 0, side, side), rotation=10)
            assert image.alpha is not None
            np.testing.assert_allclose(image.pixels[image.alpha > 0].astype(int), 200, atol=2)

    def test_order(self) -> None:
        low, high = cut_out(colour=50, soft=0.01), cut_out(colour=100, soft=0.01)
        places = [{"given": low, "box": (5, 5, 45, 45)}, {"given": high, "box": (15, 5, 55, 45)}]
        for first, second, seen in ((1, 0, 50), (0, 1, 100)):
            made = composite({**places[0], "order": first}, {**places[1], "order": second})
            assert made.pixels[25, 30, 0] == seen
            assert made.masks.sum(axis=0).max() <= 1 + 1e-6
            assert (made.masks > 0).sum() == (made.alpha > 0).sum()

    def test_the_lower_one_is_nearer_in_any_order_of_drawing(self) -> None:
        places = [
            {
                "given": cut_out(seed=number, soft=6),
                "box": (3 * number, 2 * number % 5, 40 + 3 * number, 40 + number % 2),
            }
            for number in range(4)
        ]
        every = [composite(*each) for each in itertools.permutations(places)]
        for made in every[1:]:
            np.testing.assert_array_equal(made.pixels, every[0].pixels)
            np.testing.assert_array_equal(made.alpha, every[0].alpha)
            np.testing.assert_array_equal(made.masks, every[0].masks)
        back, front = cut_out(colour=50), cut_out(colour=100)
        made = composite({"given": front, "box": (5, 10, 45, 50)}, {"given": back, "box": (5, 4, 45, 44)})
        assert made.pixels[25, 25, 0] == 100

    def test_what_looks_alike_is_told_apart(self) -> None:
        """Of elements in one place, of the same pixels, words and shapes decide, not which was placed first."""
        glass = np.full((8, 8, 4), 90, np.uint8)
        places = [{"given": glass, "box": (0, 0, 8, 8), "words": word} for word in ("red mug", "cup", [(0, 3)])]
        for each in itertools.permutations(places):
            placed = composite(*each).placed
            assert [each.element.words for each in placed] == [((0, 3),), ("cup",), ("red mug",)]
        tall, wide = np.full((8, 4, 4), 90, np.uint8), np.full((4, 8, 4), 90, np.uint8)
        several = [{"given": tall, "box": (2, 0, 6, 8)}, {"given": wide, "box": (2, -4, 10, 8)}]
        shapes = {tuple(e.element.size for e in composite(*each).placed) for each in itertools.permutations(several)}
        assert len(shapes) == 1

    def test_soft_edges_over_each_other(self) -> None:
        top, under = np.full((64, 64, 4), 200, np.uint8), np.full((64, 64, 4), 100, np.uint8)
        top[..., 3], under[..., 3] = 51, 102
        made = composite({"given": top, "order": 1}, {"given": under})
        assert (made.alpha == 133).all()
        expected = (200 * 0.2 + 100 * 0.4 * 0.8) / 0.52
        assert np.abs(made.pixels.astype(float) - expected).max() <= 0.5
        np.testing.assert_allclose(made.masks[:, 0, 0], [0.32, 0.2], atol=1e-6)

    def test_depth(self) -> None:
        deep = cut_out(20, radius=8).astype(np.uint16) * 257 // 3
        made = composite(
            {"given": deep, "box": (0, 0, 20, 20)}, {"given": cut_out(20, radius=8), "box": (40, 40, 60, 60)}
        )
        assert made.pixels.dtype == np.uint16
        np.testing.assert_array_equal(made.pixels[10, 10], deep[10, 10, :3])
        np.testing.assert_array_equal(made.pixels[50, 50], cut_out(20, radius=8)[10, 10, :3].astype(np.uint16) * 257)

    def test_beyond_the_edge(self) -> None:
        made = composite({"given": cut_out(colour=9), "box": (-20, 30, 20, 70)})
        assert made.alpha[:, 0].any()
        assert not made.alpha[:, 20:].any()

    @pytest.mark.parametrize(
        ("place", "told"),
        [
            ({"box": (70, 0, 110, 40)}, r"its box \(70, 0, 110, 40\) lies outside of the canvas of 64 x 64"),
            ({"box": (60, 60, 100, 100)}, "lies outside of the canvas of 64 x 64, or all it shows does"),
            ({"box": (20, 0, 20, 40)}, "holds nothing"),
            ({"box": (0, 0, float("nan"), 40)}, "it must be four numbers"),
            ({"box": (0, 0, 40)}, r"its box is \(0, 0, 40\); it must be four numbers"),
            ({"box": ("0", 0, 9, 9)}, "it must be four numbers"),
            ({"rotation": float("inf")}, "its rotation is inf; it must be a number"),
            ({"order": float("nan")}, "its order is nan; it must be a number"),
            ({"words": [5]}, "words has 5; each is text of the prompt"),
            ({"words": [(1, 2, 3)]}, r"words has \(1, 2, 3\)"),
        ],
    )
    def test_boxes_that_will_not_do(self, place: dict[str, Any], told: str) -> None:
        with pytest.raises(InputError, match=f"element 'mug': .*{told}"):
            canvas().place(cut_out(), name="mug", **place)

    def test_canvases_that_will_not_do(self) -> None:
        full = np.full((64, 64, 4), 255, np.uint8)
        for places, told in (
            ([], "the canvas is empty"),
            ([{"given": full}], "the mask covers everything: nothing of the canvas of 64 x 64 is left for a scene"),
            ([{"given": cut_out(soft=0.01), "order": 2, "box": (0, 0, 40, 40)}] * 2, "it is hidden by others"),
        ):
            with pytest.raises(InputError, match=told):
                composite(*places)
