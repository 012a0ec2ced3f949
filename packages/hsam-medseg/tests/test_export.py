"""Networks as files for other programs, without what has no effect."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from hsam_medseg import HSAM
from hsam_medseg.network.exported import Logits, plain_layers
from visioncore.testing.suites.export import ExportSuite


@pytest.fixture
def adapted(tiny: HSAM) -> HSAM:
    """A network whose low-rank additions add something."""
    torch.manual_seed(1)
    for name, parameter in tiny.named_parameters():
        if ".up." in name:
            nn.init.normal_(parameter, std=0.05)
    return tiny


def outputs(model: HSAM, images: Tensor) -> list[Tensor]:
    with torch.no_grad():
        output = model(images)
    return [output.logits, output.coarse_logits, *([] if output.fine_logits is None else [output.fine_logits])]


class TestExport(ExportSuite):
    package = "hsam_medseg"
    given = "images", (None, 3, 64, 64)
    returned = (
        ("logits", (None, 3, 64, 64)),
        ("coarse_logits", (None, 3, 16, 16)),
        ("fine_logits", (None, 3, 64, 64)),
    )
    taken = ((1, 3, 64, 64), (5, 3, 64, 64))
    tolerance = 1e-3

    @pytest.fixture
    def to_export(self, adapted: HSAM) -> HSAM:
        return adapted

    def run_network(self, model: HSAM, images: Tensor) -> list[Tensor]:
        return outputs(model, images)

    def check_program(self, program: ExportedProgram, model: HSAM) -> None:
        """Neither the additions nor what has no effect are in it."""
        held = sum(tensor.numel() for tensor in (*program.state_dict.values(), *program.constants.values()))
        additions = sum(p.numel() for name, p in model.named_parameters() if ".down." in name or ".up." in name)
        assert held <= sum(p.numel() for p in (*model.parameters(), *model.buffers())) - additions


def test_unused_tensors_are_left_out(adapted: HSAM) -> None:
    from hsam_medseg.network.unused_tensors import UnusedTensors

    adapted.unused = UnusedTensors({"prompt_encoder.point_embeddings.0.weight": (1, 256)})
    exported = Logits(plain_layers(adapted))
    assert not [name for name in exported.state_dict() if "unused" in name or ".up." in name]
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        for found, expected in zip(exported(images), outputs(adapted, images), strict=True):
            torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    assert adapted.unused is not None
