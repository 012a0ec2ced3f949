"""Networks as files for other programs, which take any number of faces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from gazedptr_gaze import GazeConfig, GazePTR
from gazedptr_gaze.network.exported import exported, zones_agree
from gazedptr_gaze.network.weights import AnyGaze
from visioncore.testing.suites.export import ExportSuite


@pytest.fixture
def lively(tiny: Callable[..., Any]) -> Callable[..., Any]:
    """Makes small networks whose batch norms do something."""

    def make(variant: str, **settings: Any) -> Any:
        model = AnyGaze(replace(tiny(variant, **settings).config, layers=1, zone_layers=1)).eval()
        for norm in model.modules():
            if isinstance(norm, nn.BatchNorm2d):
                assert norm.running_mean is not None
                assert norm.running_var is not None
                nn.init.normal_(norm.running_mean, std=0.1)
                nn.init.uniform_(norm.running_var, 0.5, 2)
        return model

    return make


class TestExport(ExportSuite):
    package = "gazedptr_gaze"
    given = "normalised", (None, 3, 32, 32)
    returned = (("gaze", (None, 2)),)
    taken = ((1, 3, 32, 32), (5, 3, 32, 32))
    refused = (1, 3, 32, 48), "32"

    @pytest.fixture
    def to_export(self, lively: Callable[..., Any]) -> GazePTR:
        model: GazePTR = lively("gazeptr")
        return model


@torch.no_grad()
def test_zones_of_any_number_of_faces(lively: Callable[..., Any]) -> None:
    model = lively("gazedptr_v2", unit=1000.0)
    made = exported(model)
    assert made.compared is None
    program = torch.export.export(made.network, tuple(made.inputs.values()), dynamic_shapes=made.dynamic_shapes)
    for faces in (1, 5):
        given = [tensor[:1].repeat(faces, *[1] * (tensor.ndim - 1)) for tensor in made.inputs.values()]
        expected = model(*given)
        for found, wanted in zip(
            program.module()(*given), (expected.gaze, expected.zone_logits, expected.points), strict=True
        ):
            torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-3)


def test_zones_are_compared_where_float32_suffices(lively: Callable[..., Any]) -> None:
    assert exported(lively("gazedptr_v2")).compared == 1
    assert not zones_agree(GazeConfig("gazedptr_v2"))
    assert not zones_agree(GazeConfig("gazedptr_v2", n_freqs=10))
    assert zones_agree(GazeConfig("gazedptr_v2", n_freqs=10, unit=1000.0))
    assert zones_agree(GazeConfig("gazedptr"))
