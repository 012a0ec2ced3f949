"""The commands of ``alt-action``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Unpack

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

    from .inference.predictor import Predictor

demo, convert, export, bench, info, weights = shared_commands(METHOD)

MOST_TOLD = 20
"""Pairs of entities that are nearly the same."""

Labels = Annotated[str, arg(help="file of labels, one on each line; default: those stored with the weights")]
ClipWeights = Annotated[
    str, arg(help="CLIP's weights, for its text tower: a file, a folder, a name of weights list; only for new texts")
]
CorpusFile = Annotated[str, arg(help="file of entities, as the command corpus writes it; default: the stored ones")]


class Looking(options.OnDevice, total=False):
    """Arguments of the Predictor."""

    batch: Annotated[int, arg(help="frames on the device at a time"), Default(32)]
    decoder: Annotated[
        Literal["pyav", "torchcodec"], arg(help="of videos; torchcodec is quicker and an extra"), Default("pyav")
    ]
    corpus: Annotated[CorpusFile, Default("")]
    clip: Annotated[ClipWeights, Default("")]
    templates: Annotated[tuple[str, ...], arg(help="prompts for a label, each with {label}"), Default(())]


class Views(Looking, total=False):
    """And what is looked at of a clip."""

    frames: Annotated[int, arg(help="of a view; 0 for as many as the network was trained on"), Default(0)]
    views: Annotated[int, arg(help="temporal ones, over which probabilities are averaged"), Default(1)]
    crops: Annotated[Literal[1, 3], arg(help="of each frame: the middle, or all of it in three"), Default(1)]


def _predictor(weights: str, looking: Mapping[str, Any], **more: Any) -> Predictor:
    from .inference.predictor import Predictor

    unset = ("corpus", "clip", "frames")
    given: dict[str, Any] = {name: value or None if name in unset else value for name, value in looking.items()}
    return Predictor(weights, **given, **more)


def predict(
    inputs: options.Inputs,
    weights: options.Weights,
    out: options.Out,
    labels: Labels = "",
    background: Annotated[str, arg(help="file of labels of what is none of these")] = "",
    window: float = 0.0,
    stride: float = 0.0,
    figure: bool = True,
    annotate: bool = False,
    regions: bool = False,
    overwrite: options.Overwrite = False,
    **looking: Unpack[Views],
) -> Summary:
    """Recognise the actions in videos, and the entities that decided them.

    For each video: a JSON file with the likeliest labels, their margin, and the entities of each frame. What is done
    already is skipped, and a broken file is reported and the others still run.

    Args:
        inputs: videos: files, folders, glob patterns.
        window: seconds of windows that slide over a long video; 0 takes it as one clip.
        stride: seconds from one window to the next; 0 for half a window.
        figure: draw labels, frames and entities, or the actions over time.
        annotate: write the video with its action and the regions of the entities.
        regions: write the maps of entities and regions as NumPy arrays.
    """
    from .inference.files import Wanted, predict_files

    wanted = Wanted(figure, annotate, regions, window, stride)
    predictor = _predictor(weights, looking, labels=labels or None, background=background or None, notify=complain)
    summary = predict_files(inputs, predictor, out, wanted=wanted, overwrite=overwrite, say=complain)
    say(f"{summary}; results in {out}")
    return summary


def features(
    inputs: options.Inputs,
    weights: options.Weights,
    out: Annotated[Path, arg(help="the .npz file")],
    labels: Labels = "",
    **looking: Unpack[Views],
) -> Summary:
    """Write the vectors of videos and labels, for retrieval: the cosine of two says how alike they are.

    Args:
        inputs: videos: files, folders, glob patterns.
    """
    from .inference.files import write_features

    predictor = _predictor(weights, looking, labels=labels or None, notify=complain)
    summary = write_features(inputs, predictor, out, say=complain)
    say(f"{len(summary.done)} videos done, {len(summary.failed)} failed; vectors: {out}")
    return summary


def train(
    recipe: str,
    out: Path,
    overrides: Mapping[str, str],
    data: str = "",
    labels: Annotated[str, arg(help="file of labels; default: those that data names itself")] = "",
    videos: Annotated[str, arg(help="folder that names in lists start from; default: that of the list")] = "",
    clip: Annotated[str, arg(help="start from CLIP's weights, with a new adapter")] = "",
    corpus: Annotated[str, arg(help="file of entities; default: built of the labels")] = "",
    **start: Unpack[options.Training],
) -> int:
    """Train a network by a recipe; the same call resumes an interrupted run.

    Args:
        recipe: a shipped recipe (full, few-shot, zero-shot, demo) or a YAML file.
        out: folder of the run; out/best holds the weights.
        data: labelled videos: a folder for each class, or a list (text of path and id, CSV, JSON, HMDB-51's splits);
            without it a few are drawn, to try it out.
    """
    from .training import trainer

    return run_training(
        trainer.train,
        recipe,
        data,
        out,
        labels=labels,
        videos=videos,
        clip=clip,
        corpus=corpus,
        overrides=overrides,
        say=complain,
        **start,
    )


def evaluate(
    data: str,
    weights: options.Weights = "",
    results: options.Results = "",
    protocols: Annotated[tuple[Literal["full", "few-shot", "zero-shot"], ...], arg(help="one or several")] = ("full",),
    out: options.Tables = Path("out/evaluation"),
    labels: Annotated[str, arg(help="file of labels; a pattern if each split has its own")] = "",
    videos: Annotated[str, arg(help="folder that names in lists start from; default: that of the list")] = "",
    splits: Annotated[tuple[int, ...], arg(help="of HMDB-51's split files")] = (1,),
    **looking: Unpack[Looking],
) -> None:
    """Measure top-1 and top-5 by the paper's protocols and write the tables.

    full takes three views of a clip, few-shot one of 32 frames, zero-shot one; of several splits there are mean and
    deviation. Results are JSON files as predict writes them.

    Args:
        data: labelled videos, as for train; a pattern, such as "lists/split*.txt", for several splits.
    """
    from visioncore.report import print_table

    from .data.splits import read_splits
    from .evaluation.protocols import Protocol
    from .evaluation.protocols import evaluate as measure

    check_one_given(weights=weights, results=results)
    writable_folder(out)
    read = read_splits(data, labels, videos or None, splits)

    def looks(protocol: Protocol) -> Predictor:
        given = {"labels": read[0].labels, "frames": protocol.frames, "views": protocol.views, "crops": protocol.crops}
        return _predictor(weights, looking, **given, notify=complain)

    measured = measure(read, results or looks, protocols=protocols, say=complain)
    for name, evaluation in measured.items():
        evaluation.save(out / name)
        print_table(evaluation.summary(), title=f"{name}, by {evaluation.made_by}")
        for split in evaluation.splits:
            say(f"{split.given.name}: {split.found}")
        for note in evaluation.notes:
            complain(note)
    say(f"tables: {out}")


def corpus(
    out: Annotated[Path, arg(help="the file of entities: JSON lines that can be edited")],
    labels: Annotated[str, arg(help="file of action labels whose entities are found")] = "",
    given: Annotated[tuple[Path, ...], arg(help="files of entities of your own, such as a language model's")] = (),
    wordnet: Annotated[str, arg(help="none; installed; or the folder of WordNet's database")] = "none",
    common: bool = True,
    clip: ClipWeights = "",
) -> None:
    """Build the corpus of action labels, without a network or a language model, and report duplicates.

    Args:
        common: take the bundled parts of the body, people, scenes and objects too.
        clip: find entities that are nearly the same to this CLIP.
    """
    from .data.building import build_corpus

    built = build_corpus(labels or None, given, wordnet, common=common)
    for note in built.notes:
        complain(note)
    if clip:
        from .data.corpus import near_duplicates
        from .network.corpus import embed
        from .network.text import CLIPTextEncoder

        near = near_duplicates(built, embed(CLIPTextEncoder.from_clip(clip), built.texts))
        for one, other, cosine in near[:MOST_TOLD]:
            complain(f"nearly the same: {one} and {other}, cosine {cosine:.3f}")
        if len(near) > MOST_TOLD:
            complain(f"and {len(near) - MOST_TOLD} further pairs that are less alike")
    built.save(out)
    own = sum(bool(entity.labels) for entity in built)
    say(f"{len(built)} entities, {own} of the labels: {out}")


COMMANDS, main = program(
    METHOD, demo, predict, features, train, evaluate, corpus, convert, export, bench, info, weights
)

if __name__ == "__main__":
    sys.exit(main())
