"""What the commands of every method do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from visioncore.testing.photos import photo, write_photos
from visioncore.testing.suites.commands import CommandsSuite
from visioncore.testing.suites.predict import ImagePredictSuite
from visioncore.testing.suites.python import PythonSuite
from visioncore.testing.suites.train import TrainSuite
from visioncore.testing.suites.weights import WeightsSuite

PACKAGE = "csc_pretrain3d"


class TestCommands(CommandsSuite):
    package = PACKAGE
    options_told = ("--recipe", "--validation", "--results", "--protocols", "--format", "--sizes")
    bench = ("--sizes", "16", "--dtypes", "float32")
    public_names = ("CSC", "CSCConfig", "Result", "VARIANTS")
    least = (("gain_over_dim", 20),)


class TestPredict(ImagePredictSuite):
    package = PACKAGE
    size = 24, 32


class TestPython(PythonSuite):
    package = PACKAGE

    def make_array(self) -> Any:
        return photo(24, 32, seed=0)


class TestTrain(TrainSuite):
    package = PACKAGE
    fields = (("crop", 16),)
    changed = ("crop", 8)

    def make_data(self, folder: Path) -> tuple[object, ...]:
        return ("--data", write_photos(folder, 4, (24, 32)))


class TestWeights(WeightsSuite):
    package = PACKAGE
