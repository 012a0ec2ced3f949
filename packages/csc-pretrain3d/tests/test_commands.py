"""What the commands of every method do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from csc_pretrain3d.data.synthetic import SMALL, synthetic_frame
from visioncore.testing.suites.commands import CommandsSuite
from visioncore.testing.suites.predict import PredictSuite
from visioncore.testing.suites.python import PythonSuite
from visioncore.testing.suites.train import TrainSuite
from visioncore.testing.suites.weights import WeightsSuite

PACKAGE = "csc_pretrain3d"


def cloud(seed: int) -> NDArray[np.float32]:
    """An odd number of points, so that half of the file is no whole number of them."""
    scan = synthetic_frame(seed, sensors=SMALL, cameras=False).scan
    return np.column_stack([scan.points, scan.intensity])[:999]


class TestCommands(CommandsSuite):
    package = PACKAGE
    options_told = (
        *("--recipe", "--validation", "--results", "--protocols", "--views", "--suppressed", "--formats"),
        *("--intensity-scale", "--format", "--dtypes", "--method", "--sam-weights"),
    )
    bench = ("--dtypes", "float32")
    public_names = (
        *("CSC", "MinkUNet", "VoxelNet", "Cylinder3D", "MinkUNetConfig", "VoxelNetConfig", "Cylinder3DConfig"),
        *("VARIANTS", "PanopticNet", "Result", "SparseTensor", "load_published", "load_matching"),
    )
    least = (("gain_over_random_start", 0.0),)


class TestPredict(PredictSuite):
    package = PACKAGE
    suffix, other_suffix, results = ".bin", ".npy", (".label", ".html")
    options = ("--device", "cpu", "--no-figure")
    broken_told = "are no whole number of rows", "are no whole number of rows"

    def make_input(self, path: Path, seed: int) -> None:
        if path.suffix == ".npy":
            np.save(path, cloud(seed))
        else:
            cloud(seed).tofile(path)

    def test_no_images_are_an_empty_result(self, tiny_weights: Path) -> None:
        """No scans, and scans without points."""
        predictor = self.public.Predictor(self.public.load_model(tiny_weights), "cpu")
        whole = predictor.run(torch.from_numpy(cloud(0)[None, :50]))
        for shape in ((0, 50, 4), (1, 0, 4)):
            empty = predictor.run(torch.rand(shape))
            assert empty.shape == (*shape[:2], whole.shape[2])
            assert empty.dtype == whole.dtype


class TestPython(PythonSuite):
    package = PACKAGE

    def make_array(self) -> NDArray[np.float32]:
        return cloud(0)

    def test_run_takes_one_tensor_or_several(self, predictor: Any, tiny_weights: Path) -> None:
        """Of points, not of the voxels that the network takes."""
        points = torch.from_numpy(cloud(0)[None])
        several, one = predictor.run(points), predictor.run(points[0])
        assert several.shape == (1, points.shape[1], 17)
        assert torch.equal(one, several[0])


class TestTrain(TrainSuite):
    package = PACKAGE
    fields = (("model.stem", 4), ("model.voxel_size", 1.0), ("label_every", 20))
    changed = ("lovasz", "false")

    def make_data(self, folder: Path) -> tuple[object, ...]:
        return ()


class TestWeights(WeightsSuite):
    package = PACKAGE
