"""The commands of ``lvmm-motion``."""

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

KeepMotion = Annotated[bool, arg(help="write the motion beside it, as .npz, which animate takes again")]

Frames = Annotated[int, arg(help="of a clip at most, from its middle")]
Stride = Annotated[int, arg(help="from one of these frames to the next")]
Size = Annotated[int, arg(help="side of the squares that frames are cut to; 0 leaves them as they are")]
Fps = Annotated[float, arg(help="frames per second to take from videos; default: those they have, evenly spaced")]
Videos = Annotated[str, arg(help="folder that names in lists start from; default: that of the list")]
Split = Annotated[str, arg(help="of those that a list names; default: all clips")]
SkipBroken = Annotated[bool, arg(help="leave out clips that cannot be read or are too short")]

EmbedderName = Annotated[
    Literal["auto", "zeros", "given", "imagebind", "open_clip"],
    arg(help="makes the tokens that a motion is conditioned on; auto is that of the weights, zeros no condition"),
]
EmbedderWeights = Annotated[str, arg(help="its file: imagebind_huge.pth, a CLIP such as ViT-H-14, or for given a .npy")]


class Running(options.OnDevice, total=False):
    """Arguments of the Predictor."""

    batch: Annotated[int, arg(help="frames on the device at a time"), Default(8)]
    side: Annotated[
        int, arg(help="shorter side of the frames in which regions are found; 0 for that of training"), Default(0)
    ]


class Rendering(Running, total=False):
    """How a motion is rendered, and what is written."""

    strength: Annotated[float, arg(help="how far things move: 0 not at all, 1 as they do"), Default(1.0)]
    mask: Annotated[
        str, arg(help="image of the photo's size: white may move, black or transparent stays bit by bit"), Default("")
    ]
    seed: Annotated[int, arg(help="of the noise; the same one gives the same animation"), Default(0)]
    refine: Annotated[int, arg(help="steps of the frame denoiser for each frame; 0 for none"), Default(0)]
    previous: Annotated[
        Literal["warped", "refined"],
        arg(help="what the frame denoiser sees of the frame before; warped as published"),
        Default("warped"),
    ]
    suffix: Annotated[
        Literal[".mp4", ".m4v", ".mov", ".mkv", ".webm", ".gif", ".webp", ".png"],
        arg(help="format; .png is a folder of images; .png and .webp keep every pixel"),
        Default(".mp4"),
    ]
    codec: Annotated[str, arg(help="h264, vp9, or ffv1, which keeps every pixel; default: that of suffix"), Default("")]
    overwrite: Annotated[options.Overwrite, Default(False)]


class Drawing(Rendering, total=False):
    """How a motion is drawn."""

    prompt: Annotated[
        str,
        arg(help="a text on the motion: one that the weights know, or any for imagebind and open_clip"),
        Default(""),
    ]
    embedder: Annotated[EmbedderName, Default("auto")]
    embedder_weights: Annotated[EmbedderWeights, Default("")]
    sampler: Annotated[
        Literal["official-ddim", "ddim", "ddpm", "dpm++"],
        arg(help="all but the first need the extra samplers"),
        Default("official-ddim"),
    ]
    steps: Annotated[int, arg(help="of the sampler; 0 for those of the weights, 250 as published"), Default(0)]
    guidance: Annotated[float, arg(help="how much the condition counts: 1 as it is, above 1 more"), Default(1.0)]
    motion: Annotated[str, arg(help="an .npz file that was kept, in place of a motion that is drawn"), Default("")]
    frames: Annotated[int, arg(help="how many; 0 for as many as the motion has before it repeats"), Default(0)]
    fps: Annotated[float, arg(help="frames per second"), Default(25.0)]
    speed: Annotated[float, arg(help="2 is twice as fast"), Default(1.0)]
    loop: Annotated[
        bool, arg(help="let the last frame lead to the first; the speed is then nearly as asked"), Default(False)
    ]


