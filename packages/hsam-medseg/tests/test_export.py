"""Networks as files for other programs: the numbers agree, and a file that is wrong is not kept."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from hsam_medseg import HSAM, export
from visioncore.errors import InputError


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
    errors = export.export(adapted, tmp_path / "out", formats=["onnx"])
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
    (path,) = export.export(model, tmp_path, formats=["pt2"])
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
    from hsam_medseg.unused import UnusedTensors

    adapted.unused = UnusedTensors({"prompt_encoder.point_embeddings.0.weight": (1, 256)})
    exported = export._Exported(adapted)
    assert not [name for name in exported.state_dict() if "unused" in name or ".up." in name]
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        for found, expected in zip(exported(images), outputs(adapted, images), strict=True):
            torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    assert adapted.unused is not None


def pretend(monkeypatch: pytest.MonkeyPatch, run: Any) -> None:
    """Let the exporter write ``file`` and nothing else, and ``run`` stand for reading it back."""
    monkeypatch.setattr(torch.export, "export", lambda *_, **__: None)
    monkeypatch.setitem(export._FORMATS, "pt2", (lambda program: b"file", run))


@pytest.mark.parametrize("wrong", [0.5, float("nan")])
def test_a_file_whose_numbers_differ_is_not_kept(
    tiny: HSAM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: float
) -> None:
    def run(path: Path, images: Tensor) -> Sequence[Tensor]:
        assert path.read_bytes() == b"file"
        *others, last = outputs(tiny, images)
        return [*others, last + wrong]

    pretend(monkeypatch, run)
    (tmp_path / "model.pt2").write_text("before")
    with pytest.raises(InputError, match=r"model\.pt2: not written; it differs from eager by (\d\.\d\de-0\d|nan)"):
        export.export(tiny, tmp_path, formats=["pt2"])
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt2"]
    assert (tmp_path / "model.pt2").read_text() == "before"


def test_what_cannot_be_exported_is_told_first(tiny: HSAM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="format is 'tflite'; it must be one of onnx, pt2"):
        export.export(tiny, tmp_path / "out", formats=["pt2", "tflite"])
    monkeypatch.setattr(export, "_MOST", 2**20)
    with pytest.raises(InputError, match="an ONNX file holds 2; export to pt2 instead"):
        export.export(tiny, tmp_path / "out", formats=["onnx"])
    monkeypatch.setattr(export, "find_spec", lambda name: None if name == "onnxscript" else object())
    with pytest.raises(InputError, match=r"ONNX needs onnxscript: pip install 'hsam-medseg\[export\]'"):
        export.export(tiny, tmp_path / "out", formats=["onnx"])
    assert not (tmp_path / "out").exists()


def test_a_full_disk(tiny: HSAM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, lambda path, images: outputs(tiny, images))

    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match=r"model\.pt2: could not be written \(No space left on device\)"):
        export.export(tiny, tmp_path, formats=["pt2"])
    assert list(tmp_path.iterdir()) == []
