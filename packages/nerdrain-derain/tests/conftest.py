"""What the tests share: golden cases, weights made from their names, and tiny networks."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nerdrain_derain import NeRDRain, NeRDRainConfig

DATA = Path(__file__).parent / "data"
torch.set_num_threads(2)


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


TINY = NeRDRainConfig(dim=8, num_blocks=(1, 1, 1), heads=(1, 2, 4), inr_hidden=16)


@pytest.fixture
def tiny() -> NeRDRain:
    torch.manual_seed(0)
    return NeRDRain(TINY).eval()
