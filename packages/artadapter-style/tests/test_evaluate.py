"""Prompts x styles x seeds -> tables: the formulas, what is made and kept, and what people judge."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from torch.nn import functional

from artadapter_style import ArtAdapter, Predictor
from artadapter_style.evaluation.alignment import content_leak, style_alignment, text_alignment
from artadapter_style.evaluation.distances import GRAM_LAYERS, StyleDistances, at_most
from artadapter_style.evaluation.making import flagged, make_images
from artadapter_style.evaluation.measures import read_pixels
from artadapter_style.evaluation.pairs import count_answers, export_pairs, key_of
from artadapter_style.evaluation.plan import Cell, Plan, Sampling
from artadapter_style.evaluation.prompts import PROMPTS
from artadapter_style.evaluation.protocols import evaluate
from artadapter_style.evaluation.scores import MADE, Evaluation, Scored
from artadapter_style.evaluation.sheet import write_sheet
from artadapter_style.evaluation.styles import PLAIN, StyleGroup, read_styles
from artadapter_style.inference.bases import open_base
from visioncore.backbones.clip_embedding import ClipEmbedder
from visioncore.backbones.vgg import drawn
from visioncore.diffusion.image_record import RECORD
from visioncore.diffusion.prompt_files import read_prompts
from visioncore.errors import InputError
from visioncore.images import Image, read_image, write_image
from visioncore.images.png_settings import read_settings, write_png
from visioncore.testing.golden import GoldenCase
from visioncore.testing.photos import photo
from visioncore.testing.suites.base import Run, refuses

NAME = "artadapter-style"

PACKAGE = "artadapter_style"
PROMPTS_HERE = ("a cat", "a boat")


@pytest.fixture
def styles(tmp_path: Path) -> Path:
    """A folder with a style of two references, one of them with a caption, and a style of one image."""
    for seed, name in enumerate(("ink/a.png", "ink/b.png", "oil.png")):
        write_image(tmp_path / "styles" / name, Image(photo(24, 20, seed=seed)))
    (tmp_path / "styles" / "ink" / "b.txt").write_text("a red\nhouse\n")
    return tmp_path / "styles"


@pytest.fixture
def plan(styles: Path) -> Plan:
    return Plan(read_styles(styles), PROMPTS_HERE, (0, 5), Sampling(steps=2, size=(16, 16)))


@pytest.fixture
def made(plan: Plan, tmp_path: Path) -> Path:
    """A folder of images as another tool makes them, in another format."""
    for number, cell in enumerate(cell for style in plan.styles for cell in plan.cells(style.name)):
        write_image((tmp_path / "made" / cell.file).with_suffix(".bmp"), Image(photo(20, 16, seed=10 + number)))
    return tmp_path / "made"


@pytest.fixture(scope="module")
def adapter(base: Path, saved: Callable[[Any], Path]) -> Path:
    """The folder of an adapter for the tiny base."""
    pipe = open_base(base)
    return saved(ArtAdapter.for_base(pipe.unet, pipe.text_encoder, vgg_width=4, vgg_seed=0, hidden=16))


@pytest.fixture(scope="module")
def predictor(base: Path, adapter: Path) -> Predictor:
    return Predictor(adapter, "cpu", base=base, batch=3)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small CLIP with random weights."""
    folder = tmp_path_factory.mktemp("clip")
    about: dict[str, Any] = {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 1},
    }
    torch.manual_seed(0)
    torch.save(open_clip.CLIP(**about).state_dict(), folder / "open_clip_pytorch_model.bin")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": about}))
    return folder


def test_the_golden_scores(golden: Callable[[str], GoldenCase], make_input: Callable[[Any], torch.Tensor]) -> None:
    case = golden("scores")
    image, prompt, reference, caption = (make_input(spec) for spec in case.about["inputs"].values())
    text, style = text_alignment(image, prompt), style_alignment(image, reference)
    case.close("per_image_text", text)
    case.close("per_image_style", style)
    case.close("text_alignment", text.mean())
    case.close("style_alignment", style.mean())
    case.close("clip_score", (100 * text).clamp(min=0).mean())
    case.close("leak", content_leak(image, caption[:, None]).mean())
    centre = functional.normalize(reference, dim=-1).mean(dim=1)
    case.close("style_alignment_centroid", text_alignment(image, centre).mean())


