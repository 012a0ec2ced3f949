"""What the tests share: golden cases, weights made from their names, a tiny network."""

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

from hsam_medseg import HSAM, HSAMConfig

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
        """Compare what the case keeps of a tensor, labels by the share that differs."""
        expected = self.about["outputs"][name]
        assert list(value.shape) == expected["full_shape"], name
        kept = value.detach().numpy()[_index(expected["slice"])]
        if "max_fraction_different" in expected:
            assert float((kept != self.outputs[name]).mean()) <= expected["max_fraction_different"], name
        else:
            np.testing.assert_allclose(
                kept, self.outputs[name], atol=expected["atol"], rtol=expected["rtol"], err_msg=name
            )


def _index(text: str) -> tuple[slice | int, ...]:
    """Return what ``[:, ::8, 0]`` stands for."""
    if text == "all":
        return ()
    parts = [part.strip() for part in text.strip("[]").split(",")]
    return tuple(
        slice(*(int(n) if n else None for n in part.split(":"))) if ":" in part else int(part) for part in parts
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
        # both prompt encoders of a file are one
        return {
            name: torch.from_numpy(deterministic.filled(name.replace("prompt_encoder2.", "prompt_encoder."), shape))
            for name, shape in layout.items()
        }

    return tensors


@pytest.fixture(scope="session")
def make_input() -> Callable[[Mapping[str, Any]], Tensor]:
    def tensor(spec: Mapping[str, Any]) -> Tensor:
        make = getattr(deterministic, spec["generator"])
        bounds = (spec["low"], spec["high"]) if "low" in spec else ()
        return torch.from_numpy(make(spec["tag"], *bounds, spec["shape"]))

    return tensor


TINY = HSAMConfig(
    backbone="vit_micro",
    image_size=64,
    classes=("liver", "spleen"),
    lora_rank=2,
    decoder_width=32,
    decoder_mlp=64,
)


@pytest.fixture
def tiny() -> HSAM:
    torch.manual_seed(0)
    return HSAM(TINY).eval()


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny network, saved."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("weights") / "tiny"
    HSAM(TINY).save_pretrained(folder)
    return folder
