"""Networks as files for other programs: the numbers agree at any size, and a file that is wrong is not kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from clip_denoising import CLIPDenoiser
from clip_denoising.method import METHOD
from visioncore.commands.export import export
from visioncore.errors import InputError


def test_onnx_runs_without_the_package_on_any_size(
    tiny: CLIPDenoiser, tmp_path: Path, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    errors = export(METHOD, tiny, tmp_path / "out", formats=["onnx"])
    path = tmp_path / "out" / "model.onnx"
    assert list(errors) == list((tmp_path / "out").iterdir()) == [path]
    assert 0 <= errors[path] < 1e-4
    assert capfd.readouterr() == ("", "")
    assert [str(warning.message) for warning in recwarn if "torch" in warning.filename] == []
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [value.name for value in session.get_inputs()] == ["noisy"]
    for shape in ((3, 3, 32, 32), (1, 3, 96, 128)):
        image = torch.rand(shape)
        (denoised,) = session.run(["denoised"], {"noisy": image.numpy()})
        with torch.no_grad():
            np.testing.assert_allclose(denoised, tiny(image).numpy(), atol=1e-4)


def test_pt2_comes_back_and_leaves_the_model_as_it_was(tiny_ct: CLIPDenoiser, tmp_path: Path) -> None:
    images = torch.rand(2, 1, 32, 96), torch.rand(1, 1, 64, 32)
    with torch.no_grad():
        expected = [tiny_ct(image) for image in images]
    model = tiny_ct.double().train()
    (path,) = export(METHOD, model, tmp_path, formats=["pt2"])
    assert model.training
    assert next(model.parameters()).dtype == torch.float64
    loaded = torch.export.load(path).module()
    for image, wanted in zip(images, expected, strict=True):
        torch.testing.assert_close(loaded(image), wanted, rtol=1e-4, atol=1e-5)
    with pytest.raises(Exception, match="32"):
        loaded(images[0][..., :40])


def test_what_cannot_be_exported_is_told_first(tiny: CLIPDenoiser, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="format is 'tflite'; it must be one of onnx, pt2"):
        export(METHOD, tiny, tmp_path / "out", formats=["onnx", "tflite"])
    assert not (tmp_path / "out").exists()