def test_references_of_all_images_are_those_of_each() -> None:
    images, references = torch.randn(4, 8), torch.randn(3, 8)
    torch.testing.assert_close(style_alignment(images, references), style_alignment(images, references.expand(4, 3, 8)))


def test_distances_by_hand() -> None:
    one, other = photo(40, 32, seed=0), photo(24, 24, seed=1)
    distances = StyleDistances()
    assert distances.name == "VGG-19, drawn, width 16"
    seen, reference = distances.features(one), [distances.features(other), distances.features(one)]
    maps = [
        drawn(16, 0)(torch.from_numpy(pixels).movedim(-1, 0)[None].float() / 255, GRAM_LAYERS)
        for pixels in (one, other)
    ]

    def gram(layer: str, of: int) -> np.ndarray[Any, Any]:
        flat = maps[of][layer][0].flatten(1).numpy().astype(np.float64)
        return np.asarray(flat @ flat.T / flat.size)

    grams = [np.square(gram(layer, 0) - gram(layer, 1)).mean() for layer in GRAM_LAYERS]
    assert distances.gram_distance(seen, reference[:1]) == pytest.approx(np.mean(grams), rel=1e-4)
    assert distances.gram_distance(seen, reference) == pytest.approx(np.mean(grams) / 2, rel=1e-4)
    means = []
    for layer in GRAM_LAYERS[1:4]:
        a, b = (maps[of][layer][0].flatten(1) for of in (0, 1))
        means.append((a.mean(1) - b.mean(1)).square().mean())
        means[-1] += ((a.var(1, correction=0) + 1e-5).sqrt() - (b.var(1, correction=0) + 1e-5).sqrt()).square().mean()
    assert distances.statistics_distance(seen, reference[:1]) == pytest.approx(float(np.mean(means)), rel=1e-4)
    assert distances.statistics_distance(seen, reference[1:]) == 0


def test_large_images_are_measured_smaller() -> None:
    assert at_most(photo(30, 60, seed=0), 20).shape == (10, 20, 3)
    small = photo(30, 60, seed=0)
    assert at_most(small, 60) is small


