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
from visioncore.testing.suites.weights import WeightsSuite

PACKAGE = "gazedptr_gaze"
CAMERA = Path(__file__).parent / "data" / "camera.yml"


class TestCommands(CommandsSuite):
    package = PACKAGE
    options_told = ("--recipe", "--imagenet", "--camera", "--faces", "--zone-head", "--format", "--dtypes")
    bench = ("--dtypes", "float32")
    public_names = (
        *("VARIANTS", "Camera", "GazeConfig", "GazeDPTR", "GazeDPTRV2", "GazeOutput", "GazePTR", "GazeResult"),
        "load_published",
    )
    least = (("gain_over_mean_direction", 0),)


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


class TestWeights(WeightsSuite):
    package = PACKAGE
