"""Networks as files for other programs: the numbers agree at any size, and a file that is wrong is not kept."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

from clip_denoising import CLIPDenoiser, export
from visioncore.errors import InputError


def test_onnx_runs_without_the_package_on_any_size(
    tiny: CLIPDenoiser, tmp_path: Path, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    errors = export.export(tiny, tmp_path / "out", formats=["onnx"])
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
    (path,) = export.export(model, tmp_path, formats=["pt2"])
    assert model.training
    assert next(model.parameters()).dtype == torch.float64
    loaded = torch.export.load(path).module()
    for image, wanted in zip(images, expected, strict=True):
        torch.testing.assert_close(loaded(image), wanted, rtol=1e-4, atol=1e-5)
    with pytest.raises(Exception, match="32"):
        loaded(images[0][..., :40])


@pytest.mark.parametrize("wrong", [0.5, float("nan")])
def test_a_file_whose_numbers_differ_is_not_kept(
    tiny: CLIPDenoiser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: float
) -> None:
    def run(path: Path, images: Iterable[Tensor]) -> list[Tensor]:
        assert path.read_bytes() == b"file"
        right, also = (tiny(image) for image in images)
        return [right, also + wrong]

    monkeypatch.setattr(torch.export, "export", lambda model, inputs, dynamic_shapes: None)
    monkeypatch.setitem(export._FORMATS, "pt2", (lambda program: b"file", run))
    (tmp_path / "model.pt2").write_text("before")
    with pytest.raises(InputError, match=r"model\.pt2: not written; it differs from eager by (5\.00e-01|nan)"):
        export.export(tiny, tmp_path, formats=["pt2"])
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt2"]
    assert (tmp_path / "model.pt2").read_text() == "before"


def test_what_cannot_be_exported_is_told(tiny: CLIPDenoiser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="format is 'tflite'; it must be one of onnx, pt2"):
        export.export(tiny, tmp_path, formats=["onnx", "tflite"])
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write in this folder"):
        export.export(tiny, tmp_path / "file")
    monkeypatch.setattr(export, "find_spec", lambda name: None if name == "onnxscript" else object())
    with pytest.raises(InputError, match=r"ONNX needs onnxscript: pip install 'clip-denoising\[export\]'"):
        export.export(tiny, tmp_path, formats=["onnx"])


def test_a_full_disk(tiny: CLIPDenoiser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.export, "export", lambda model, inputs, dynamic_shapes: None)
    monkeypatch.setitem(export._FORMATS, "pt2", (lambda program: b"file", export._FORMATS["pt2"][1]))

    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match=r"model\.pt2: could not be written \(No space left on device\)"):
        export.export(tiny, tmp_path, formats=["pt2"])
    assert list(tmp_path.iterdir()) == []