def test_style_groups(styles: Path, tmp_path: Path) -> None:
    ink, oil = read_styles(styles)
    assert (ink.name, [image.name for image in ink.images], ink.captions) == (
        "ink",
        ["a.png", "b.png"],
        ("a red house",),
    )
    assert (oil.name, [image.name for image in oil.images], oil.captions) == ("oil", ["oil.png"], ())
    with pytest.raises(InputError, match="no such folder of style references"):
        read_styles(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: no image in it"):
        read_styles(tmp_path / "empty")
    write_image(styles / PLAIN / "a.png", Image(photo(20, 20, seed=0)))
    with pytest.raises(InputError, match="a style is called plain"):
        read_styles(styles)


def test_prompts(tmp_path: Path) -> None:
    assert len(set(PROMPTS)) == 20
    style_words = "style|paint|drawing|sketch|photo|watercolou?r|oil|cartoon|art|impressionis|render|ink|pixel"
    assert not [prompt for prompt in PROMPTS if re.search(rf"\b({style_words})", prompt)]
    path = tmp_path / "prompts.txt"
    path.write_text("a cat\n\n a boat \n")
    assert read_prompts(path) == ("a cat", "a boat")
    path.write_text("a cat\n\na cat\n")
    with pytest.raises(InputError, match="line 3: this prompt is on line 1 already: a cat"):
        read_prompts(path)
    path.write_text("\n")
    with pytest.raises(InputError, match="no prompt in it"):
        read_prompts(path)


def test_plans(styles: Path) -> None:
    groups = read_styles(styles)
    assert Plan(groups).seeds == (0, 1, 2, 3)
    plan = Plan(groups, PROMPTS_HERE, (3, 1))
    assert [cell.file for cell in plan.cells("ink")] == ["ink/01-3.png", "ink/01-1.png", "ink/02-3.png", "ink/02-1.png"]
    assert plan.prompt(Cell("ink", 2, 3)) == "a boat"
    for seeds, prompts in (((1, 1), PROMPTS_HERE), ((-1,), PROMPTS_HERE), ((), PROMPTS_HERE), ((0,), ())):
        with pytest.raises(InputError):
            Plan(groups, prompts, seeds)


def test_means_go_over_styles_and_spreads_over_seeds() -> None:
    plan = Plan([StyleGroup("a", ()), StyleGroup("b", ())], PROMPTS_HERE, (0, 1))
    values = {("a", 0): 1.0, ("a", 1): 3.0, ("b", 0): 5.0, ("b", 1): 6.0}
    scored = [Scored(MADE, Cell(style, 1, seed), {"gram_distance": value}) for (style, seed), value in values.items()]
    # a style with more images weighs no more
    scored.append(Scored(MADE, Cell("a", 2, 0), {"gram_distance": 1.0}))
    scored.append(Scored(PLAIN, Cell("a", 1, 0), {"gram_distance": 9.0}))
    found = Evaluation(plan, scored, {"gram_distance": "a network"}, "made")
    assert found.style_mean("gram_distance", MADE, "a") == pytest.approx(5 / 3)
    assert found.mean("gram_distance") == pytest.approx((5 / 3 + 5.5) / 2)
    assert found.spread("gram_distance") == pytest.approx(np.std([3.0, 4.5]))
    assert (found.mean("gram_distance", PLAIN), found.spread("gram_distance", PLAIN)) == (9, None)
    assert found.mean("content_leak") is None
    assert found.summary().rows[0][:3] == ("gram_distance", "lower", "a network")
    assert found.per_image().columns[-1] == "gram_distance (a network)"


def test_images_of_any_tool(plan: Plan, made: Path, clip: Path) -> None:
    evaluation = evaluate(plan, made, protocols=["alignment", "distances"], clip=clip)
    assert evaluation.metrics == [
        *("text_alignment", "style_alignment", "content_leak"),
        *("gram_distance", "statistics_distance"),
    ]
    assert evaluation.makers == [MADE]
    embed = ClipEmbedder(clip)
    assert set(evaluation.networks.values()) == {embed.name, StyleDistances().name}
    ink = [each for each in evaluation.scored if each.cell.style == "ink"]
    images = embed.images([read_pixels((made / each.cell.file).with_suffix(".bmp")) for each in ink])
    prompts = embed.texts([plan.prompt(each.cell) for each in ink])
    expected = {
        "text_alignment": (images * prompts).sum(dim=1),
        "style_alignment": (images @ embed.images([read_pixels(file) for file in plan.styles[0].images]).T).mean(1),
        "content_leak": images @ embed.texts(["a red house"])[0],
    }
    for metric, values in expected.items():
        assert [each.values[metric] for each in ink] == pytest.approx(values.tolist(), abs=1e-5)
    # of the other style no caption is known
    assert evaluation.mean("content_leak") == pytest.approx(float(expected["content_leak"].mean()), abs=1e-5)
    assert evaluation.notes == [
        "content_leak: no caption beside a reference of oil, so it is of the other styles alone"
    ]


def test_a_reference_is_nearest_to_itself(plan: Plan, tmp_path: Path) -> None:
    for style in plan.styles:
        for cell in plan.cells(style.name):
            write_image(tmp_path / "copied" / cell.file, read_image(style.images[0]))
    evaluation = evaluate(plan, tmp_path / "copied")
    assert evaluation.style_mean("gram_distance", MADE, "oil") == 0
    assert (evaluation.style_mean("gram_distance", MADE, "ink") or 0) > 0


def test_images_are_made_once_and_measured(
    plan: Plan, predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = tmp_path / "images"
    evaluation = evaluate(plan, predictor, images)
    assert evaluation.makers == [MADE, PLAIN]
    assert len(evaluation.scored) == 16
    files = sorted(path.relative_to(images).as_posix() for path in images.rglob("*.png"))
    assert files == sorted(cell.file for name in ("ink", "oil", PLAIN) for cell in plan.cells(name))
    # each is what is made of its prompt and seed alone
    for name, style in (("ink", list(plan.styles[0].images)), (PLAIN, None)):
        (alone,) = predictor(style, "a boat", steps=2, size=(16, 16), seed=5).images
        np.testing.assert_allclose(read_image(images / name / "02-5.png").pixels.astype(int), alone, atol=1)

    asked = []
    inside = Predictor.__call__

    def counted(self: Predictor, style: Any, prompt: str, **given: Any) -> Any:
        asked.append((prompt, given["seed"]))
        return inside(self, style, prompt, **given)

    monkeypatch.setattr(Predictor, "__call__", counted)
    (images / "oil" / "01-5.png").unlink()
    again = evaluate(plan, predictor, images)
    assert asked == [("a cat", [5])]
    for before, after in zip(evaluation.scored, again.scored, strict=True):
        assert after.values == pytest.approx(before.values, rel=1e-2)
    # more prompts go into the same folder, other settings do not
    more = Plan(plan.styles, (*PROMPTS_HERE, "a red sea"), plan.seeds, plan.sampling)
    assert len(evaluate(more, predictor, images).scored) == 24
    assert json.loads((images / RECORD).read_text())["prompts"] == {"01": "a cat", "02": "a boat", "03": "a red sea"}
    for other, told in (
        (Plan(plan.styles, PROMPTS_HERE, plan.seeds, Sampling(steps=3, size=(16, 16))), r"other settings \(steps\)"),
        (Plan(plan.styles, PROMPTS_HERE[::-1], plan.seeds, plan.sampling), r"other prompts \(01, 02\)"),
        (Plan([StyleGroup("ink", plan.styles[1].images)], PROMPTS_HERE, plan.seeds, plan.sampling), r"styles \(ink\)"),
    ):
        with pytest.raises(InputError, match=told):
            evaluate(other, predictor, images)


def test_black_images_are_told_of(plan: Plan, predictor: Predictor, tmp_path: Path) -> None:
    make_images(predictor, plan, tmp_path)
    assert flagged(plan, tmp_path) == ""
    for place in ("ink/01-0.png", f"{PLAIN}/02-5.png"):
        settings = read_settings(tmp_path / place, NAME)
        write_png(tmp_path / place, np.zeros((16, 16, 3), np.uint8), settings | {"flagged": True}, NAME)
    told = f"the safety checker made 2 images black, which count: ink/01-0.png, {PLAIN}/02-5.png"
    assert flagged(plan, tmp_path) == told
    assert told in evaluate(plan, predictor, tmp_path).notes


def test_what_cannot_be_measured(plan: Plan, made: Path, clip: Path, tmp_path: Path) -> None:
    for options, told in (
        ({"protocols": ["colour"]}, "unknown protocol colour"),
        ({"protocols": ["alignment"]}, "alignment: is measured by a CLIP"),
        ({"clip": clip}, "give both, or neither"),
        ({"vgg": tmp_path / "none.pth"}, "no such file"),
    ):
        with pytest.raises(InputError, match=told):
            evaluate(plan, made, **options)
    (made / "oil" / "01-0.bmp").unlink()
    with pytest.raises(InputError, match=r"no image for 1 of 8 images: oil/01-0\.png"):
        evaluate(plan, made)
    write_image(made / "oil" / "01-0.png", Image(photo(15, 40, seed=0)))
    with pytest.raises(InputError, match=r"01-0\.png: 40 x 15 pixels; at least 16 x 16 are needed"):
        evaluate(plan, made)


def test_the_sheet_shows_each_style(plan: Plan, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn_sheets: list[Any] = []
    monkeypatch.setattr("artadapter_style.evaluation.sheet.draw_sheet", lambda *given: drawn_sheets.append(given))
    for cell in plan.cells(PLAIN):
        write_image(made / cell.file, Image(photo(20, 16, seed=90 + cell.prompt)))
    write_sheet(plan, made, tmp_path / "sheet.png")
    ((path, columns, rows, cells),) = drawn_sheets
    assert path == tmp_path / "sheet.png"
    assert [column.label for column in columns] == ["ink", "oil", "no style"]
    np.testing.assert_array_equal(columns[1].head, read_image(plan.styles[1].images[0]).pixels)
    assert list(rows) == list(PROMPTS_HERE)
    np.testing.assert_array_equal(cells[1][0], read_image(made / "ink" / "02-0.bmp").pixels)
    np.testing.assert_array_equal(cells[0][2], photo(20, 16, seed=91))


def test_blind_pairs(plan: Plan, made: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    for cell in (cell for style in plan.styles for cell in plan.cells(style.name)):
        write_image(other / cell.file, Image(np.full((20, 16, 3), 200, np.uint8)))
    out = tmp_path / "pairs"
    assert export_pairs(plan, made, other, out) == 4
    key = list(csv.DictReader(key_of(out).open()))
    assert sorted(line["a"] for line in key) == sorted([str(made)] * 2 + [str(other)] * 2)
    answers = list(csv.DictReader((out / "answers.csv").open()))
    assert {(line["style"], line["prompt"]) for line in answers} == {
        (s, p) for s in ("ink", "oil") for p in PROMPTS_HERE
    }
    for line in key:
        for side in "ab":
            grey = bool((read_image(out / f"{line['pair']}-{side}.png").pixels == 200).all())
            assert grey == (line[side] == str(other))
    # a judge who always takes the grey one
    rows = [[line["pair"], "", "", next(side for side in "ab" if line[side] == str(other))] for line in key[1:]]
    with (out / "answers.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["pair", "style", "prompt", "better"], *rows])
    assert count_answers(out) == {str(made): 0, str(other): 3}
    with pytest.raises(InputError, match="there are files in it, answers perhaps"):
        export_pairs(plan, made, other, out)
    with pytest.raises(InputError, match="compared with themselves"):
        export_pairs(plan, made, made, tmp_path / "same")
    (out / "answers.csv").write_text("pair,style,prompt,better\n001,,,c\n")
    with pytest.raises(InputError, match=r"answers\.csv, line 2: better is 'c'"):
        count_answers(out)


def test_the_command(run: Run, base: Path, styles: Path, made: Path, adapter: Path, tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("a cat\na boat\n")
    common = ("--data", styles, "--prompts", tmp_path / "prompts.txt", "--seeds", 0, 5)
    making = (*common, "--steps", 1, "--size", 16, 16, "--weights", adapter, "--base", base, "--device", "cpu")
    code, said, complaints = run("evaluate", *making, "--out", tmp_path / "out", "--against", made)
    assert (code, complaints) == (0, "")
    assert f"4 pairs to judge: {tmp_path / 'out' / 'pairs'}\ntables: {tmp_path / 'out'}\n" in said
    written = [f"{name}.{kind}" for name in ("summary", "per_style", "per_image") for kind in ("csv", "md")]
    assert {*written, "report.json", "sheet.png", "images", "pairs", "pairs-key.csv"} == {
        path.name for path in (tmp_path / "out").iterdir()
    }
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["sampling"] == {"steps": 1, "guidance": 7.5, "scale": 1.0, "size": [16, 16]}
    # what was made is measured alike when it is given as results
    code, _, _ = run("evaluate", *common, "--results", tmp_path / "out" / "images", "--out", tmp_path / "again")
    again = json.loads((tmp_path / "again" / "report.json").read_text())
    assert (code, again["measured"]) == (0, report["measured"])
    assert again["measured"]["gram_distance"].keys() == {"by", MADE, PLAIN}

    out = ("--out", tmp_path / "none")
    refuses(run, "evaluate", *making, *out, "--scale", 11, told="the strength of low is 11")
    refuses(run, "evaluate", *making, *out, "--against", styles, told="no image for 4 of 4 images")
    # what was refused stands in no way
    assert list((tmp_path / "none").rglob("*")) == []
    for words, told in (
        ((*common, *out), "give either --weights or --results"),
        ((*common, *out, "--results", made, "--protocols", "colour"), "protocols"),
        ((*common, *out, "--results", made, "--protocols", "alignment"), "alignment: is measured by a CLIP"),
        ((*common, *out, "--results", made, "--vgg", "vgg19"), "weights get vgg19"),
        ((*common, *out, "--results", made, "--device", "gpu"), "unknown device"),
        ((*common, *out, "--results", styles), "no image for 8 of 8 images"),
        (("--data", made / "ink" / "01-0.bmp", *out, "--results", made), "no such folder of style references"),
    ):
        refuses(run, "evaluate", *words, told=told)
