"""What the commands of every method do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from visioncore.images import Image, write_image
from visioncore.testing.photos import photo
from visioncore.testing.suites.commands import CommandsSuite
from visioncore.testing.suites.predict import PredictSuite
from visioncore.testing.suites.python import PythonSuite
from visioncore.testing.suites.train import TrainSuite
from visioncore.testing.suites.weights import WeightsSuite

PACKAGE = "gazedptr_gaze"
CAMERA = Path(__file__).parent / "data" / "camera.yml"


class TestCommands(CommandsSuite):
    package = PACKAGE
    options_told = ("--recipe", "--validation", "--results", "--protocols", "--format", "--sizes")
    bench = ("--sizes", "16", "--dtypes", "float32")
    public_names = ("GazeDPTR", "GazeDPTRConfig", "Result", "VARIANTS")
    least = (("gain_over_dim", 20),)


class KnownFace:
    """Inputs are images of one person, whose face the default finder knows."""

    @pytest.fixture(autouse=True)
    def _person(self, known_face: Any) -> None:
        self.person = known_face


class TestPredict(KnownFace, PredictSuite):
    package = PACKAGE
    suffix, other_suffix, results = ".png", ".jpg", (".csv", "_gaze.png")
    broken_told = "the PNG file is truncated or damaged", "not an image"
    options = ("--device", "cpu", "--camera", str(CAMERA))

    def make_input(self, path: Path, seed: int) -> None:
        write_image(path, Image(self.person.photo(seed)))


class TestPython(KnownFace, PythonSuite):
    package = PACKAGE

    def make_array(self) -> NDArray[np.uint8]:
        return np.asarray(self.person.photo(0), np.uint8)


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
