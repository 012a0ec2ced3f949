"""The commands of ``anyscene-compose``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict, Unpack

from tyro.conf import arg

from visioncore.cli import Default, complain, say
from visioncore.commands import options
from visioncore.commands.evaluation import check_one_given
from visioncore.commands.shared import program, shared_commands
from visioncore.commands.training import run_training
from visioncore.files import writable_folder

from .method import METHOD

if TYPE_CHECKING:
    from visioncore.inference.batch import Summary

    from .inference.cutouts import Cutting as CutOuts
    from .inference.predictor import Predictor
    from .inference.scenes import Placing

demo, convert, export, bench, info, weights = shared_commands(METHOD)

Base = Annotated[str, arg(help="Stable Diffusion 1.x, 2.x or XL: a folder of diffusers, a single file, or demo")]


class Running(options.Generating, total=False):
    """Arguments of the Predictor."""

    base: Annotated[Base, Default("demo")]


# the commands of composing: compose, predict, relight


class Cutting(TypedDict, total=False):
    """How files become cut-outs."""

    mask: Annotated[str, arg(help="of a photo, white where the foreground is; or a folder of them"), Default("")]
    sam: Annotated[str, arg(help="checkpoint of Segment Anything, which cuts out photos without alpha"), Default("")]
    points: Annotated[
        tuple[float, ...],
        arg(help="columns and rows of pixels in what is cut out; default: the middle"),
        Default(()),
    ]
    around: Annotated[
        tuple[float, float, float, float],
        arg(help="left, top, right, bottom around what is to be cut out; 0 0 0 0 for none"),
        Default((0.0, 0.0, 0.0, 0.0)),
    ]
    matting: Annotated[str, arg(help="folder of ViTMatte, which makes the edge of a mask soft"), Default("")]
    alpha: Annotated[
        Literal["checked", "straight", "premultiplied"],
        arg(help="of the files; checked refuses those whose colours look multiplied by it"),
        Default("checked"),
    ]


class Blending(TypedDict, total=False):
    """How the foreground is put into the scene."""

    harmony: Annotated[
        float, arg(help="0 keeps its pixels bit for bit, 1 takes its light from the scene"), Default(0.5)
    ]
    levels: Annotated[int, arg(help="bands of detail; 0 for 5 at 512 pixels, one more with each doubling"), Default(0)]
    keep_low: Annotated[int, arg(help="the coarsest of them, which come from the scene"), Default(2)]


class Composing(Running, Cutting, Blending, total=False):
    """How scenes are made."""

    negative: Annotated[str, arg(help="prompt of what is not wanted"), Default("")]
    size: Annotated[
        tuple[int, int], arg(help="width and height of the canvas; 0 0 for those of the base"), Default((0, 0))
    ]
    box: Annotated[
        tuple[float, float, float, float],
        arg(help="left, top, right, bottom that the cut-out is fitted into; 0 0 0 0 for the middle"),
        Default((0.0, 0.0, 0.0, 0.0)),
    ]
    rotation: Annotated[float, arg(help="of the cut-out in degrees, against the clock"), Default(0.0)]
    in_place: Annotated[bool, arg(help="keep it where it is in its image, which fills the canvas"), Default(False)]
    name: Annotated[str, arg(help="what it shows; default: the name of the file"), Default("")]
    words: Annotated[
        tuple[str, ...],
        arg(help="of the prompt that mean it, kept to its place; default: its name"),
        Default(()),
    ]
    seeds: Annotated[tuple[int, ...], arg(help="of the noise; one image for each"), Default((0,))]
    steps: Annotated[int, arg(help="of the sampler"), Default(30)]
    sampler: Annotated[Literal["dpm++", "ddim", "euler"], arg(help="way from noise to image"), Default("dpm++")]
    guidance: Annotated[float, arg(help="how strongly the prompt is followed; 1 is without guidance"), Default(7.5)]
    spatial: Annotated[float, arg(help="strength of the injector's maps: 1 as trained, 0 for none"), Default(1.0)]
    semantic: Annotated[float, arg(help="strength of the injector's tokens"), Default(1.0)]
    layout: Annotated[bool, arg(help="keep words and tokens of a cut-out to its place"), Default(True)]
    tau: Annotated[float, arg(help="share of the steps in which its inside is held in place"), Default(0.8)]
    band: Annotated[int, arg(help="free all the same inside its outline, in latent pixels"), Default(1)]
    clip: Annotated[str, arg(help="CLIP ViT-L/14, for an injector that sees cut-outs by it"), Default("")]


def compose(
    inputs: options.Inputs,
    weights: options.Weights,
    out: options.Out,
    prompt: Annotated[str, arg(help="what the scene shows; {name} stands for the name of each cut-out")] = "",
    overwrite: options.Overwrite = False,
    **composing: Unpack[Composing],
) -> Summary:
    """Make a new scene around each cut-out.

    Images are PNG files that hold the settings they were made with. What is done already is skipped, and a broken file
    is reported and the others still run.

    Args:
        inputs: images with alpha, or photos that are cut out: files, folders, glob patterns; or layouts of several
            (.json), named outright.
    """
    from .inference.files import compose_files

    predictor = _predictor(weights, composing)
    placing, files = _placing(composing)
    every: Mapping[str, Any] = composing
    given = {name: every[name] for name in _PASSED}
    scale = {"spatial": composing["spatial"], "semantic": composing["semantic"]}
    how = {**given, **_blended(composing), "scale": scale, "seeds": list(composing["seeds"])}
    summary = compose_files(
        inputs, predictor, out, prompt, placing, options=how, recorded=files, overwrite=overwrite, say=complain
    )
    say(f"{summary}; results in {out}")
    return summary


_PASSED = ("negative", "steps", "sampler", "guidance", "layout", "tau", "band")
"""Options that the pipeline has under the same names."""


@wraps(compose)
def predict(*args: Any, **given: Any) -> Summary:
    return compose(*args, **given)


predict.__name__ = predict.__qualname__ = "predict"


class Relighting(Cutting, Blending, total=False):
    """How a cut-out is put into a scene that is there."""

    box: Annotated[
        tuple[float, float, float, float],
        arg(help="left, top, right, bottom in the scene; 0 0 0 0 for the middle, or all of it if sizes are equal"),
        Default((0.0, 0.0, 0.0, 0.0)),
    ]
    rotation: Annotated[float, arg(help="in degrees, against the clock"), Default(0.0)]
    device: Annotated[options.Device, Default("auto")]


def relight(
    inputs: options.Inputs,
    scene: Annotated[str, arg(help="an image, or a folder of images that are named as the inputs")],
    out: options.Out,
    overwrite: options.Overwrite = False,
    **relighting: Unpack[Relighting],
) -> Summary:
    """Put each cut-out into a scene, in its light; no network is needed.

    Args:
        inputs: images with alpha, or photos that are cut out: files, folders, glob patterns.
    """
    from .inference.relighting import relight_files

    cutting, files = _cutting(relighting)
    how = {**_blended(relighting), "box": _box(relighting["box"]), "rotation": relighting["rotation"]}
    summary = relight_files(
        inputs, scene, out, cutting=cutting, options=how, recorded=files, overwrite=overwrite, say=complain
    )
    say(f"{summary}; results in {out}")
    return summary


def _cutting(given: Mapping[str, Any]) -> tuple[CutOuts, dict[str, Any]]:
    """Return how files become cut-outs, and the files that this takes, for the record of a batch."""
    from .inference.cutouts import cutting_of

    named = {name: given[name] for name in ("mask", "sam", "matting") if given[name]}
    return cutting_of(
        **named, points=given["points"], around=_box(given["around"]), alpha=given["alpha"], device=given["device"]
    )


def _placing(given: Mapping[str, Any]) -> tuple[Placing, dict[str, Any]]:
    """Return where cut-outs go, and how that and they are recorded."""
    from .inference.scenes import Placing

    cutting, files = _cutting(given)
    size, box = given["size"] if any(given["size"]) else None, _box(given["box"])
    where = {name: given[name] for name in ("rotation", "in_place", "name", "words")}
    return Placing(size, box, **where, cutting=cutting), {"size": size, "box": box, **where, **files}


def _blended(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"harmony": given["harmony"], "levels": given["levels"] or None, "keep_low": given["keep_low"]}


def _box(given: tuple[float, float, float, float]) -> tuple[float, float, float, float] | None:
    return given if any(given) else None


# the command of training: train


class Training(options.Training, total=False):
    """Start of a training, and where it keeps what it needs again."""

    base: Annotated[Base, Default("demo")]
    cache: Annotated[
        str,
        arg(help="folder that keeps latents and encoded captions; default: features in out"),
        Default(""),
    ]


def train(
    recipe: str,
    out: Path,
    overrides: Mapping[str, str],
    data: str = "",
    **start: Unpack[Training],
) -> int:
    """Train an injector by a recipe; the same call resumes an interrupted run.

    Args:
        recipe: a shipped recipe (sd15, sd21, sdxl, demo) or a YAML file.
        out: folder of the run; out/last holds the weights.
        data: captioned scenes with foregrounds: a folder with masks or RGBA foregrounds, COCO, webdataset shards;
            without it a few are drawn, to try it out.
    """
    from .training import trainer

    return run_training(trainer.train, recipe, data, out, overrides=overrides, say=complain, **start)


# the commands of evaluation: evaluate, benchmark


class Benchmark(Running, total=False):
    """Rivals of the method, and the networks that measure; all of it is optional."""

    baselines: Annotated[
        tuple[Literal["paste", "inpainting", "canny"], ...],
        arg(help="default: all, canny if it is given"),
        Default(()),
    ]
    inpainting: Annotated[str, arg(help="folder of a model for inpainting; default: the base itself"), Default("")]
    canny: Annotated[str, arg(help="folder of a ControlNet for edges, or weights of the form canny"), Default("")]
    sam: Annotated[str, arg(help="checkpoint of Segment Anything, to find what has grown"), Default("")]
    clip: Annotated[str, arg(help="file or folder of a CLIP, or clip-vit-l-14 once it is fetched"), Default("")]
    dino: Annotated[str, arg(help="folder of transformers with a DINO"), Default("")]
    lpips: Annotated[tuple[str, ...], arg(help="for LPIPS: torchvision's AlexNet, and alex.pth"), Default(())]
    real: Annotated[tuple[str, ...], arg(help="photos that scenes are compared with, by --clip"), Default(())]


def benchmark(
    data: Path,
    weights: options.Weights = "",
    results: options.Results = "",
    out: options.Tables = Path("out/benchmark"),
    protocols: tuple[Literal["expansion", "fidelity", "duplication", "harmony", "scene"], ...] = (
        "expansion",
        "fidelity",
        "duplication",
        "harmony",
    ),
    prompts: Annotated[str, arg(help="text file, one prompt a line, each with {name} in it; default: 8 scenes")] = "",
    seeds: Annotated[tuple[int, ...], arg(help="of the noise of each cut-out and prompt")] = (0, 1, 2),
    steps: Annotated[int, arg(help="of the sampler")] = 30,
    guidance: Annotated[float, arg(help="how strongly the prompt is followed")] = 7.5,
    sampler: Annotated[Literal["dpm++", "ddim", "euler"], arg(help="way from noise to image")] = "dpm++",
    size: Annotated[tuple[int, int], arg(help="width and height of the canvas in pixels")] = (512, 512),
    share: Annotated[float, arg(help="part of the canvas's sides that a cut-out's box takes")] = 0.5,
    harmony: Annotated[float, arg(help="of the method's blending: 0 keeps pixels as they are")] = 0.5,
    **given: Unpack[Benchmark],
) -> None:
    """Make every cut-out in every scene by this method and by others, measure all of them, and write tables.

    Images that are in out already are not made again. Under accelerate launch or torchrun processes share them, and the
    last one to finish measures.

    Args:
        data: a folder of cut-outs, images with alpha, with names of what they show in text files beside them.
        protocols: scene needs --clip, which adds to fidelity and duplication as well.
    """
    from visioncore.diffusion.prompt_files import read_prompts
    from visioncore.report import print_table

    from .evaluation.benchmark import makers_of, networks_of
    from .evaluation.cutouts import read_cutouts
    from .evaluation.making import make_images
    from .evaluation.plan import Plan, Sampling
    from .evaluation.prompts import PROMPTS
    from .evaluation.protocols import evaluate as measure
    from .evaluation.protocols import make_measures
    from .evaluation.sheet import write_sheet

    check_one_given(weights=weights, results=results)
    writable_folder(out)
    sampling = Sampling(steps, guidance, sampler, "", (size[1], size[0]), share)
    plan = Plan(read_cutouts(data), read_prompts(prompts) if prompts else PROMPTS, seeds, sampling)
    images = Path(results) if results else out / "images"
    measuring: dict[str, Any] = {name: given[name] for name in ("sam", "clip", "dino", "lpips", "real", "device")}
    measures = make_measures(protocols, networks_of(**measuring), given["device"])
    makers, made_by = [], ""
    if weights:
        predictor = _predictor(weights, {**given, "clip": ""})
        rivals: dict[str, Any] = {name: given[name] for name in ("baselines", "inpainting", "canny", "clip")}
        makers = makers_of(predictor, **rivals, harmony=harmony)
        made_by = f"{METHOD.title} and {len(makers) - 1} others, base {predictor.base}, {predictor.dtype}"
    if makers and (waiting := make_images(makers, plan, images)):
        say(f"{waiting} images are being made by other processes; the last one to finish measures")
        return
    evaluation = measure(plan, images, [maker.name for maker in makers], measures=measures, made_by=made_by)
    evaluation.save(out)
    write_sheet(plan, evaluation.makers, images, out / "sheet.png")
    print_table(evaluation.summary(), title=f"{len(plan.cutouts)} cut-outs of {data}, by {evaluation.made_by}")
    for note in evaluation.notes:
        say(note)
    say(f"tables: {out}")


@wraps(benchmark)
def evaluate(*args: Any, **given: Any) -> None:
    benchmark(*args, **given)


evaluate.__name__ = evaluate.__qualname__ = "evaluate"


def _predictor(weights: str, given: Mapping[str, Any]) -> Predictor:
    from .inference.predictor import Predictor

    running = {name: given[name] for name in Running.__annotations__}
    return Predictor(weights, **running, clip=given.get("clip") or None, notify=complain)


COMMANDS, main = program(
    METHOD, demo, compose, predict, relight, train, benchmark, evaluate, convert, export, bench, info, weights
)

if __name__ == "__main__":
    sys.exit(main())
