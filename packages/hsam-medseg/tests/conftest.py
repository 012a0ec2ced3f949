"""What the tests share: golden cases, weights made from their names, a tiny network."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor

from hsam_medseg import HSAM, HSAMConfig
from visioncore.backbones.sam import SAM_ENCODERS, SAMEncoderConfig, SAMImageEncoder

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


SMALL_SAM = {"vit_b": SAMEncoderConfig(24, 2, 2, (1,)), "vit_l": SAMEncoderConfig(32, 3, 2, (1, 2))}


@pytest.fixture
def sam_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Path]:
    """Write whole checkpoints of SAM by the names of its encoders, which are small while the test runs."""
    from segment_anything.modeling import MaskDecoder, PromptEncoder, TwoWayTransformer

    for name, config in SMALL_SAM.items():
        monkeypatch.setitem(cast(MutableMapping[str, SAMEncoderConfig], SAM_ENCODERS), name, config)

    def write(name: str) -> Path:
        torch.manual_seed(1)
        encoder = SAMImageEncoder(SMALL_SAM[name])
        for table in (encoder.pos_embed, *(p for n, p in encoder.named_parameters() if "rel_pos" in n)):
            torch.nn.init.normal_(table, std=0.1)
        transformer = TwoWayTransformer(depth=2, embedding_dim=256, mlp_dim=2048, num_heads=8)
        parts = {
            "image_encoder": encoder,
            "prompt_encoder": PromptEncoder(256, (64, 64), (1024, 1024), 16),
            "mask_decoder": MaskDecoder(transformer_dim=256, transformer=transformer),
        }
        path = tmp_path / f"sam_{name}.pth"
        state = {f"{part}.{n}": tensor for part, module in parts.items() for n, tensor in module.state_dict().items()}
        torch.save(state, path)
        return path

    return write
