"""What the commands of every method do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from visioncore.images import Image, write_image
from visioncore.testing.photos import photo
from visioncore.testing.suites.commands import CommandsSuite
from visioncore.testing.suites.predict import PredictSuite
from visioncore.testing.suites.python import PythonSuite
from visioncore.testing.suites.train import TrainSuite
from visioncore.testing.suites.weights import WeightsSuite

PACKAGE = "brighter_photo"


class TestCommands(CommandsSuite):
    package = PACKAGE
    options_told = ("--recipe", "--validation", "--results", "--protocols", "--format", "--sizes")
    bench = ("--sizes", "16", "--dtypes", "float32")
    public_names = ("Brighter", "BrighterConfig", "Result", "VARIANTS")
    least = (("gain_over_dim", 20),)


class TestPredict(PredictSuite):
    package = PACKAGE
    suffix, other_suffix, results = ".png", ".jpg", (".png",)
    broken_told = "the PNG file is truncated or damaged", "not an image"

    def make_input(self, path: Path, seed: int) -> None:
        write_image(path, Image(photo(24, 32, seed=seed)))


class TestPython(PythonSuite):
    package = PACKAGE

    def make_array(self) -> Any:
        return photo(24, 32, seed=0)


class TestTrain(TrainSuite):
    package = PACKAGE
    fields = (("crop", 16),)
    changed = ("crop", 8)

    def make_data(self, folder: Path) -> tuple[object, ...]:
        for number in range(4):
            write_image(folder / f"{number}.png", Image(photo(24, 32, seed=number)))
        return ("--data", folder)


class TestWeights(WeightsSuite):
    package = PACKAGE