def animate(
    inputs: options.Inputs,
    weights: options.Weights,
    out: options.Out,
    keep_motion: KeepMotion = True,
    **drawing: Unpack[Drawing],
) -> Summary:
    """Animate photos, each with a motion that is drawn for it.

    What is done already is skipped, and a broken file is reported and the others still run.

    Args:
        inputs: photos: files, folders, glob patterns.
    """
    from .inference.files import animate_files

    running, given, written = _parted(drawing)
    predictor, embedder = _predictor(weights, running), (given.pop("embedder"), given.pop("embedder_weights"))
    predictor.set_embedder(*embedder)
    summary = animate_files(inputs, predictor, out, options=given, keep_motion=keep_motion, say=complain, **written)
    say(f"{summary}; results in {out}")
    return summary


@wraps(animate)
def predict(*args: Any, **given: Any) -> Summary:
    return animate(*args, **given)


predict.__name__ = predict.__qualname__ = "predict"


def transfer(
    driving: Annotated[Positional[str], arg(help="the video whose motion is taken")],
    inputs: options.Inputs,
    weights: options.Weights,
    out: options.Out,
    mode: Annotated[
        Literal["z-relative", "z-absolute", "u"],
        arg(help="regions move as the video's since its first frame, or go where those are; or pixels move as its own"),
    ] = "z-relative",
    keep_motion: KeepMotion = False,
    **rendering: Unpack[Rendering],
) -> Summary:
    """Let photos move as things in a video do; its sound is kept.

    Args:
        inputs: photos: files, folders, glob patterns.
    """
    from .inference.files import transfer_files

    running, given, written = _parted(rendering)
    predictor = _predictor(weights, running)
    summary = transfer_files(
        driving,
        inputs,
        predictor,
        out,
        options={"mode": mode, **given},
        keep_motion=keep_motion,
        say=complain,
        **written,
    )
    say(f"{summary}; results in {out}")
    return summary


class Training(options.Training, total=False):
    """Start of a training, how it is judged, and what a motion is conditioned on in it."""

    videos: Annotated[Videos, Default("")]
    motion: Annotated[str, arg(help="folder in which the motion of clips is kept; default: motion in out"), Default("")]
    embedder: Annotated[EmbedderName, Default("auto")]
    embedder_weights: Annotated[EmbedderWeights, Default("")]


def train(
    recipe: str,
    out: Path,
    overrides: Mapping[str, str],
    data: str = "",
    **start: Unpack[Training],
) -> int:
    """Train a network by a recipe; the same call resumes an interrupted run.

    Args:
        recipe: a shipped recipe (webvid-autoencoder, webvid-motion, webvid-frame, lfdm-autoencoder, demo,
            demo-motion) or a YAML file; its stage says what is trained.
        out: folder of the run; out/best holds the weights, or out/last where nothing tells which were best.
        data: a folder of videos or of folders of frames, a list (CSV, jsonl), or a folder of sheets; without it clips
            are made.
    """
    from .training import trainer

    return run_training(trainer.train, recipe, data, out, overrides=overrides, **start)


def reconstruct(
    data: Path,
    weights: options.Weights,
    out: options.Out,
    frames: Frames = 150,
    stride: Stride = 1,
    size: Size = 0,
    fps: Fps = 0.0,
    videos: Videos = "",
    split: Split = "",
    skip_broken: SkipBroken = False,
    suffix: Annotated[
        Literal[".mp4", ".mkv", ".mov", ".webm", ".gif", ".webp", ".png"],
        arg(help="format; .png is a folder of images; .png and .webp keep every pixel"),
    ] = ".mp4",
    figure: Annotated[bool, arg(help="draw flow and slices through time of each clip as well")] = True,
    overwrite: options.Overwrite = False,
    **running: Unpack[Running],
) -> Summary:
    """Make clips anew from their first frames, with the motion that is found in them.

    What is done already is skipped, and a broken clip is reported and the others still run.

    Args:
        data: a video, a folder of videos or of frames, or a list of clips.
    """
    from .evaluation.reconstruction import reconstruct_clips
    from .evaluation.settings import Settings, measured_clips

    how = Settings(frames, stride, size)
    clips = measured_clips(
        data, how, videos=videos or None, fps=fps or None, split=split, skip=skip_broken, say=complain
    )
    predictor = _predictor(weights, running)
    summary = reconstruct_clips(
        clips, predictor, out, settings=how, suffix=suffix, figure=figure, overwrite=overwrite, say=complain
    )
    say(f"{summary}; results in {out}")
    return summary


