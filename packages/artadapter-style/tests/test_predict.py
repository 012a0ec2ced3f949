"""References in and images out: what can be read, what is refused, files with their settings, many files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from tiny_adapter import tiny_adapter

from artadapter_style import Predictor
from artadapter_style.data.reading import read_reference
from artadapter_style.inference.bases import open_base
from artadapter_style.inference.files import generate_files
from artadapter_style.inference.mixing import SHEET, mix_files, plan_grid
from visioncore.diffusion.contact_sheet import Column, draw_sheet
from visioncore.errors import InputError
from visioncore.images import Image, read_image, write_image
from visioncore.images.png_settings import read_settings
from visioncore.testing.photos import photo

NAME = "artadapter-style"

QUICK: dict[str, Any] = {"steps": 1, "size": (16, 16)}
LONG = "a cat with a dog of a house " * 20


@pytest.fixture(scope="module")
def predictor(base: Path) -> Predictor:
    """A predictor whose batch tests may change."""
    opened = open_base(base)
    return Predictor(tiny_adapter(opened), "cpu", base=opened, notify=lambda line: None)


@pytest.fixture
def references(tmp_path: Path) -> Path:
    """A folder of two references, one of them in a folder of its own."""
    for seed, name in enumerate(("ink.png", "more/oil.jpg")):
        write_image(tmp_path / "styles" / name, Image(photo(24, 32, seed=seed)))
    return tmp_path / "styles"


class TestReferences:
    def test_every_kind_of_image(self, tmp_path: Path) -> None:
        colours = photo(20, 24, seed=0)
        expected = torch.from_numpy(colours).permute(2, 0, 1) / 255
        Pillow.fromarray(colours).convert("CMYK").save(tmp_path / "cmyk.tif")
        write_image(tmp_path / "deep.png", Image(colours.astype(np.uint16) * 257))
        write_image(tmp_path / "alpha.png", Image(colours, alpha=np.full((20, 24), 255, np.uint8)))
        Pillow.fromarray(colours).convert("P", palette=Pillow.Palette.ADAPTIVE).save(tmp_path / "palette.png")
        write_image(tmp_path / "grey.png", Image(colours, grey=True))
        for name, most in (("cmyk.tif", 3 / 255), ("deep.png", 1e-6), ("alpha.png", 1e-6), ("palette.png", 0.3)):
            pixels = read_reference(tmp_path / name)
            assert pixels.dtype == torch.float32
            assert (pixels - expected).abs().max() <= most, name
        grey = read_reference(tmp_path / "grey.png")
        assert torch.equal(grey[0], grey[2])
        for given in (colours, Image(colours), Pillow.fromarray(colours), expected):
            assert torch.equal(read_reference(given), expected), type(given)

    def test_what_is_transparent_is_white(self) -> None:
        clear = np.zeros((20, 24, 4), np.uint8)
        clear[:10, :, 3] = 255
        pixels = read_reference(clear)
        assert not pixels[:, :10].any()
        assert (pixels[:, 10:] == 1).all()

    @pytest.mark.parametrize(
        ("size", "kept"), [((512, 300), (512, 300)), ((1024, 512), (512, 256)), ((40, 4000), (16, 512))]
    )
    def test_large_ones_are_downsampled_in_their_shape(self, size: tuple[int, int], kept: tuple[int, int]) -> None:
        pixels = read_reference(photo(*size, seed=0))
        assert tuple(pixels.shape) == (3, *kept)
        assert 0 <= pixels.min() < pixels.max() <= 1

    def test_what_cannot_be_read(self, predictor: Predictor, tmp_path: Path) -> None:
        whole = tmp_path / "whole.png"
        write_image(whole, Image(photo(20, 24, seed=0)))
        (tmp_path / "half.png").write_bytes(whole.read_bytes()[:300])
        (tmp_path / "text.png").write_text("something else")
        (tmp_path / "empty.png").touch()
        for given, told in (
            (tmp_path / "half.png", "half.png: the PNG file is truncated or damaged"),
            (tmp_path / "text.png", "text.png: not an image"),
            (tmp_path / "empty.png", "empty.png: the file is empty"),
            (tmp_path / "none.png", "none.png: "),
            (tmp_path, "is a folder"),
            (np.zeros((1, 1, 3), np.uint8), "1 x 1 pixels; a reference must have at least 16 x 16"),
            (np.zeros((400, 15, 3), np.uint8), "15 x 400 pixels"),
            (np.zeros((20, 20, 3)), "an array of float64 may mean any range"),
            (torch.zeros(1, 3, 20, 20), r"must be \(3, H, W\)"),
            (torch.full((3, 20, 20), float("nan")), "NaN or infinite"),
            (torch.full((3, 20, 20), 255.0), r"values from 255 to 255; as a tensor it must be in \[0, 1\]"),
            (torch.full((3, 20, 20), -1.0), "values from -1 to -1"),
        ):
            with pytest.raises(InputError, match=told):
                predictor(given, **QUICK)

    def test_one_colour_is_a_style_too(self, predictor: Predictor) -> None:
        assert predictor(np.full((16, 16, 3), 200, np.uint8), **QUICK).images.shape == (1, 16, 16, 3)


class TestPredictor:
    def test_a_tensor_is_its_image(self, predictor: Predictor) -> None:
        reference = torch.from_numpy(photo(24, 32, seed=0)).permute(2, 0, 1) / 255
        (made,) = predictor.run(reference[None])
        expected = predictor(photo(24, 32, seed=0)).images[0]
        np.testing.assert_array_equal((made * 255).round().permute(1, 2, 0).numpy(), expected)
        for wrong in (torch.zeros(2, 1, 20, 20), torch.zeros(1, 3, 20, 20, dtype=torch.uint8)):
            with pytest.raises(InputError, match=r"they must be \(B, 3, H, W\) in \[0, 1\]"):
                predictor.run(wrong)

    def test_the_users_adapter_stays_where_it_is(self, base: Path) -> None:
        opened = open_base(base)
        adapter = tiny_adapter(opened)
        predictor = Predictor(adapter, "cpu", base=base)
        before = predictor(photo(24, 32, seed=0), **QUICK).images
        with torch.no_grad():
            for parameter in adapter.parameters():
                parameter.zero_()
        np.testing.assert_array_equal(predictor(photo(24, 32, seed=0), **QUICK).images, before)
        assert "base=" in repr(predictor)

    def test_long_prompts_are_cut_and_the_words_told(self, base: Path) -> None:
        told: list[str] = []
        opened = open_base(base)
        predictor = Predictor(tiny_adapter(opened), "cpu", base=opened, notify=told.append)
        words = "a cat " * 32
        fits = predictor(photo(24, 32, seed=0), words, **QUICK)
        assert told == []
        cut = predictor(photo(24, 32, seed=0), [f"{words} a dog red boat", "a cat"], negative=LONG, **QUICK)
        np.testing.assert_array_equal(
            cut.images[0], predictor(photo(24, 32, seed=0), f"{words} a dog", negative=LONG, **QUICK).images[0]
        )
        assert cut.settings[0]["prompt"].endswith("red boat")
        positive, negative = sorted(told, key=lambda line: "beside" not in line)
        assert positive == (
            "a prompt is too long, there is room for 66 tokens beside 9 tokens of style; what is cut off: red boat"
        )
        assert negative.startswith("a prompt is too long, there is room for 75 tokens; what is cut off: ")
        assert fits.images.shape == (1, 16, 16, 3)

    def test_weights_of_another_base(self, base: Path) -> None:
        opened = open_base(base)
        with pytest.raises(InputError, match="on tokens of 48"):
            Predictor(tiny_adapter(opened).__class__(_wider(opened)), "cpu", base=base)


def _wider(base: Any) -> Any:
    from dataclasses import replace

    return replace(tiny_adapter(base).config, width=48)


class TestResult:
    def test_images_and_their_files(self, predictor: Predictor, references: Path, tmp_path: Path) -> None:
        result = predictor(references / "ink.png", "a cat", images=2, **QUICK)
        assert len(result) == 2
        assert str(result) == "2 images of 16 x 16, 'a cat'"
        assert result.save(tmp_path / "out") == tmp_path / "out"
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["ink-0.png", "ink-1.png"]
        for number in (0, 1):
            path = tmp_path / "out" / f"ink-{number}.png"
            np.testing.assert_array_equal(read_image(path).pixels, result.images[number])
            assert read_settings(path, NAME) == json.loads(json.dumps(result.settings[number]))
            assert read_settings(path, NAME)["seed"] == number
        one = predictor(references / "ink.png", **QUICK)
        assert one.save(tmp_path / "new" / "named.png") == tmp_path / "new" / "named.png"
        with pytest.raises(InputError, match="this is the reference itself"):
            one.save(references / "ink.png")
        with pytest.raises(InputError, match=r"x\.jpg: images are written as \.png"):
            one.save(tmp_path / "x.jpg")

    def test_a_figure_shows_references_too(self, predictor: Predictor, references: Path, tmp_path: Path) -> None:
        result = predictor([references / "ink.png", references / "more" / "oil.jpg"], **QUICK)
        assert [name for name, _ in result.references] == ["ink.png", "oil.jpg"]
        assert len(result.plot(tmp_path / "figure.png").axes) == 3
        assert read_image(tmp_path / "figure.png").width > 300


class TestManyFiles:
    def test_all_inputs_as_one_style(self, predictor: Predictor, references: Path, tmp_path: Path) -> None:
        files = [references / "ink.png", references / "more" / "oil.jpg"]
        options = {"prompt": "a cat", "weights": [1, 3], **QUICK}
        summary = generate_files(files, predictor, tmp_path / "out", options=options, together=True)
        assert summary.done == [tmp_path / "out" / "ink.png"]
        expected = predictor(files, "a cat", weights=[1, 3], **QUICK)
        np.testing.assert_array_equal(read_image(summary.done[0]).pixels, expected.images[0])
        assert generate_files(files, predictor, tmp_path / "out", options=options, together=True).skipped
        told: list[str] = []
        write_image(files[1], Image(photo(24, 32, seed=9)))
        again = generate_files(files, predictor, tmp_path / "out", options=options, together=True, say=told.append)
        assert again.done
        assert "together was" in told[0]
        with pytest.raises(InputError, match="weights are for references that are taken together"):
            generate_files(files, predictor, tmp_path / "out", options=options)

    def test_levels_alone(self, predictor: Predictor, references: Path, tmp_path: Path) -> None:
        mix = {"high": references / "ink.png"}
        summary = generate_files([], predictor, tmp_path / "out.png", options={"mix": mix, **QUICK})
        assert summary.done == [tmp_path / "out.png"]
        assert read_settings(tmp_path / "out.png", NAME)["style"].keys() == {"high"}
        with pytest.raises(InputError, match="inputs: at least one is needed"):
            generate_files([], predictor, tmp_path / "out", options=QUICK)

    def test_several_images_are_one_result(self, predictor: Predictor, references: Path, tmp_path: Path) -> None:
        options = {"images": 2, **QUICK}
        generate_files([references], predictor, tmp_path / "out", options=options)
        names = ["ink-0.png", "ink-1.png", "more/oil-0.png", "more/oil-1.png"]
        found = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.png"))
        assert found == names
        (tmp_path / "out" / "ink-1.png").unlink()
        again = generate_files([references], predictor, tmp_path / "out", options=options)
        assert (len(again.done), len(again.skipped)) == (1, 1)
        assert (tmp_path / "out" / "ink-1.png").exists()

    def test_the_run_is_told(self, predictor: Predictor, references: Path, tmp_path: Path) -> None:
        (references / "broken.png").write_text("no image")
        summary = generate_files(
            [references], predictor, tmp_path / "out", options={"prompt": "a cat", **QUICK}, say=lambda line: None
        )
        about = json.loads((tmp_path / "out" / "run.json").read_text())
        assert about["settings"]["weights"] == predictor.weights
        assert about["settings"]["prompt"] == "a cat"
        assert about["done"] == ["ink.png", "more/oil.png"]
        assert list(about["failed"]) == [str(references / "broken.png")]
        assert {"torch", "diffusers", "transformers"} <= about["libraries"].keys()
        assert summary.exit_code == 1


class TestMix:
    PROMPTS = ("a cat", "a dog, red: sea!")

    def test_a_grid_and_its_sheet(self, predictor: Predictor, references: Path, tmp_path: Path) -> None:
        predictor.batch, out = 2, tmp_path / "out"
        style = predictor.pipeline.style(references / "ink.png")
        assert style is not None
        style.style.save(references / "z.safetensors")
        options = {"images": 2, "seed": 4, **QUICK}
        summary = mix_files([references], self.PROMPTS, predictor, out, options=options)
        assert summary.exit_code == 0
        names = ("01-a-cat-4", "01-a-cat-5", "02-a-dog-red-sea-4", "02-a-dog-red-sea-5")
        assert sorted(path.relative_to(out).as_posix() for path in summary.done) == sorted(
            f"{style}/{name}.png" for style in ("ink", "oil", "z") for name in names
        )
        expected = predictor(references / "more" / "oil.jpg", self.PROMPTS[1], seed=5, **QUICK)
        pixels = read_image(out / "oil" / "02-a-dog-red-sea-5.png").pixels
        assert np.abs(pixels.astype(int) - expected.images[0]).max() <= 1
        assert read_settings(out / "oil" / "02-a-dog-red-sea-5.png", NAME)["prompt"] == self.PROMPTS[1]
        assert read_image(out / SHEET).height > 4 * 16
        about = json.loads((out / "run.json").read_text())
        assert len(about["images"]) == 12
        first = {"file": "ink/01-a-cat-4.png", "style": str(references / "ink.png"), "prompt": "a cat", "seed": 4}
        assert about["images"][0] == first

    def test_what_is_there_is_skipped(self, predictor: Predictor, references: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        mix_files([references], self.PROMPTS, predictor, out, options=QUICK)
        (out / "oil" / "01-a-cat.png").unlink()
        (out / SHEET).unlink()
        again = mix_files([references], self.PROMPTS, predictor, out, options=QUICK)
        assert (again.done, len(again.skipped)) == ([out / "oil" / "01-a-cat.png"], 3)
        assert (out / SHEET).exists()
        others = mix_files([references], self.PROMPTS, predictor, out, options={**QUICK, "steps": 2})
        assert len(others.done) == 4
        more = mix_files([references], (*self.PROMPTS, "a boat"), predictor, out, options={**QUICK, "steps": 2})
        assert len(more.done) == 2
        assert mix_files([references], self.PROMPTS, predictor, out, options=QUICK, overwrite=True).done

    def test_processes_share_the_images(
        self, predictor: Predictor, references: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("WORLD_SIZE", "2")
        for rank in ("1", "0"):
            monkeypatch.setenv("RANK", rank)
            assert not (tmp_path / "out" / SHEET).exists()
            summary = mix_files([references], self.PROMPTS, predictor, tmp_path / "out", options=QUICK)
            assert (len(summary.done), len(summary.skipped)) == (2, 0)
        assert (tmp_path / "out" / SHEET).exists()

    def test_a_broken_style_stops_no_other(self, predictor: Predictor, references: Path, tmp_path: Path) -> None:
        (references / "broken.png").write_text("no image")
        told: list[str] = []
        summary = mix_files([references], self.PROMPTS, predictor, tmp_path / "out", options=QUICK, say=told.append)
        assert len(summary.done) == 4
        assert list(summary.failed) == [references / "broken.png"]
        assert len(told) == 1
        assert told[0].startswith(f"failed: {references / 'broken.png'}: not an image; ")
        assert read_image(tmp_path / "out" / SHEET).width > 3 * 64

    def test_grids_that_will_not_do(self, references: Path, tmp_path: Path) -> None:
        write_image(references / "ink.bmp", Image(photo(24, 32, seed=5)))
        names = plan_grid([references], ["a"], [0], tmp_path / "out").styles.values()
        assert sorted(names) == ["ink.bmp", "ink.png", "oil"]
        write_image(references / "more" / "ink.png", Image(photo(24, 32, seed=6)))
        for prompts, told in (
            (["a"], "several styles are called ink.png"),
            ([], "no prompt"),
            (["a", "a"], "given twice"),
        ):
            with pytest.raises(InputError, match=told):
                plan_grid([references], prompts, [0], tmp_path / "out")


class TestContactSheet:
    def test_places(self, tmp_path: Path) -> None:
        """Every image in its place, downsampled and not upsampled, and an empty place grey."""
        red, large = np.zeros((64, 64, 3), np.uint8), np.zeros((600, 300, 3), np.uint8)
        red[..., 0], large[..., 2] = 255, 255
        draw_sheet(
            tmp_path / "sheet.png",
            [Column("ink", red), Column("oil " * 40)],
            ["a cat", "a dog"],
            [[red, large], [None, red]],
        )
        sheet = read_image(tmp_path / "sheet.png").pixels.astype(int)
        is_red, is_blue, is_grey = (
            np.abs(sheet - colour).max(axis=2) <= 2 for colour in ((255, 0, 0), (0, 0, 255), (228, 228, 228))
        )
        assert is_red.sum() == 3 * 64 * 64
        assert abs(is_blue.sum() - 256 * 128) < 600
        assert 0 <= is_grey.sum() - 128 * 256 < 600  # edges of letters are grey too
        with pytest.raises(InputError, match="no image to show on this sheet"):
            draw_sheet(tmp_path / "none.png", [], [], [])
