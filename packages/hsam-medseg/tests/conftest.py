"""What the tests share: weights made from their names, a tiny network, checkpoints of SAM."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from hsam_medseg import HSAM, HSAMConfig
from visioncore.backbones.sam import SAM_ENCODERS, SAMEncoderConfig, SAMImageEncoder

# so that tests can import the modules beside them
sys.path.insert(0, str(Path(__file__).parent))

Fill = Callable[[Mapping[str, Iterable[int]]], dict[str, Tensor]]


@pytest.fixture(scope="session")
def fill(fill: Fill) -> Fill:
    """Makes the tensors of a published layout from their names; both prompt encoders of a file are one."""

    def tensors(layout: Mapping[str, Iterable[int]]) -> dict[str, Tensor]:
        names = {name: name.replace("prompt_encoder2.", "prompt_encoder.") for name in layout}
        made = fill({names[name]: shape for name, shape in layout.items()})
        return {name: made[names[name]] for name in layout}

    return tensors


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
def tiny_weights(saved: Callable[[Any], Path]) -> Path:
    """The folder of a tiny network, saved."""
    torch.manual_seed(0)
    return saved(HSAM(TINY))


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
