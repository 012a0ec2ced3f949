"""What the tests share: golden cases, weights made from their names, tiny networks, pictures."""

from __future__ import annotations

import copy
import importlib.util
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from clip_denoising import CLIPDenoiser, CLIPDenoiserConfig
from visioncore.testing import dicom_files

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
DATA = Path(__file__).parent / "data"


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Keep to one thread: the networks here are so small that a second is slower, on a busy machine a hundred times."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _deterministic() -> ModuleType:
    spec = importlib.util.spec_from_file_location("deterministic", DATA / "deterministic.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


deterministic = _deterministic()


@dataclass(frozen=True)
class Case:
    """A golden case: what it says of itself, and its stored outputs."""

    about: dict[str, Any]
    outputs: Mapping[str, np.ndarray]

    def close(self, name: str, value: Tensor) -> None:
        """Compare what the case keeps of a tensor."""
        expected = self.about["outputs"][name]
        assert list(value.shape) == expected["shape"], name
        kept = value.detach().numpy()[_index(expected.get("slice", "[...]"))]
        np.testing.assert_allclose(kept, self.outputs[name], atol=expected["atol"], rtol=expected["rtol"], err_msg=name)


def _index(text: str) -> tuple[Any, ...]:
    """Return what ``[:, ::8]`` stands for."""
    parts = [part.strip() for part in text.strip("[]").split(",")]
    return tuple(... if part == "..." else slice(*(int(n) if n else None for n in part.split(":"))) for part in parts)


@pytest.fixture(scope="session")
def golden() -> Callable[[str], Case]:
    def read(name: str) -> Case:
        about = json.loads((DATA / f"{name}.json").read_text())
        return Case(about, dict(np.load(DATA / f"{name}.npz")))

    return read


@pytest.fixture(scope="session")
def layouts() -> dict[str, Any]:
    """The published layouts, name -> shape, by variant."""
    layouts: dict[str, Any] = json.loads((DATA / "manifest.json").read_text())
    return layouts


@pytest.fixture(scope="session")
def fill() -> Callable[[Mapping[str, Iterable[int]]], dict[str, Tensor]]:
    """Makes the tensors of a layout; the counters, which have no effect, are zero."""

    def tensors(layout: Mapping[str, Iterable[int]]) -> dict[str, Tensor]:
        return {
            name: torch.zeros(tuple(shape), dtype=torch.int64)
            if name.endswith("num_batches_tracked")
            else torch.from_numpy(deterministic.filled(name, shape))
            for name, shape in layout.items()
        }

    return tensors


@pytest.fixture(scope="session")
def make_input() -> Callable[[Mapping[str, Any]], Tensor]:
    def tensor(spec: Mapping[str, Any]) -> Tensor:
        make = getattr(deterministic, spec["kind"])
        bounds = (spec["low"], spec["high"]) if "low" in spec else ()
        return torch.from_numpy(make(spec["tag"], *bounds, spec["shape"]))

    return tensor


TINY = CLIPDenoiserConfig(width=8, blocks=(1, 1, 1, 1))


def _network(config: CLIPDenoiserConfig) -> CLIPDenoiser:
    torch.manual_seed(0)
    model = CLIPDenoiser(config)
    # running statistics of an image, so that features neither vanish nor explode
    with torch.no_grad():
        for _ in range(20):
            model.train()(torch.rand(4, config.channels, 64, 64))
    return model.eval()


@pytest.fixture(scope="session")
def _tiny() -> CLIPDenoiser:
    return _network(TINY)


@pytest.fixture(scope="session")
def _tiny_ct() -> CLIPDenoiser:
    return _network(replace(TINY, channels=1))


@pytest.fixture
def tiny(_tiny: CLIPDenoiser) -> CLIPDenoiser:
    """A tiny network for pictures; each test has its own."""
    return copy.deepcopy(_tiny)


@pytest.fixture
def tiny_ct(_tiny_ct: CLIPDenoiser) -> CLIPDenoiser:
    """A tiny network for CT; each test has its own."""
    return copy.deepcopy(_tiny_ct)


@pytest.fixture(scope="session")
def tiny_weights(_tiny: CLIPDenoiser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tiny network for pictures, saved."""
    folder = tmp_path_factory.mktemp("weights") / "tiny"
    _tiny.save_pretrained(folder)
    return folder


def photo(height: int, width: int, seed: int = 0) -> Pixels:
    """Return a picture with soft shapes and some grain, (H, W, 3) uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / rng.uniform(5, 20) + y / rng.uniform(5, 20) + rng.uniform(0, 6)) for _ in range(3)]
    picture = 127 + 80 * np.stack(waves, axis=-1) + rng.normal(0, 5, (height, width, 3))
    return np.clip(picture, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def make_photo() -> Callable[..., Pixels]:
    return photo


@pytest.fixture
def write_slice() -> Callable[..., Path]:
    """Writes a CT file, 2 HU for each step from -1024."""
    return partial(dicom_files.write_slice, RescaleSlope=2, RescaleIntercept=-1024)


@pytest.fixture
def write_series() -> Callable[..., Path]:
    """Writes slices at positions in mm; their pixels count on from slice to slice, upwards."""
    return partial(dicom_files.write_series, RescaleSlope=2, RescaleIntercept=-1024)
