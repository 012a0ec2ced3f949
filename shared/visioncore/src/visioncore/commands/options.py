"""Options that several commands share: one name, one type and one help text each.

An option annotated with one of these needs no line in its command's docstring. Options that go together are a
TypedDict, which a command takes as ``**name: Unpack[...]`` and hands on as a whole.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypedDict

from tyro.conf import Positional, arg

from ..cli import Default

__all__ = [
    "Batch",
    "Compile",
    "Compiled",
    "Device",
    "Dtype",
    "Dtypes",
    "Formats",
    "Generating",
    "Inputs",
    "OnDevice",
    "Out",
    "Overwrite",
    "PngCompression",
    "Positional",
    "Precision",
    "Results",
    "Resume",
    "Rounds",
    "Running",
    "SelfEnsemble",
    "StartWeights",
    "Suffix",
    "Tables",
    "Training",
    "Validation",
    "Weights",
]

Dtype = Annotated[
    Literal["auto", "float32", "bfloat16", "float16"],
    arg(help="precision: bfloat16 and float16 are faster and a little less exact"),
]
Weights = Annotated[str, arg(help="demo, a name of weights list, a folder, a hub id, the authors' file")]
Device = Annotated[str, arg(help="auto, cpu, cuda, cuda:1, mps")]
Out = Annotated[Path, arg(help="folder for the results; for one input also a file")]
Overwrite = Annotated[bool, arg(help="make results anew that are there already")]
Batch = Annotated[int, arg(help="images, slices or tiles on the device at a time")]
Compile = Annotated[bool, arg(help="compile the network first, which pays off for many inputs of one size")]
SelfEnsemble = Annotated[bool, arg(help="average over eight rotated and flipped versions, at eight times the cost")]
Suffix = Annotated[
    Literal[".png", ".jpg", ".tif", ".webp", ".bmp"], arg(help="format of images; .png and .tif keep everything")
]
PngCompression = Annotated[
    Literal["fast", "small"], arg(help="of PNG files: small takes ten times as long or more, for 5 to 8 % less")
]
Results = Annotated[str, arg(help="or measure what is in this folder, made by any tool, named as the inputs")]
Tables = Annotated[Path, arg(help="folder for the tables and report.json")]
Resume = Annotated[bool, arg(help="go on from the newest run state in out; otherwise an earlier run there is removed")]
Validation = Annotated[str, arg(help="a folder laid out as data; held-out takes a share of data")]
StartWeights = Annotated[str, arg(help="start from these trained weights: all that predict takes, of the same shape")]
HELD_OUT = "held-out"
"""Stands for a share of the training data, where a folder for validation can be given."""

Inputs = Positional[tuple[str, ...]]
"""Files, folders and glob patterns; what kinds of files is for the command to say."""

Precision = Literal["float32", "bfloat16", "float16"]
Dtypes = Annotated[tuple[Precision, ...], arg(help="precisions of the fast path")]
Rounds = Annotated[int, arg(help="how often each is measured; the median counts")]
Compiled = Annotated[bool, arg(help="measure the compiled fast path too")]
Formats = Annotated[tuple[Literal["onnx", "pt2"], ...], arg(help="one or both")]


class OnDevice(TypedDict, total=False):
    """Where and how exactly a network is run, wherever one is: arguments of every Predictor."""

    device: Annotated[Device, Default("auto")]
    dtype: Annotated[Dtype, Default("float32")]


class Running(OnDevice, total=False):
    """And how a network for images is run."""

    self_ensemble: Annotated[SelfEnsemble, Default(False)]
    compile: Annotated[Compile, Default(False)]


class Generating(OnDevice, total=False):
    """And how a base model of diffusers is run."""

    batch: Annotated[int, arg(help="images on the device at a time"), Default(1)]
    low_memory: Annotated[
        bool, arg(help="self-attention in slices, the auto-encoder in tiles, for large images"), Default(False)
    ]


class Training(TypedDict, total=False):
    """Where a training starts from, and what it is judged by."""

    weights: Annotated[StartWeights, Default("")]
    validation: Annotated[Validation, Default(HELD_OUT)]
    resume: Annotated[Resume, Default(True)]
