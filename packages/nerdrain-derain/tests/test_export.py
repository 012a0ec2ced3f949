"""Networks as files for other programs: the numbers agree, and a file that is wrong is not kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from nerdrain_derain import NeRDRain, NeRDRainConfig
from nerdrain_derain.method import METHOD
from visioncore.commands.export import export
from visioncore.errors import InputError


@pytest.fixture
def quick() -> NeRDRain:
    """A network of few operations, which export takes the time for."""
    torch.manual_seed(0)
    return NeRDRain(NeRDRainConfig(dim=8, num_blocks=(1, 1, 1), block="cab", inr="none", fusion="none")).eval()


def test_onnx_runs_without_the_package(
    tiny: NeRDRain, tmp_path: Path, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    errors = export(METHOD, tiny, tmp_path / "out", formats=["onnx"], size=32)
    path = tmp_path / "out" / "model.onnx"
    assert list(errors) == list((tmp_path / "out").iterdir()) == [path]
    assert 0 <= errors[path] < 1e-4
    assert capfd.readouterr() == ("", "")
    assert [str(warning.message) for warning in recwarn if "torch" in warning.filename] == []
    image = torch.rand(1, 3, 32, 32)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [(i.name, i.shape) for i in session.get_inputs()] == [("rainy", [1, 3, 32, 32])]
    (restored,) = session.run(["restored"], {"rainy": image.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(restored, tiny(image).numpy(), atol=1e-4)


def test_pt2_comes_back_and_leaves_the_model_as_it_was(quick: NeRDRain, tmp_path: Path) -> None:
    image = torch.rand(1, 3, 16, 32)
    with torch.no_grad():
        expected = quick(image[..., :16])
    model = quick.double().train()
    (path,) = export(METHOD, model, tmp_path, formats=["pt2"], size=16)
    assert model.training
    assert next(model.parameters()).dtype == torch.float64
    loaded = torch.export.load(path).module()
    torch.testing.assert_close(loaded(image[..., :16]), expected)
    with pytest.raises(Exception, match="16"):
        loaded(image)


def test_what_cannot_be_exported_is_told_first(quick: NeRDRain, tmp_path: Path) -> None:
    for options, told in (
        ({"size": 40}, "size is 40; it must be a positive multiple of 16"),
        ({"size": 0}, "size is 0"),
        ({"formats": ["pt2", "tflite"]}, "format is 'tflite'; it must be one of onnx, pt2"),
    ):
        with pytest.raises(InputError, match=told):
            export(METHOD, quick, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()
