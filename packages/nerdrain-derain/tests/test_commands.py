"""What the commands of every method do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from visioncore.images import Image, write_image
from visioncore.testing.photos import photo
from visioncore.testing.suites.commands import CommandsSuite
from visioncore.testing.suites.predict import ImagePredictSuite
from visioncore.testing.suites.python import PythonSuite
from visioncore.testing.suites.train import TrainSuite
from visioncore.testing.suites.weights import WeightsSuite

PACKAGE = "nerdrain_derain"


class TestCommands(CommandsSuite):
    package = PACKAGE
    options_told = ("--self-ensemble", "--recipe", "--protocols", "--validation", "--format", "--sizes")
    bench_sizes = (16, 32)
    public_names = ("VARIANTS", "NeRDRain", "NeRDRainConfig", "Prediction", "Restored")
    least = (("gain_over_rainy", 5), ("gain_over_best_filter", 0))


class TestPredict(ImagePredictSuite):
    package = PACKAGE
    size = 32, 48


class TestPython(PythonSuite):
    package = PACKAGE

    def make_array(self) -> Any:
        return photo(32, 48, seed=0)


class TestTrain(TrainSuite):
    package = PACKAGE
    fields = (
        ("model.dim", 8), ("model.num_blocks", "[1,1,1]"), ("model.inr_hidden", 16), ("data.kind", "pairs"),
        ("data.patch", 16), ("data.validation_patch", 32), ("data.held_out", 0.3),
    )  # fmt: skip
    changed = ("data.patch", 32)
    harmless = (("recompute", "true"), ("data.cache_mb", 1))

    def make_data(self, folder: Path) -> tuple[object, ...]:
        for number in range(4):
            pixels = photo(32, 48, seed=number)
            write_image(folder / "input" / f"{number}.png", Image(pixels // 2 + 100))
            write_image(folder / "target" / f"{number}.png", Image(pixels))
        return ("--data", folder)


class TestWeights(WeightsSuite):
    package = PACKAGE
