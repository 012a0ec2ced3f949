"""The golden case of the published network, in double precision, on all paths; everything else rests on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from csc_pretrain3d import CSC
from csc_pretrain3d.network.fast import for_inference
from csc_pretrain3d.network.published import read_published, to_published
from csc_pretrain3d.network.reference import as_reference
from visioncore.errors import InputError
from visioncore.weights.state_dicts import load_into

Golden = Callable[[str], Any]


@pytest.fixture
def model(golden: Golden, fill: Callable[..., Any], tmp_path: Path) -> CSC:
    """The network in float64, with the golden case's weights from a file as the authors write it."""
    state = {f"module.{name}": tensor for name, tensor in fill(golden("network").about["layout"]).items()}
    torch.save({"state_dict": state}, tmp_path / "theirs.pth")
    network = CSC().double().eval()
    load_into(network, read_published(tmp_path / "theirs.pth"), where="theirs.pth")
    return network


@torch.no_grad()
def test_published_network(model: CSC, golden: Golden, make_input: Callable[..., Any]) -> None:
    case = golden("network")
    image = make_input(case.about["inputs"]["image"])
    for network in (model, as_reference(model), for_inference(model, torch.device("cpu"), torch.float64)):
        case.close("bright", network(image))


@torch.no_grad()
def test_fast_path_is_the_reference(model: CSC) -> None:
    images = torch.rand(2, 3, 5, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = as_reference(model)(images)
    for dtype, rtol in ((torch.float64, 1e-12), (torch.bfloat16, 0.02)):
        fast = for_inference(model, torch.device("cpu"), dtype)
        torch.testing.assert_close(fast(images), expected, rtol=rtol, atol=0)


def test_back_to_published_names(model: CSC, tmp_path: Path) -> None:
    torch.save(to_published(model), tmp_path / "back.pth")
    again = CSC.from_published(tmp_path / "back.pth")
    assert torch.equal(again.gain.log_gain, model.gain.log_gain.float())


def test_every_published_tensor_counts(tmp_path: Path) -> None:
    torch.save({"g": torch.zeros(3, 1, 1), "left_over": torch.zeros(1)}, tmp_path / "theirs.pth")
    with pytest.raises(InputError, match="left_over"):
        CSC.from_published(tmp_path / "theirs.pth")
