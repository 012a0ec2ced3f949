"""What the commands of every method do."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gazedptr_gaze.data.procedural_drivers import procedural_drivers
from visioncore.images import Image, write_image
from visioncore.testing.suites.commands import CommandsSuite
from visioncore.testing.suites.predict import PredictSuite
from visioncore.testing.suites.python import PythonSuite
from visioncore.testing.suites.train import TrainSuite
from visioncore.testing.suites.weights import WeightsSuite

PACKAGE = "gazedptr_gaze"
CAMERA = Path(__file__).parent / "data" / "camera.yml"


class TestCommands(CommandsSuite):
    package = PACKAGE
    options_told = (
        "--recipe",
        "--imagenet",
        "--results",
        "--protocols",
        "--camera",
        "--faces",
        "--zone-head",
        "--format",
        "--dtypes",
    )
    bench = ("--dtypes", "float32")
    public_names = (
        *("VARIANTS", "Camera", "GazeConfig", "GazeDPTR", "GazeDPTRV2", "GazeOutput", "GazePTR", "GazeResult"),
        "load_published",
    )
    least = (("gain_over_mean_direction", 0), ("gain_over_head_pose", 0))


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
    fields = (
        *(("model.variant", "gazedptr_v2"), ("model.image_size", 64), ("model.widths", "[4, 4, 8, 8]")),
        *(("model.dim", 8), ("model.heads", 2), ("model.layers", 1), ("model.feed_forward", 16)),
        ("augmentation.noise", 0.1),
    )
    changed = ("model.dim", 16)

    def make_data(self, folder: Path) -> tuple[object, ...]:
        return ("--data", shutil.copytree(procedural_drivers(64), folder / "drivers"))


class TestWeights(WeightsSuite):
    package = PACKAGE
