"""What the commands of every method do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from cutouts_on_disk import cut_out, write_cut_out

from anyscene_compose.data.synthetic import make_scenes
from visioncore.testing.suites.commands import CommandsSuite
from visioncore.testing.suites.predict import ImagePredictSuite
from visioncore.testing.suites.python import PythonSuite
from visioncore.testing.suites.train import TrainSuite
from visioncore.testing.suites.weights import WeightsSuite
from visioncore.testing.tiny_base import tiny_base

PACKAGE = "anyscene_compose"


@pytest.fixture(scope="module")
def tiny_weights(saved: Callable[[Any], Path]) -> Path:
    """The folder of an injector for the bundled base model that has learnt nothing."""
    from tiny_injector import tiny_injector

    from anyscene_compose.inference.bases import open_base

    return saved(tiny_injector(open_base("demo"), trained=False))


class TestCommands(CommandsSuite):
    package = PACKAGE
    options_told = (
        *("--recipe", "--validation", "--results", "--protocols", "--format", "--base", "--prompt", "--mask"),
        *("--harmony", "--sam", "--matting", "--layout", "--clip", "--scene", "--inpainting", "--canny", "--cache"),
    )
    bench = ("--dtypes", "float32")
    public_names = (
        *("AnyScene", "Blending", "Canvas", "ControlConfig", "Element", "Injector", "InjectorConfig", "Layout"),
        *("Result", "VARIANTS", "blend", "compose", "relight"),
    )
    least = (("gain_in_light", 0.0), ("scenes", 0.0))


class TestPredict(ImagePredictSuite):
    package = PACKAGE
    other_suffix = ".webp"
    size = 40, 40
    options = ("--device", "cpu", "--prompt", "a cat", "--name", "cat", "--steps", "1")

    def make_input(self, path: Path, seed: int) -> None:
        write_cut_out(path, seed=seed)


class TestPython(PythonSuite):
    package = PACKAGE

    def make_array(self) -> Any:
        return cut_out()

    def test_run_takes_one_tensor_or_several(self, predictor: Any, tiny_weights: Path) -> None:
        elements = torch.rand(2, 4, 32, 32)
        several, one = predictor.run(elements), predictor.run(elements[1])
        assert several.shape[:2] == (2, 3)
        assert torch.equal(one, several[1])


class TestTrain(TrainSuite):
    package = PACKAGE
    recipe = str(Path(__file__).parent / "tiny.yaml")
    fields = (("crop", "random"), ("model.width", 4))
    changed = ("drops.text", 0.5)
    harmless = (("recompute", "true"), ("cache_mb", 1))

    def make_data(self, folder: Path) -> tuple[object, ...]:
        return ("--data", make_scenes(folder / "scenes"), "--base", tiny_base(folder / "base"))


class TestWeights(WeightsSuite):
    package = PACKAGE
