"""The commands of ``artadapter-style``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Unpack

from tyro.conf import Positional, arg

from visioncore.cli import Default, complain, say
from visioncore.commands import options
from visioncore.commands.evaluation import check_one_given
from visioncore.commands.shared import program, shared_commands
from visioncore.commands.training import run_training
from visioncore.files import writable_folder

from .method import METHOD

if TYPE_CHECKING:
    from visioncore.inference.batch import Summary

    from .inference.predictor import Predictor

demo, convert, export, bench, info, weights = shared_commands(METHOD)

Base = Annotated[str, arg(help="Stable Diffusion 1.x: a folder of diffusers, a .safetensors or .ckpt file, or demo")]


class Running(options.Generating, total=False):
    """Arguments of the Predictor."""

    base: Annotated[Base, Default("demo")]


class Drawing(Running, total=False):
    """How images are made."""

    negative: Annotated[str, arg(help="prompt of what is not wanted"), Default("")]
    low: Annotated[str, arg(help="image or style file for brushwork and colour; default: the input"), Default("")]
    mid: Annotated[str, arg(help="the same for shapes"), Default("")]
    high: Annotated[str, arg(help="the same for composition"), Default("")]
    scale: Annotated[float, arg(help="strength of the style: 1 as trained, 0 for none"), Default(1.0)]
    low_scale: Annotated[float, arg(help="of brushwork and colour, times scale"), Default(1.0)]
    mid_scale: Annotated[float, arg(help="of shapes, times scale"), Default(1.0)]
    high_scale: Annotated[float, arg(help="of composition, times scale"), Default(1.0)]
    down_layers: Annotated[float, arg(help="of the style in the first layers of the U-Net, times these"), Default(1.0)]
    middle_layers: Annotated[float, arg(help="in the layers of the smallest maps"), Default(1.0)]
    up_layers: Annotated[float, arg(help="in the last layers"), Default(1.0)]
    style_steps: Annotated[
        tuple[float, float], arg(help="part of the steps in which the style acts"), Default((0.0, 1.0))
    ]
    steps: Annotated[int, arg(help="of the sampler"), Default(30)]
    sampler: Annotated[Literal["dpm++", "ddim", "euler"], arg(help="way from noise to image"), Default("dpm++")]
    guidance: Annotated[
        float, arg(help="how strongly prompt and style are followed; 1 is without guidance"), Default(7.5)
    ]
    style_guidance: Annotated[float, arg(help="the same for the style alone; 0 for one guidance of both"), Default(0.0)]
    size: Annotated[
        tuple[int, int], arg(help="height and width in pixels; 0 0 for those of image or base"), Default((0, 0))
    ]
    seed: Annotated[int, arg(help="of the noise; the same one gives the same image"), Default(0)]
    images: Annotated[int, arg(help="of each prompt and style; the second has seed + 1"), Default(1)]
    image: Annotated[str, arg(help="photo that is changed, in place of an image from nothing"), Default("")]
    mask: Annotated[str, arg(help="of its size: white is changed, black stays bit by bit"), Default("")]
    strength: Annotated[float, arg(help="how far it is changed, up to 1; 0 for 0.75, or 1 in a mask"), Default(0.0)]


def generate(
    weights: options.Weights,
    out: options.Out,
    inputs: options.Inputs = (),
    prompt: Annotated[str, arg(help="what the image shows")] = "",
    together: Annotated[bool, arg(help="take the mean of all inputs as one style")] = False,
    shares: Annotated[tuple[float, ...], arg(help="of the inputs in that mean; default: all the same")] = (),
    overwrite: options.Overwrite = False,
    **drawing: Unpack[Drawing],
) -> Summary:
    """Make an image in the style of each reference.

    Images are PNG files that hold the settings they were made with. What is done already is skipped, and a broken file
    is reported and the others still run.

    Args:
        inputs: reference images or style files: files, folders, glob patterns; none where low, mid or high are given.
    """
    from .inference.files import generate_files

    given = {"prompt": prompt, "weights": shares or None, **_drawn(drawing)}
    predictor = _predictor(weights, drawing)
    summary = generate_files(
        inputs, predictor, out, options=given, together=together, overwrite=overwrite, say=complain
    )
    say(f"{summary}; results in {out}")
    return summary


@wraps(generate)
def predict(*args: Any, **given: Any) -> Summary:
    return generate(*args, **given)


predict.__name__ = predict.__qualname__ = "predict"


def mix(
    inputs: options.Inputs,
    weights: options.Weights,
    out: Annotated[Path, arg(help="folder for the images and sheet.png")],
    prompt: Annotated[tuple[str, ...], arg(help="what the images show: one or several")] = (),
    prompts: Annotated[str, arg(help="file with a prompt on each line")] = "",
    overwrite: options.Overwrite = False,
    **drawing: Unpack[Drawing],
) -> Summary:
    """Make an image of every prompt in every style, and a contact sheet of all.

    What is done already is skipped, and a broken file is reported and the others still run.

    Args:
        inputs: reference images or style files: files, folders, glob patterns.
    """
    from visioncore.diffusion.prompt_files import read_prompts

    from .inference.mixing import mix_files

    texts = [*prompt, *(read_prompts(prompts) if prompts else [])]
    predictor = _predictor(weights, drawing)
    summary = mix_files(inputs, texts, predictor, out, options=_drawn(drawing), overwrite=overwrite, say=complain)
    say(f"{summary}; results in {out}")
    return summary


def style(
    action: Annotated[Positional[Literal["info"]], arg(help="what a file holds")],
    file: Annotated[Positional[Path], arg(help="a style file, or an image that was made here")],
) -> None:
    """Print what a style file holds, or the settings that an image was made with."""
    from .inference.about import about_file

    say(about_file(file))


class Training(options.Training, total=False):
    """Start of a training, and where it keeps what it needs again."""

    base: Annotated[Base, Default("demo")]
    cache: Annotated[
        str,
        arg(help="folder that keeps latents and statistics of images; default: features in out"),
        Default(""),
    ]


def train(
    recipe: str,
    out: Path,
    overrides: Mapping[str, str],
    data: str = "",
    **start: Unpack[Training],
) -> int:
    """Train an adapter by a recipe; the same call resumes an interrupted run.

    Args:
        recipe: a shipped recipe (sd15, sd15-256, demo) or a YAML file.
        out: folder of the run; out/last holds the weights.
        data: captioned images: a folder with captions.csv, captions.jsonl or NAME.txt beside each, WikiArt, webdataset
            shards; without it a few are drawn, to try it out.
    """
    from .training import trainer

    return run_training(trainer.train, recipe, data, out, overrides=overrides, say=complain, **start)


def finetune(
    inputs: options.Inputs,
    weights: Annotated[str, arg(help="as of the other commands; best the folder last of a run")],
    out: Annotated[Path, arg(help="the style file, .safetensors")],
    base: Annotated[Base, Default("demo")] = "demo",
    caption: Annotated[str, arg(help="what the references show, without words on the style")] = "",
    steps: Annotated[int, arg(help="of the training")] = 100,
    batch: Annotated[int, arg(help="random crops in a step")] = 4,
    rate: Annotated[float, arg(help="learning rate of the offsets")] = 1e-3,
    last_layer: Annotated[bool, arg(help="train the last layer of the style encoder too")] = False,
    side: Annotated[int, arg(help="of the crops in pixels; 0 for what the base was made for")] = 0,
    seed: Annotated[int, arg(help="of all that is drawn")] = 0,
    device: options.Device = "auto",
) -> int:
    """Sharpen a style: a style file of a few kilobytes, from a few references, which takes their place afterwards.

    Args:
        inputs: reference images in one style: files, folders, glob patterns.
    """
    from visioncore.training import TrainingDiverged

    from .training.finetuning import Tuning, finetune_files

    tuning = Tuning(steps, batch, rate, last_layer=last_layer, side=side, seed=seed)
    try:
        finetune_files(inputs, base, weights, out, caption=caption, tuning=tuning, device=device, say=complain)
    except TrainingDiverged as error:
        complain(f"error: {error}")
        return 1
    say(f"style file: {out}, {out.stat().st_size / 1000:.1f} kB")
    return 0


def evaluate(
    data: Path,
    weights: options.Weights = "",
    results: options.Results = "",
    out: options.Tables = Path("out/evaluation"),
    protocols: tuple[Literal["alignment", "distances"], ...] = ("distances",),
    clip: Annotated[str, arg(help="file or folder of a CLIP, for alignment")] = "",
    vgg: Annotated[str, arg(help="torchvision's VGG-19, for distances; default: a small one that is drawn")] = "",
    prompts: Annotated[str, arg(help="text file, one prompt a line; default: 20 that name no style")] = "",
    seeds: Annotated[tuple[int, ...], arg(help="of the noise of each prompt and style")] = (0, 1, 2, 3),
    steps: Annotated[int, arg(help="of the sampler")] = 50,
    guidance: Annotated[float, arg(help="how strongly prompt and style are followed")] = 7.5,
    scale: Annotated[float, arg(help="strength of the style: 1 as trained")] = 1.0,
    size: Annotated[tuple[int, int], arg(help="height and width in pixels; 0 0 for those of the base")] = (0, 0),
    against: Annotated[str, arg(help="folder of another tool's images: write blind pairs for people to judge")] = "",
    **running: Unpack[Running],
) -> None:
    """Measure images of every prompt in every style with every seed, beside those without a style, and write tables.

    Images that are in out already are not made again.

    Args:
        data: a folder with a folder of references for each style, or with one image for each.
        protocols: alignment with prompts and references and content leak, by --clip; distances of style, by --vgg.
    """
    from visioncore.diffusion.prompt_files import read_prompts
    from visioncore.report import print_table

    from .evaluation.pairs import export_pairs, find_pairs
    from .evaluation.plan import Plan, Sampling
    from .evaluation.prompts import PROMPTS
    from .evaluation.protocols import evaluate as measure
    from .evaluation.sheet import write_sheet
    from .evaluation.styles import read_styles

    check_one_given(weights=weights, results=results)
    sampling = Sampling(steps, guidance, scale, size if any(size) else None)
    plan = Plan(read_styles(data), read_prompts(prompts) if prompts else PROMPTS, seeds, sampling)
    if against:
        find_pairs(plan, against, out / "pairs")
    writable_folder(out)
    make, images = (results, Path(results)) if results else (_predictor(weights, running), out / "images")
    evaluation = measure(plan, make, images, protocols=protocols, clip=clip, vgg=vgg, device=running["device"])
    evaluation.save(out)
    write_sheet(plan, images, out / "sheet.png")
    print_table(evaluation.summary(), title=f"{len(plan.styles)} styles of {data}, by {evaluation.made_by}")
    for note in evaluation.notes:
        say(note)
    if against:
        say(f"{export_pairs(plan, images, against, out / 'pairs')} pairs to judge: {out / 'pairs'}")
    say(f"tables: {out}")


def _predictor(weights: str, given: Mapping[str, Any]) -> Predictor:
    from .inference.predictor import Predictor

    running = {name: given[name] for name in Running.__annotations__}
    return Predictor(weights, **running, notify=complain)


def _drawn(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return how images are made as arguments of the pipeline; what is not given is None there."""
    from .inference.strengths import Strengths

    levels = {name: given["scale"] * given[f"{name}_scale"] for name in ("low", "mid", "high")}
    groups = {"down": given["down_layers"], "mid": given["middle_layers"], "up": given["up_layers"]}
    as_they_are = ("negative", "steps", "sampler", "guidance", "seed", "images")
    unset = ("style_guidance", "image", "mask", "strength")
    return {
        **{name: given[name] for name in as_they_are},
        **{name: given[name] or None for name in unset},
        "mix": {name: given[name] for name in levels if given[name]},
        "scale": Strengths(**levels, groups=groups, steps=given["style_steps"]),
        "size": given["size"] if any(given["size"]) else None,
    }


COMMANDS, main = program(
    METHOD, demo, generate, predict, mix, style, train, finetune, evaluate, convert, export, bench, info, weights
)

if __name__ == "__main__":
    sys.exit(main())
