"""The network, saved and loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from csc_pretrain3d import CSC, CSCConfig, load_model
from csc_pretrain3d.network.published import to_published
from visioncore.errors import InputError


def test_saved_and_loaded(tmp_path: Path) -> None:
    network = CSC()
    torch.nn.init.constant_(network.gain.log_gain, 0.3)
    network.save_pretrained(tmp_path / "model")
    network.save_file(tmp_path / "model.safetensors")
    torch.save(to_published(network), tmp_path / "theirs.pth")
    images = torch.rand(2, 3, 5, 7)
    for source in ("model", "model.safetensors", "theirs.pth"):
        assert torch.equal(load_model(tmp_path / source)(images), network(images)), source


@pytest.mark.parametrize("shape", [(3, 5, 7), (1, 1, 5, 7)])
def test_wrong_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"it must be \(B, 3, H, W\)"):
        CSC()(torch.rand(shape))


def test_wrong_config() -> None:
    with pytest.raises(InputError, match="channels is 0"):
        CSCConfig(channels=0)
