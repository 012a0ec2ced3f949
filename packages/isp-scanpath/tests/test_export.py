"""Networks as files for other programs, which take any number of observers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from isp_scanpath import ChenLSTMISP, GazeformerISP
from isp_scanpath.method import METHOD
from isp_scanpath.network.base import ISP
from isp_scanpath.network.examples import inputs
from isp_scanpath.network.weights import load_model
from visioncore.commands.export import export
from visioncore.commands.networks import tensors_of


@pytest.mark.parametrize("family", ["chen", "gazeformer", "search"])
def test_files_take_any_number_of_observers(
    family: str, tiny_weights: Path, tiny_gazeformer: GazeformerISP, tmp_path: Path
) -> None:
    import onnxruntime

    # exporters take seconds for every hundred operations
    chen = replace(load_model(tiny_weights).config, steps=2)
    short = {
        "chen": chen,
        "gazeformer": replace(tiny_gazeformer.config, encoder_layers=1, decoder_layers=1, action_maps=2),
        "search": replace(chen, categories=("cup", "tv")),
    }
    torch.manual_seed(0)
    model = ISP(short[family]).eval()
    if isinstance(model, ChenLSTMISP):  # hidden states are so small that nothing of the head shows
        for name, parameter in model.head.tasks.named_parameters():
            if name.endswith("bias"):
                torch.nn.init.normal_(parameter)
    errors = export(METHOD, model, tmp_path, formats=["onnx", "pt2"])
    assert all(error < 1e-4 for error in errors.values())
    given = inputs(model.config)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    program = torch.export.load(tmp_path / "model.pt2").module()
    seen = []
    for number in (1, 3):
        given["observers"] = torch.arange(number)[None]
        if family == "search":
            given["tasks"] = torch.tensor([number // 3])
        with torch.no_grad():
            expected = tensors_of(model(*given.values()))
            found = tensors_of(program(*given.values()))
        seen.append(expected[0][:, :1])
        ran = session.run(None, {name: value.numpy() for name, value in given.items()})
        for one, other, wanted in zip(found, ran, expected, strict=True):
            torch.testing.assert_close(one, wanted, rtol=1e-4, atol=1e-4)
            torch.testing.assert_close(torch.from_numpy(other), wanted, rtol=1e-4, atol=1e-4)
    same = torch.allclose(seen[0], seen[1], rtol=1e-3, atol=1e-3)
    assert same != (family == "search"), "the target counts"
