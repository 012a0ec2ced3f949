"""What the commands of every method do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from visioncore.medical import Volume
from visioncore.testing.suites.commands import CommandsSuite
from visioncore.testing.suites.predict import PredictSuite
from visioncore.testing.suites.python import PythonSuite
from visioncore.testing.suites.train import TrainSuite
from visioncore.testing.suites.weights import WeightsSuite

PACKAGE = "hsam_medseg"


class WithSam:
    """An adapter is converted together with a file of SAM."""

    def convert_words(self, published: Path) -> tuple[object, ...]:
        return ("convert", published, "--sam", published)


class TestCommands(WithSam, CommandsSuite):
    package = PACKAGE
    options_told = (
        *("--sam", "--stage", "--input-size", "--series", "--probabilities", "--dicom-seg", "--label-map", "--cases"),
        *("--recipe", "--protocols", "--orientation", "--format", "--training", "not a medical device"),
    )
    bench = ("--slices", "2", "--dtypes", "float32")
    public_names = ("HSAM", "HSAMConfig", "Output", "Preprocessing", "Segmentation", "Volume")
    least = (("dice", 0.8), ("gain_over_atlas", 0.1), ("gain_over_first_decoder", 0))


class TestPredict(PredictSuite):
    package = PACKAGE
    side = 64
    options = ("--device", "cpu", "--no-preview")
    suffix, other_suffix, results = ".nii.gz", ".nii", (".nii.gz", ".json")
    broken_told = "the NIfTI file is truncated or damaged", "not a volume"

    def make_input(self, path: Path, seed: int) -> None:
        voxels = np.random.default_rng(seed).integers(-100, 200, (20, 24, 3)).astype(np.int16)
        scan = nibabel.Nifti1Image(voxels, np.diag([2.0, 3.0, 5.0, 1.0]))  # type: ignore[no-untyped-call]
        nibabel.save(scan, path)


class TestPython(PythonSuite):
    package = PACKAGE

    def make_array(self) -> Any:
        return Volume(np.random.default_rng(0).integers(0, 256, (2, 24, 20), np.uint8))


class TestTrain(TrainSuite):
    package = PACKAGE
    fields = (
        ("model.image_size", 32), ("model.decoder_width", 32), ("model.decoder_mlp", 32), ("data.volumes", 1),
        ("data.slices", 1), ("data.held_out", 1), ("loop.ema_decay", 0.5),
    )  # fmt: skip
    changed = ("data.volumes", 2)
    harmless = (("recompute", "true"),)

    def make_data(self, folder: Path) -> tuple[object, ...]:
        """Volumes are made up."""
        return ()


class TestWeights(WithSam, WeightsSuite):
    package = PACKAGE
