"""What the commands of every method do."""

from __future__ import annotations

from pathlib import Path

from visioncore.images import Image, write_image
from visioncore.testing.photos import photo
from visioncore.testing.suites.commands import CommandsSuite
from visioncore.testing.suites.predict import PredictSuite
from visioncore.testing.suites.weights import WeightsSuite

PACKAGE = "gazedptr_gaze"


class TestCommands(CommandsSuite):
    package = PACKAGE
    options_told = ("--recipe", "--validation", "--results", "--protocols", "--format", "--sizes")
    bench = ("--sizes", "16", "--dtypes", "float32")
    public_names = ("GazeDPTR", "GazeDPTRConfig", "Result", "VARIANTS")
    least = (("gain_over_dim", 20),)


class TestPredict(PredictSuite):
    package = PACKAGE
    suffix, other_suffix, results = ".png", ".jpg", (".png",)
    broken_told = "the PNG file is truncated or damaged", "not an image"

    def make_input(self, path: Path, seed: int) -> None:
        write_image(path, Image(photo(24, 32, seed=seed)))


class TestWeights(WeightsSuite):
    package = PACKAGE
