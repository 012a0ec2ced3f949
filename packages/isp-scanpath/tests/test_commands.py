"""What the commands of every method do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isp_scanpath.data.synthetic import synthetic_image, write_synthetic
from visioncore.images import Image, write_image
from visioncore.testing.suites.commands import CommandsSuite
from visioncore.testing.suites.predict import PredictSuite
from visioncore.testing.suites.python import PythonSuite
from visioncore.testing.suites.train import TrainSuite
from visioncore.testing.suites.weights import WeightsSuite

PACKAGE = "isp_scanpath"


class TestCommands(CommandsSuite):
    package = PACKAGE
    options_told = (
        "--recipe",
        "--observers",
        "--samples",
        "--imagenet",
        "--backbone",
        "--seeds",
        "--scanpaths",
        "--animation",
        "--format",
        "--dtypes",
    )
    bench = ("--dtypes", "float32")
    public_names = (
        *("VARIANTS", "ISP", "ChenLSTMISP", "GazeformerISP", "ChenLSTMConfig", "GazeformerConfig", "Result"),
        *("load_published", "read_scanpaths", "ObserverVectors", "adapt", "adapt_observers"),
    )
    least = (("gain_over_mean_observer", 0.05), ("gain_over_chance", 20))


class TestPredict(PredictSuite):
    package = PACKAGE
    suffix, other_suffix, results = ".png", ".jpg", (".json",)
    broken_told = "the PNG file is truncated or damaged", "not an image"
    options = ("--device", "cpu", "--no-figure")

    def make_input(self, path: Path, seed: int) -> None:
        write_image(path, Image(synthetic_image(seed)[0]))


class TestPython(PythonSuite):
    package = PACKAGE

    def make_array(self) -> NDArray[np.uint8]:
        return synthetic_image(0)[0]


class TestTrain(TrainSuite):
    package = PACKAGE
    network = "chen_lstm"
    fields = (
        *(("chen_lstm.grid", "[4, 4]"), ("chen_lstm.steps", 3), ("chen_lstm.channels", 6), ("chen_lstm.width", 4)),
        ("chen_lstm.hidden", 4),
    )
    changed = ("chen_lstm.hidden", 8)

    def make_data(self, folder: Path) -> tuple[object, ...]:
        return ("--data", write_synthetic(folder, 4, held_out=2), "--images", folder / "images")


class TestWeights(WeightsSuite):
    package = PACKAGE
