"""The losses: the golden case without a network, and a step of training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from gazedptr_gaze import GazeOutput
from gazedptr_gaze.data.faces import FaceSamples
from gazedptr_gaze.data.ivgaze import read_fold
from gazedptr_gaze.network.losses import UNKNOWN_ZONE, ZONE_WEIGHT, training_losses
from gazedptr_gaze.network.model import NETWORKS
from gazedptr_gaze.training import trainer
from visioncore.testing.golden import GoldenCase


@pytest.mark.parametrize("variant", NETWORKS)
def test_published_losses(variant: str, golden: Callable[[str], GoldenCase], make_input: Callable[..., Tensor]) -> None:
    case, dual = golden("losses"), variant != "gazeptr"
    normalised, original = (torch.from_numpy(case.outputs[f"input/{name}Gaze"]) for name in ("norm", "origin"))
    zone = torch.from_numpy(case.outputs["input/zone"])[:, 0]
    gaze, to_original, to_normalised, logits = (
        make_input(case.about["inputs"][f"pred_{name}"]) for name in ("gaze", "aux_origin", "aux_norm", "zone_logits")
    )
    out = GazeOutput(
        gaze,
        logits if variant == "gazedptr_v2" else None,
        None,
        to_normalised if dual else to_normalised[1:],
        to_original if dual else None,
    )
    terms = training_losses(out, normalised, original, zone)
    order = ("gaze", "zone", "original", "normalised")
    parts = torch.stack([terms.get(name, torch.zeros((), dtype=torch.float64)) for name in order])
    case.close(f"{variant}/alone", torch.cat([parts.sum()[None], parts]))


def test_losses_of_a_step(drivers: Path, tiny: Callable[..., Any]) -> None:
    network, samples = tiny("gazedptr_v2"), FaceSamples([read_fold(drivers, 1)], "gazedptr_v2", 64)
    batch = {name: torch.stack([samples[i][name] for i in range(6)]) for name in samples[0]}
    assert batch["normalised"].dtype == torch.uint8
    with torch.no_grad():
        losses = trainer.step_losses(network, batch, "gazedptr_v2")
        faces = [batch[name] / 255 for name in ("normalised", "original")]
        out = network(*faces, batch["axis"], batch["to_camera"], batch["origin"], auxiliary=True)
    expected = training_losses(out, batch["normalised_gaze"], batch["original_gaze"], batch["zone"])
    assert losses.keys() == expected.keys() == {"gaze", "zone", "original", "normalised"}
    for name, value in losses.items():
        torch.testing.assert_close(value, expected[name])


def test_zones_that_nobody_knows_teach_nothing() -> None:
    torch.manual_seed(0)
    logits, gaze = torch.randn(3, 4, 122, requires_grad=True), torch.zeros(4, 2)
    zone = torch.tensor([5, UNKNOWN_ZONE, 121, UNKNOWN_ZONE])
    term = training_losses(GazeOutput(gaze, logits), gaze, zone=zone)["zone"]
    known = F.cross_entropy(logits[:, [0, 2]].flatten(0, 1), zone[[0, 2]].repeat(3))
    torch.testing.assert_close(term, ZONE_WEIGHT * known / 2)  # two of four samples
    term.backward()
    assert logits.grad is not None
    assert (logits.grad.abs().amax(dim=(0, 2)) > 0).tolist() == [True, False, True, False]
    assert training_losses(GazeOutput(gaze, logits), gaze, zone=zone[1::2].repeat(2))["zone"] == 0
