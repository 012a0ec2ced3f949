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

PACKAGE = "clip_denoising"


class TestCommands(CommandsSuite):
    package = PACKAGE
    options_told = ("--self-ensemble", "--strength", "--recipe", "--protocol", "--noises", "--format")
    bench_sizes = (32, 64)
    public_names = ("CLIPDenoiser", "CLIPDenoiserConfig", "CTPrediction", "Prediction", "VARIANTS", "estimate_sigma")
    least = (("gain_over_noisy", 4), ("gain_over_non_local_means", 0))


class TestPredict(ImagePredictSuite):
    package = PACKAGE
    size = 32, 64


class TestPython(PythonSuite):
    package = PACKAGE

    def make_array(self) -> Any:
        return photo(32, 64, seed=0)


class TestTrain(TrainSuite):
    package = PACKAGE
    fields = (
        ("model.width", 4), ("model.train_encoder", "true"), ("data.patch", 32), ("data.validation_patch", 32),
        ("data.held_out", 0.3),
    )  # fmt: skip
    changed = ("data.noise", "gaussian:25")
    harmless = (("data.cache_mb", 1),)

    def make_data(self, folder: Path) -> tuple[object, ...]:
        return ("--data", write_photos(folder, 4, (40, 48)))


class TestWeights(WeightsSuite):
    package = PACKAGE
