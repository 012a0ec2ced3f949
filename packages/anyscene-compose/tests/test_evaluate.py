"""Cut-outs x prompts x seeds -> tables: what is made and kept, what is measured by which network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch

from anyscene_compose import Injector
from anyscene_compose.evaluation.areas import Pixels, covered
from anyscene_compose.evaluation.baselines import Asked
from anyscene_compose.evaluation.colours import frechet_distance
from anyscene_compose.evaluation.cutouts import box_in, foreground_of, pasted, read_cutouts
from anyscene_compose.evaluation.duplication import without_foreground
from anyscene_compose.evaluation.fidelity import crop_of
from anyscene_compose.evaluation.lpips import LPIPS, Comparison
from anyscene_compose.evaluation.making import asked_of, make_images
from anyscene_compose.evaluation.measures import METRICS
from anyscene_compose.evaluation.plan import Cell, Plan, Sampling
from anyscene_compose.evaluation.prompts import PROMPTS, check_prompts, prompt_of, scene_of
from anyscene_compose.evaluation.protocols import Networks, evaluate, make_measures, makers_in
from anyscene_compose.evaluation.reading import read_pixels
from anyscene_compose.evaluation.scores import Evaluation, Scored
from anyscene_compose.evaluation.sheet import write_sheet
from anyscene_compose.evaluation.vectors import ImageVectors
from visioncore.backbones.clip_embedding import ClipEmbedder
from visioncore.diffusion.image_record import RECORD
from visioncore.errors import InputError
from visioncore.images import Image, write_image
from visioncore.testing.photos import photo
from visioncore.testing.suites.base import Run, refuses

PACKAGE = "anyscene_compose"
PROMPTS_HERE = ("{name} on a rock", "a boat with {name}")
HOW = Sampling(steps=1, size=(64, 96))


class Drawn:
    """A maker that takes no time: the cut-out over random scenes."""

    def __init__(self, name: str = "drawn", light: int = 0) -> None:
        self.name, self._light = name, light
        self.asked: list[tuple[str, list[int]]] = []

    def __call__(self, asked: Asked, seeds: Sequence[int], sampling: Sampling) -> list[Pixels]:
        self.asked.append((asked.prompt, list(seeds)))
        foreground, (height, width) = foreground_of(asked.canvas), sampling.size
        lighter = foreground.copy()
        lighter[..., :3] = np.minimum(foreground[..., :3].astype(int) + self._light, 255)
        return [pasted(lighter, photo(height, width, seed=seed)) for seed in seeds]

    def recorded(self) -> dict[str, Any]:
        return {"light": self._light}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of two cut-outs, of one with its name beside it."""
    for seed, name in enumerate(("red-mug.png", "animals/cat.png")):
        alpha = np.zeros((40, 30), np.uint8)
        alpha[4:36, 4:26] = 255
        write_image(tmp_path / "cutouts" / name, Image(photo(40, 30, seed=20 + seed), alpha))
    (tmp_path / "cutouts" / "animals" / "cat.txt").write_text("a black\ncat\n")
    return tmp_path / "cutouts"


@pytest.fixture
def plan(folder: Path) -> Plan:
    return Plan(read_cutouts(folder), PROMPTS_HERE, (0, 5), HOW)


