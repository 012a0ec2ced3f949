"""What the commands of every method do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from artadapter_style.data.synthetic import make_images
from visioncore.testing.photos import photo
from visioncore.testing.suites.commands import CommandsSuite
from visioncore.testing.suites.predict import ImagePredictSuite
from visioncore.testing.suites.python import PythonSuite
from visioncore.testing.suites.train import TrainSuite
from visioncore.testing.suites.weights import WeightsSuite
from visioncore.testing.tiny_base import tiny_base

PACKAGE = "artadapter_style"


class TestCommands(CommandsSuite):
    package = PACKAGE
    options_told = (
        *("--recipe", "--validation", "--results", "--protocols", "--format", "--base", "--prompt", "--mask"),
        *("--low-scale", "--style-steps", "--together", "--clip", "--against", "--cache"),
    )
    bench = ("--dtypes", "float32")
    public_names = (
        *("ArtAdapter", "ArtAdapterConfig", "ArtAdapterPipeline", "Result", "Strengths", "Style", "StyleEncoder"),
        "VARIANTS",
    )
    least = (("gain_in_style", 10.0),)


class TestPredict(ImagePredictSuite):
    package = PACKAGE
    size = 24, 32
    options = ("--device", "cpu", "--prompt", "a cat", "--steps", "1")


class TestPython(PythonSuite):
    package = PACKAGE

    def make_array(self) -> Any:
        return photo(24, 32, seed=0)


class TestTrain(TrainSuite):
    package = PACKAGE
    recipe = str(Path(__file__).parent / "tiny.yaml")
    fields = (("crop", "random"), ("model.hidden", 8))
    changed = ("drops.text", 0.5)
    harmless = (("recompute", "true"), ("cache_mb", 1))

    def make_data(self, folder: Path) -> tuple[object, ...]:
        return ("--data", make_images(folder / "images"), "--base", tiny_base(folder / "base"))


class TestWeights(WeightsSuite):
    package = PACKAGE
