"""What the commands of every method do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clips_on_disk import lay_out_clips

from visioncore.testing.photos import photo
from visioncore.testing.suites.commands import CommandsSuite
from visioncore.testing.suites.predict import ImagePredictSuite
from visioncore.testing.suites.python import PythonSuite
from visioncore.testing.suites.train import TrainSuite
from visioncore.testing.suites.weights import WeightsSuite

PACKAGE = "lvmm_motion"


class TestCommands(CommandsSuite):
    package = PACKAGE
    options_told = (
        *("--recipe", "--validation", "--results", "--protocols", "--format", "--mask", "--loop", "--sampler"),
        *("--mode", "--strength", "--embedder", "--codec", "--keep-motion"),
    )
    bench = ("--dtypes", "float32")
    public_names = (
        *("LVMM", "FlowAutoencoder", "MotionUNet", "FrameUNet", "AnimationPipeline", "Result", "VARIANTS"),
        *("FlowAutoencoderConfig", "MotionUNetConfig", "FrameUNetConfig", "AnimationConfig", "load_published"),
    )
    least = (("gain_over_still", 0.5), ("actions_right_percent", 55.0))


class TestPredict(ImagePredictSuite):
    package = PACKAGE
    size = 32, 40
    results = (".mp4", ".npz")  # type: ignore[assignment]  # of the suite's one
    options = ("--device", "cpu", "--frames", "3")


class TestPython(PythonSuite):
    package = PACKAGE

    def make_array(self) -> Any:
        return photo(32, 40, seed=0)


class TestTrain(TrainSuite):
    package = PACKAGE
    recipe = "demo"
    fields = (
        *(("model.frames", 8), ("model.keep", 2), ("model.autoencoder.side", 16), ("model.autoencoder.regions", 3)),
        *((f"model.autoencoder.{part}_blocks", 2) for part in ("region", "flow")),
        *((f"model.autoencoder.{part}", 4) for part in ("width", "region_width", "flow_width")),
    )
    changed = ("augmentation.jitter", 0.2)
    harmless = (("cache_mb", 0),)

    def make_data(self, folder: Path) -> tuple[object, ...]:
        lay_out_clips(folder)
        return ("--data", folder / "videos")


class TestWeights(WeightsSuite):
    package = PACKAGE