@pytest.fixture
def images(plan: Plan, tmp_path: Path) -> Path:
    """A folder of images by two makers."""
    assert make_images([Drawn("anyscene"), Drawn("paste", 40)], plan, tmp_path / "images") == 0
    return tmp_path / "images"


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small CLIP with random weights."""
    folder = tmp_path_factory.mktemp("clip")
    about: dict[str, Any] = {
        "embed_dim": 4,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 1},
    }
    torch.manual_seed(0)
    torch.save(open_clip.CLIP(**about).state_dict(), folder / "open_clip_pytorch_model.bin")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": about}))
    return folder


def test_cutouts(folder: Path, tmp_path: Path) -> None:
    cat, mug = read_cutouts(folder)
    assert (cat.key, cat.name) == ("animals/cat", "a black cat")
    assert (mug.key, mug.name) == ("red-mug", "red mug")
    with pytest.raises(InputError, match="no such folder of cut-outs"):
        read_cutouts(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no image in it"):
        read_cutouts(tmp_path / "empty")
    write_image(folder / "red-mug.webp", Image(photo(8, 8, seed=0)))
    with pytest.raises(InputError, match="has the same name; rename one of them"):
        read_cutouts(folder)


def test_cutouts_stand_in_the_middle(plan: Plan) -> None:
    assert box_in(100, 200, 0.5) == (25, 80, 75, 180)
    # of a tall one the foot is at the edge
    assert box_in(100, 100, 0.95) == (2, 5, 98, 100)
    asked = asked_of(plan, Cell("paste", "red-mug", 1, 0))
    foreground = foreground_of(asked.canvas)
    assert foreground.shape == (64, 96, 4)
    rows, columns = np.nonzero(covered(foreground))
    assert abs((columns.min() + columns.max()) / 2 - 48) <= 1
    assert 50 <= rows.max() < 58
    assert (asked.prompt, asked.scene) == ("red mug on a rock", "on a rock")


def test_prompts() -> None:
    check_prompts(PROMPTS)
    assert len(set(PROMPTS)) == len(PROMPTS)
    assert prompt_of("{name} on a rock", "a cat") == "a cat on a rock"
    assert scene_of("a rock, {name}") == "a rock"
    assert scene_of("a boat with {name} in it") == "a boat with in it"
    for wrong in ("a rock", "{name} and {name}", " {name}, "):
        with pytest.raises(InputError, match=r"should say \{name\} once"):
            check_prompts([wrong])


def test_plans(plan: Plan, folder: Path) -> None:
    cutouts = read_cutouts(folder)
    assert [cell.file for cell in plan.cells(["paste"])][:5] == [
        *("paste/animals/cat/01-0.png", "paste/animals/cat/01-5.png", "paste/animals/cat/02-0.png"),
        *("paste/animals/cat/02-5.png", "paste/red-mug/01-0.png"),
    ]
    assert plan.prompt(Cell("paste", "animals/cat", 2, 0)) == "a boat with a black cat"
    for given, told in (
        ((cutouts, PROMPTS_HERE, (1, 1)), "seeds are 1 1"),
        ((cutouts, PROMPTS_HERE, (-1,)), "seeds are -1"),
        ((cutouts, PROMPTS_HERE, ()), "there are no seeds"),
        ((cutouts, ()), "there are no prompts"),
        (((),), "there are no cut-outs"),
    ):
        with pytest.raises(InputError, match=told):
            Plan(*given)
    for settings, wrong in (
        ({"share": 1}, "share is 1"),
        ({"size": (64, 100)}, "size is 100 x 64; sides must be multiples of 8"),
        ({"size": (64, 0)}, "size is 0 x 64"),
        ({"steps": 0}, "steps is 0"),
        ({"guidance": -1}, "guidance is -1"),
        ({"sampler": "none"}, "unknown sampler"),
    ):
        with pytest.raises(InputError, match=wrong):
            Sampling(**settings)


def test_a_cut_out_that_will_not_do_is_told_before_any_image_is_made(plan: Plan, folder: Path, tmp_path: Path) -> None:
    write_image(folder / "zebra.png", Image(np.zeros((8, 8, 3), np.uint8)))
    broken = Plan(read_cutouts(folder), plan.prompts, plan.seeds, plan.sampling)
    with pytest.raises(InputError, match=r"zebra\.png: it has no alpha"):
        make_images([Drawn()], broken, tmp_path / "images")
    assert not (tmp_path / "images").exists()


def test_images_are_made_once(plan: Plan, tmp_path: Path) -> None:
    maker = Drawn()
    assert make_images([maker], plan, tmp_path) == 0
    assert len(maker.asked) == 4
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("drawn/**/*.png")) == sorted(
        cell.file for cell in plan.cells(["drawn"])
    )
    (tmp_path / "drawn" / "red-mug" / "02-5.png").unlink()
    maker.asked.clear()
    assert make_images([maker, Drawn("other")], plan, tmp_path) == 0
    assert maker.asked == [("a boat with red mug", [5])]
    more = Plan(plan.cutouts, (*PROMPTS_HERE, "a sea and {name}"), plan.seeds, plan.sampling)
    assert make_images([maker], more, tmp_path) == 0
    assert list(json.loads((tmp_path / RECORD).read_text())["prompts"]) == ["01", "02", "03"]
    for other, told in (
        (Plan(plan.cutouts, PROMPTS_HERE[::-1], plan.seeds, HOW), r"other prompts \(01, 02\)"),
        (Plan(plan.cutouts, PROMPTS_HERE, plan.seeds, Sampling(steps=2, size=(64, 96))), r"other sampling \(steps\)"),
    ):
        with pytest.raises(InputError, match=told):
            make_images([maker], other, tmp_path)
    with pytest.raises(InputError, match=r"other makers \(drawn\)"):
        make_images([Drawn(light=3)], plan, tmp_path)


def test_processes_share_the_images(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    left = []
    for rank in range(3):
        monkeypatch.setenv("RANK", str(rank))
        maker = Drawn()
        left.append(make_images([maker], plan, tmp_path))
        assert len(maker.asked) == (2 if rank == 0 else 1)
    assert left == [4, 2, 0]


def test_what_pixels_alone_tell(plan: Plan, images: Path) -> None:
    found = evaluate(plan, images)
    assert found.makers == ["anyscene", "paste"] == list(makers_in(images))
    without = ("lpips", "clip_similarity", "dino_similarity", "name_margin", "judged_copies", "text_alignment")
    assert found.metrics == [name for name in METRICS if name not in (*without, "frechet_distance")]
    assert set(found.networks.values()) == {"pixels", "colours of the outline"}
    assert found.mean("psnr", "anyscene") == 100
    assert found.mean("ssim", "anyscene") == pytest.approx(1)
    # the other one has a foreground that is lighter
    assert 15 < (found.mean("psnr", "paste") or 0) < 20
    assert found.mean("expansion_pixels", "anyscene") is not None
    assert len(found.scored) == 16


def test_what_networks_tell(plan: Plan, images: Path, clip: Path, tmp_path: Path) -> None:
    for number in range(9):
        write_image(tmp_path / "real" / f"{number}.png", Image(photo(40, 40, seed=100 + number)))
    seen: list[str] = []

    def judge(scene: Pixels, name: str) -> float:
        seen.append(name)
        return float(scene.mean()) / 255

    everything = ("expansion", "fidelity", "duplication", "harmony", "scene")
    networks = Networks(
        finder=lambda image, foreground, name: np.full(image.shape[:2], name in ("a black cat", "red mug")),
        finder_name="all of it",
        clip=clip,
        judge=judge,
        judge_name="mean grey",
        real=[tmp_path / "real"],
    )
    found = evaluate(plan, images, ["paste"], measures=make_measures(everything, networks), made_by="a test")
    assert found.made_by == "a test"
    embed = ClipEmbedder(clip)
    assert found.networks["text_alignment"] == found.networks["frechet_distance"] == embed.name
    assert (found.networks["expansion_percent"], found.networks["judged_copies"]) == ("all of it", "mean grey")
    assert seen == ["a black cat"] * 4 + ["red mug"] * 4
    cell = found.scored[5].cell
    image = read_pixels(images / cell.file)
    foreground = foreground_of(asked_of(plan, cell).canvas)
    mask = covered(foreground)
    values = found.scored[5].values
    assert values["expansion_pixels"] == (~mask).sum()
    assert values["expansion_percent"] == pytest.approx(100 * (~mask).mean())
    prompt, name, scene = embed.texts([plan.prompt(cell), "red mug", "on a rock"])
    around, whole = embed.images([without_foreground(image, mask), image])
    crops = embed.images([crop_of(image, foreground[..., 3] >= 128), crop_of(foreground, foreground[..., 3] >= 128)])
    assert values["text_alignment"] == pytest.approx(float(whole @ prompt), abs=1e-5)
    assert values["name_margin"] == pytest.approx(float(around @ name - around @ scene), abs=1e-5)
    assert values["clip_similarity"] == pytest.approx(float(crops[0] @ crops[1]), abs=1e-5)
    assert values["judged_copies"] == pytest.approx(without_foreground(image, mask).mean() / 255)
    made = embed.images([read_pixels(images / each.cell.file) for each in found.scored]).numpy()
    real = embed.images([read_pixels(path) for path in sorted((tmp_path / "real").iterdir())]).numpy()
    assert found.mean("frechet_distance", "paste") == pytest.approx(frechet_distance(made, real), rel=1e-4)
    assert found.notes == []


def test_few_images_have_no_frechet_distance(plan: Plan, images: Path, clip: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "real.png", Image(photo(40, 40, seed=100)))
    networks = Networks(clip=clip, real=[tmp_path / "real.png"])
    found = evaluate(plan, images, ["paste"], measures=make_measures(["scene"], networks))
    assert found.metrics == ["text_alignment"]
    assert found.notes == ["frechet_distance: 1 images are too few; more than 4 are needed on both sides"]


def test_lpips(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Comparison()
    state = {f"features.{name}": value for name, value in network.features.state_dict().items()}
    state["classifier.1.weight"] = torch.zeros(2, 2)
    channels = {f"lin{number}.model.1.weight": torch.rand(each.shape) for number, each in enumerate(network.channels)}
    torch.save(state, tmp_path / "alexnet.pth")
    torch.save(channels, tmp_path / "alex.pth")
    lpips = LPIPS(tmp_path / "alexnet.pth", tmp_path / "alex.pth")
    one, other = photo(70, 70, seed=0), photo(70, 70, seed=1)
    assert lpips(one, one) == 0
    # by the definition, layer for layer
    planes = [torch.from_numpy(each).movedim(-1, 0)[None].float() / 127.5 - 1 for each in (one, other)]
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    maps = [(each - shift[:, None, None]) / scale[:, None, None] for each in planes]
    expected = 0.0
    network.requires_grad_(False)
    for layer, part in enumerate(network.features):
        maps = [part(each) for each in maps]
        if layer in (1, 4, 7, 9, 11):
            first, second = (each / each.norm(dim=1, keepdim=True).clamp(min=1e-10) for each in maps)
            weights = channels[f"lin{(1, 4, 7, 9, 11).index(layer)}.model.1.weight"]
            expected += float(((first - second).square() * weights).sum(1).mean())
    assert lpips(one, other) == pytest.approx(expected, rel=1e-4)
    torch.save({"lin0.model.1.weight": torch.zeros(1, 3, 1, 1)}, tmp_path / "wrong.pth")
    with pytest.raises(InputError, match=r"wrong\.pth"):
        LPIPS(tmp_path / "alexnet.pth", tmp_path / "wrong.pth")


def test_vectors_of_transformers(tmp_path: Path) -> None:
    from transformers import ViTConfig, ViTModel

    config = ViTConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, patch_size=56)
    torch.manual_seed(0)
    network: Any = ViTModel(config, add_pooling_layer=False).eval()
    network.save_pretrained(tmp_path / "dino")
    vectors = ImageVectors(tmp_path / "dino")
    image = np.full((224, 224, 3), 128, np.uint8)
    found = vectors([image, photo(50, 50, seed=0)])
    assert found.shape == (2, 16)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    pixels = ((128 / 255 - mean) / deviation)[None, :, None, None].expand(1, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(found[:1], network(pixel_values=pixels).last_hidden_state[:, 0])
    with pytest.raises(InputError, match="no network of transformers that can be read"):
        ImageVectors(tmp_path / "none")


def test_means_and_spreads(plan: Plan) -> None:
    values = {("animals/cat", 0): 1.0, ("animals/cat", 5): 3.0, ("red-mug", 0): 5.0, ("red-mug", 5): 6.0}
    scored = [Scored(Cell("paste", key, 1, seed), {"psnr": value}) for (key, seed), value in values.items()]
    found = Evaluation(plan, scored, {"psnr": "pixels"}, "made", {"paste": {"frechet_distance": 7.0}})
    assert found.mean("psnr", "paste") == 3.75
    assert found.mean("psnr", "paste", cutout="red-mug") == 5.5
    assert found.spread("psnr", "paste") == pytest.approx(np.std([3.0, 4.5]))
    assert found.mean("frechet_distance", "paste") == 7
    assert found.spread("frechet_distance", "paste") is None
    assert found.mean("ssim", "paste") is None
    assert found.summary().rows == [("psnr", "higher", "pixels", 3.75, 0.75)]
    assert found.per_cutout().rows[1][:3] == ("red-mug", "paste", 5.5)
    assert found.per_image().rows[3] == ("red-mug", "paste", "red mug on a rock", 5, 6.0)


def test_what_cannot_be_measured(plan: Plan, images: Path, tmp_path: Path) -> None:
    for protocols, networks, told in (
        (["colour"], Networks(), "unknown protocol colour"),
        (["scene"], Networks(), "scene: is measured by a CLIP"),
        (["harmony"], Networks(real=["photos"]), "real photos are compared with by the protocol scene"),
    ):
        with pytest.raises(InputError, match=told):
            make_measures(protocols, networks)
    with pytest.raises(InputError, match="no image for 8 of 8 images"):
        evaluate(plan, images, ["canny"])
    with pytest.raises(InputError, match="no folder of images in it"):
        evaluate(plan, tmp_path / "none")
    write_image(images / "paste" / "red-mug" / "01-0.png", Image(photo(64, 64, seed=0)))
    with pytest.raises(InputError, match=r"01-0\.png: 64 x 64 pixels; the canvas of the plan is 96 x 64"):
        evaluate(plan, images)


def test_the_sheet_shows_every_maker(plan: Plan, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(f"{PACKAGE}.evaluation.sheet.draw_sheet", lambda *given: drawn.append(given))
    write_sheet(plan, ["anyscene", "paste"], images, tmp_path / "sheet.png")
    ((path, columns, rows, cells),) = drawn
    assert path == tmp_path / "sheet.png"
    assert [column.label for column in columns] == ["foreground", "anyscene", "paste"]
    assert rows[:3] == ["a black cat on a rock", "a boat with a black cat", "red mug on a rock"]
    np.testing.assert_array_equal(cells[2][2], read_pixels(images / "paste" / "red-mug" / "01-0.png"))
    assert (cells[0][0][0, 0] == 128).all()


def test_the_command(run: Run, base: Path, folder: Path, tiny_weights: Path, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("{name} on a house\n")
    common = ("--data", folder, "--prompts", tmp_path / "prompts.txt", "--seeds", 0, "--size", 64, 64)
    making = (*common, "--steps", 1, "--weights", tiny_weights, "--base", base, "--device", "cpu")
    given = ("--protocols", "fidelity", "harmony", "scene", "--clip", clip)
    code, said, complaints = run("benchmark", *making, *given, "--out", tmp_path / "out")
    assert (code, complaints) == (0, "")
    assert said.endswith(f"tables: {tmp_path / 'out'}\n")
    written = [f"{name}.{kind}" for name in ("summary", "per_cutout", "per_image") for kind in ("csv", "md")]
    assert {*written, "report.json", "sheet.png", "images"} == {path.name for path in (tmp_path / "out").iterdir()}
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["made_by"] == f"AnyScene and 2 others, base {base}, torch.float32"
    assert report["sampling"]["size"] == [64, 64]
    psnr = {maker: values["mean"] for maker, values in report["measured"]["psnr"].items() if maker != "by"}
    assert psnr.keys() == {"anyscene", "paste", "inpainting"}
    assert psnr["paste"] == 100 > psnr["anyscene"]
    # what was made is measured alike when it is given as results
    results = ("--results", tmp_path / "out" / "images", "--out", tmp_path / "again", *given)
    assert run("evaluate", *common, *results)[0] == 0
    again = json.loads((tmp_path / "again" / "report.json").read_text())
    assert again["measured"] == report["measured"]

    out = ("--out", tmp_path / "none")
    for words, told in (
        ((*common, *out), "give either --weights or --results"),
        ((*common, *out, "--results", folder, "--protocols", "colour"), "protocols"),
        ((*common, *out, "--results", folder, "--protocols", "scene"), "scene: is measured by a CLIP"),
        ((*common, *out, "--results", folder, "--clip", "clip-vit-l-14"), "weights get clip-vit-l-14"),
        ((*common, *out, "--results", folder, "--lpips", "alex.pth"), "lpips has 1 files; it takes two"),
        ((*common, *out, "--results", folder, "--device", "gpu"), "unknown device"),
        ((*making, *out, "--baselines", "canny"), "canny: edge control needs a ControlNet"),
        ((*making, *out, "--inpainting", base), "its U-Net takes 4 channels; one for inpainting takes 9"),
        (("--data", tmp_path / "prompts.txt", *out, "--results", folder), "no such folder of cut-outs"),
    ):
        refuses(run, "benchmark", *words, told=told)


def test_edge_control_and_no_blending(run: Run, base: Path, folder: Path, tiny_weights: Path, tmp_path: Path) -> None:
    from visioncore.diffusion.base import load_base

    rival = Injector.for_base(load_base(base), form="canny", encoder="patches")
    rival.save_pretrained(tmp_path / "rival")
    given = ("--baselines", "canny", "--canny", tmp_path / "rival", "--harmony", 0, "--share", 0.4)
    words = ("--seeds", 0, "--size", 64, 64, "--steps", 1, "--weights", tiny_weights, "--base", base, "--device", "cpu")
    (tmp_path / "prompts.txt").write_text("{name} on a house\n")
    prompts = ("--prompts", tmp_path / "prompts.txt", "--protocols", "fidelity")
    assert run("benchmark", "--data", folder, *words, *given, *prompts, "--out", tmp_path / "out")[0] == 0
    measured = json.loads((tmp_path / "out" / "report.json").read_text())["measured"]
    assert {maker: values["mean"] for maker, values in measured["psnr"].items() if maker != "by"} == {
        "anyscene": 100,
        "canny": 100,
    }
