"""Networks as files for other programs: the numbers agree, and a file that is wrong is not kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from hsam_medseg import HSAM
from hsam_medseg.method import METHOD
from hsam_medseg.network.exported import Logits, plain_layers
from visioncore.commands.export import export


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


def test_onnx_runs_without_the_package(
    adapted: HSAM, tmp_path: Path, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    errors = export(METHOD, adapted, tmp_path / "out", formats=["onnx"])
    path = tmp_path / "out" / "model.onnx"
    assert list(errors) == list((tmp_path / "out").iterdir()) == [path]
    assert 0 <= errors[path] < 1e-4
    assert capfd.readouterr() == ("", "")
    assert [str(warning.message) for warning in recwarn if "torch" in warning.filename] == []
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [(i.name, i.shape[1:]) for i in session.get_inputs()] == [("images", [3, 64, 64])]
    names = ["logits", "coarse_logits", "fine_logits"]
    assert [(o.name, o.shape[1:]) for o in session.get_outputs()] == [
        (name, [3, side, side]) for name, side in zip(names, (64, 16, 64), strict=True)
    ]
    for count in (1, 5):
        images = torch.rand(count, 3, 64, 64)
        found = session.run(names, {"images": images.numpy()})
        for output, expected in zip(found, outputs(adapted, images), strict=True):
            np.testing.assert_allclose(output, expected.numpy(), atol=1e-3)


def test_pt2_comes_back_and_leaves_the_model_as_it_was(adapted: HSAM, tmp_path: Path) -> None:
    single = HSAM(replace(adapted.config, decoder="coarse", image_size=80)).eval()
    images = torch.rand(1, 3, 80, 80)
    expected = outputs(single, images)
    model = single.double().train()
    (path,) = export(METHOD, model, tmp_path, formats=["pt2"])
    assert model.training
    assert next(model.parameters()).dtype == torch.float64
    loaded = torch.export.load(path)
    for found, wanted in zip(loaded.module()(images), expected, strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)
    # neither the additions nor what has no effect
    held = sum(tensor.numel() for tensor in (*loaded.state_dict.values(), *loaded.constants.values()))
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
