"""What the tests share: golden cases, weights made from their names, tiny networks, pictures and data sets."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nerdrain_derain import NeRDRain, NeRDRainConfig
from visioncore.images import Image, write_image

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
        expected = self.about["outputs"].get(name, {"atol": 1e-8, "rtol": 1e-8})
        np.testing.assert_allclose(
            value.detach().numpy(), self.outputs[name], atol=expected["atol"], rtol=expected["rtol"], err_msg=name
        )


@pytest.fixture(scope="session")
def golden() -> Callable[[str], Case]:
    def read(name: str) -> Case:
        about = json.loads((DATA / f"{name}.json").read_text())
        return Case(about, dict(np.load(DATA / f"{name}.npz")))

    return read


@pytest.fixture(scope="session")
def fill() -> Callable[[Mapping[str, Iterable[int]]], dict[str, Tensor]]:
    def tensors(layout: Mapping[str, Iterable[int]]) -> dict[str, Tensor]:
        return {name: torch.from_numpy(deterministic.filled(name, shape)) for name, shape in layout.items()}

    return tensors


@pytest.fixture(scope="session")
def make_input() -> Callable[[Mapping[str, Any]], Tensor]:
    def tensor(spec: Mapping[str, Any]) -> Tensor:
        make = {"uniform": deterministic.uniform_input, "normal": deterministic.normal_input}[spec["kind"]]
        return torch.from_numpy(make(spec["tag"], spec["shape"]))

    return tensor


TINY = NeRDRainConfig(dim=8, num_blocks=(1, 1, 1), inr_hidden=16)


@pytest.fixture
def tiny() -> NeRDRain:
    torch.manual_seed(0)
    return NeRDRain(TINY).eval()


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny network, saved."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("weights") / "tiny"
    NeRDRain(TINY).save_pretrained(folder)
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
def make_pairs(tmp_path: Path) -> Callable[..., Path]:
    """Writes ``tmp_path/name/input`` and ``target`` with pictures of the given (rainy, clean) names."""

    def write(
        names: Iterable[tuple[str, str]], name: str = "data", size: tuple[int, int] = (32, 48), seed: int = 0
    ) -> Path:
        for number, (rainy, clean) in enumerate(names):
            pixels = photo(*size, seed=seed + number)
            write_image(tmp_path / name / "input" / rainy, Image(pixels // 2 + 100))
            write_image(tmp_path / name / "target" / clean, Image(pixels))
        return tmp_path / name

    return write
