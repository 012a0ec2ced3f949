"""What the commands of every method do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import torch

from alt_action import Predictor, load_model
from alt_action.data.people import PEOPLE_ACTIONS, drawn_person
from alt_action.data.synthetic import write_synthetic
from visioncore.testing.suites.commands import CommandsSuite
from visioncore.testing.suites.predict import PredictSuite
from visioncore.testing.suites.python import PythonSuite
from visioncore.testing.suites.train import TrainSuite
from visioncore.testing.suites.weights import WeightsSuite

ACTIONS = PEOPLE_ACTIONS[:4]

PACKAGE = "alt_action"


def write_clip(path: Path, seed: int) -> None:
    """Write a drawn video in any container."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 96, 96, "yuv420p"
        for number, drawn in enumerate(drawn_person(ACTIONS[seed % 4], np.random.default_rng(seed), 8)):
            frame = av.VideoFrame.from_ndarray(drawn.pixels, format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


class TestCommands(CommandsSuite):
    package = PACKAGE
    options_told = (
        "--recipe",
        "--validation",
        "--results",
        "--protocols",
        "--labels",
        "--window",
        "--format",
        "--clip",
    )
    bench = ("--dtypes", "float32")
    public_names = ("ALT", "ALTConfig", "Corpus", "Entity", "Result", "VARIANTS")
    least = (("gain_over_mean_of_frames", 20), ("top1", 80), ("parts_named_right", 60))


class TestPredict(PredictSuite):
    package = PACKAGE
    suffix, other_suffix = ".mp4", ".mkv"
    results = (".json", ".png")
    broken_told = ("cannot be read as a video", "cannot be read as a video")

    def make_input(self, path: Path, seed: int) -> None:
        write_clip(path, seed)

    def test_no_images_are_an_empty_result(self, tiny_weights: Path) -> None:
        predictor = Predictor(load_model(tiny_weights), "cpu")
        frames = torch.rand(2, 4, 3, 32, 32)
        assert predictor.run(frames).shape == (2, 32)
        assert predictor.run(frames[:0]).shape == (0, 32)


class TestPython(PythonSuite):
    package = PACKAGE

    def make_array(self) -> Any:
        return np.stack([drawn.pixels for drawn in drawn_person(ACTIONS[0], np.random.default_rng(0), 8)])


class TestTrain(TrainSuite):
    package = PACKAGE
    fields = (
        ("start", ""),
        ("freeze_backbone", False),
        ("model.entities", 16),
        ("model.heads", 2),
        ("model.merged", 1),
        ("model.tower.heads", 1),
        ("model.tower.patch", 8),
        ("model.tower.width", 32),
        ("model.tower.layers", 1),
        ("model.tower.image_size", 16),
        ("model.tower.embed_dim", 16),
        ("model.layers", 1),
        ("model.frames", 2),
    )
    changed = ("smoothing", 0.2)

    def make_data(self, folder: Path) -> tuple[object, ...]:
        return ("--data", write_synthetic(folder, 2, actions=ACTIONS, frames=6))


class TestWeights(WeightsSuite):
    package = PACKAGE
