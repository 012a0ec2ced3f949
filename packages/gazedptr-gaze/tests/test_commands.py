"""What the commands of every method do."""

from __future__ import annotations

from pathlib import Path

from visioncore.images import Image, write_image
from visioncore.testing.photos import photo
from visioncore.testing.suites.commands import CommandsSuite
from visioncore.testing.suites.train import TrainSuite
from visioncore.testing.suites.weights import WeightsSuite

PACKAGE = "gazedptr_gaze"


class TestCommands(CommandsSuite):
    package = PACKAGE
    options_told = ("--recipe", "--validation", "--results", "--protocols", "--format", "--sizes")
    bench = ("--sizes", "16", "--dtypes", "float32")
    public_names = ("GazeDPTR", "GazeDPTRConfig", "Result", "VARIANTS")
    least = (("gain_over_dim", 20),)


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
