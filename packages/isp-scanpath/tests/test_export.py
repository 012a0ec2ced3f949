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
from visioncore.errors import InputError


@pytest.mark.parametrize("family", ["chen", "gazeformer"])
def test_files_take_any_number_of_observers(
    family: str, tiny_weights: Path, tiny_gazeformer: GazeformerISP, tmp_path: Path
) -> None:
    import onnxruntime

    # exporters take seconds for every hundred operations
    config = load_model(tiny_weights).config, tiny_gazeformer.config
    short = replace(config[0], steps=2), replace(config[1], encoder_layers=1, decoder_layers=1, action_maps=2)
    torch.manual_seed(0)
    model = ISP(short[family == "gazeformer"]).eval()
    errors = export(METHOD, model, tmp_path, formats=["onnx", "pt2"])
    assert all(error < 1e-4 for error in errors.values())
    given = inputs(model.config)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    program = torch.export.load(tmp_path / "model.pt2").module()
    for number in (1, 3):
        given["observers"] = torch.arange(number)[None]
        with torch.no_grad():
            expected = tensors_of(model(*given.values()))
            found = tensors_of(program(*given.values()))
        ran = session.run(None, {name: value.numpy() for name, value in given.items()})
        for one, other, wanted in zip(found, ran, expected, strict=True):
            torch.testing.assert_close(one, wanted, rtol=1e-4, atol=1e-4)
            torch.testing.assert_close(torch.from_numpy(other), wanted, rtol=1e-4, atol=1e-4)


def test_what_cannot_be_exported(tiny_chen: ChenLSTMISP, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="takes other layers for each category, and cannot be exported"):
        export(METHOD, tiny_chen, tmp_path / "out")
    assert not (tmp_path / "out").exists()