def evaluate(
    data: Path,
    weights: options.Weights = "",
    results: options.Results = "",
    out: options.Tables = Path("out/evaluation"),
    protocols: tuple[Literal["frames", "temporal", "flow", "lpips", "fvd", "fid", "clip"], ...] = (
        "frames",
        "temporal",
    ),
    lpips: Annotated[str, arg(help="TorchScript file of LPIPS")] = "",
    fvd: Annotated[str, arg(help="TorchScript file of I3D on Kinetics-400")] = "",
    fid: Annotated[str, arg(help="TorchScript file of Inception")] = "",
    clip: Annotated[str, arg(help="file or folder of a CLIP")] = "",
    frames: Frames = 64,
    stride: Stride = 1,
    size: Size = 256,
    fps: Fps = 0.0,
    videos: Videos = "",
    split: Split = "",
    skip_broken: SkipBroken = False,
    drawn: Annotated[bool, arg(help="measure motion that is drawn for frame 0, in place of the clip's own")] = False,
    seed: Annotated[int, arg(help="of what is drawn")] = 0,
    steps: Annotated[int, arg(help="of the sampler that draws; 0 for those of the weights")] = 0,
    prompt: Annotated[Literal["none", "text", "label"], arg(help="of the clip, for which motion is drawn")] = "none",
    **running: Unpack[Running],
) -> None:
    """Measure what is made of the first frames of clips, beside repeating and warping them, and write the tables.

    Args:
        data: a video, a folder of videos or of frames, or a list of clips; made-up for clips whose motion is known.
        protocols: frames (L1, PSNR, SSIM), temporal, flow (of made-up clips), and by networks of your own lpips, fvd,
            fid, clip.
    """
    from visioncore.report import print_table

    from .evaluation.protocols import evaluate as measure
    from .evaluation.settings import Settings, measured_clips

    check_one_given(weights=weights, results=results)
    writable_folder(out)
    how = Settings(frames, stride, size, drawn, seed, steps or None, prompt)
    clips = measured_clips(
        data, how, videos=videos or None, fps=fps or None, split=split, skip=skip_broken, say=complain
    )
    networks = {name: path for name, path in (("lpips", lpips), ("fvd", fvd), ("fid", fid), ("clip", clip)) if path}
    make = results or _predictor(weights, running)
    evaluation = measure(clips, make, protocols=protocols, networks=networks, settings=how)
    evaluation.save(out)
    print_table(evaluation.summary(), title=f"{len(clips)} clips of {data}, by {evaluation.made_by}")
    say(f"tables: {out}")


def _parted(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return arguments of the Predictor, of what it does, and of what is written; what is not given is None there."""
    running = {name: given[name] for name in Running.__annotations__}
    written = {name: given[name] for name in ("suffix", "codec", "overwrite")}
    done = {name: value for name, value in given.items() if name not in running and name not in written}
    unset = ("prompt", "motion", "mask", "frames", "steps")
    return running, {name: value or None if name in unset else value for name, value in done.items()}, written


def _predictor(weights: str, running: Mapping[str, Any], **more: Any) -> Predictor:
    from .inference.predictor import Predictor

    return Predictor(weights, **{**running, "side": running["side"] or None}, **more, notify=complain)


COMMANDS, main = program(
    METHOD, demo, animate, predict, transfer, train, reconstruct, evaluate, convert, export, bench, info, weights
)

if __name__ == "__main__":
    sys.exit(main())
