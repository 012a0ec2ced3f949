"""Networks as files for other programs: a file that is wrong is not kept, and what cannot be exported is told first."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from visioncore.commands import export as exporting
from visioncore.errors import InputError

IMAGES = torch.rand(2, 4, generator=torch.Generator().manual_seed(0))


class Two(nn.Module):
    """Returns two tensors, one of them large."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = self.layer(x)
        return y, 1000 * y


@pytest.fixture
def network() -> Two:
    torch.manual_seed(0)
    return Two().eval()


def write(network: nn.Module, out: Path, formats: Sequence[str]) -> dict[Path, float]:
    exported = exporting.Exported(network, {"given": IMAGES})
    return exporting.export_files(exported, out, formats=formats, outputs=("first", "second"), package="some-method")


def pretend(monkeypatch: pytest.MonkeyPatch, run: Callable[[Tensor], Sequence[Tensor]]) -> None:
    """Let the exporter write ``file`` and nothing else, and ``run`` stand for reading it back."""

    def read(path: Path, inputs: Mapping[str, Tensor]) -> Sequence[Tensor]:
        assert path.read_bytes() == b"file"
        return run(inputs["given"])

    monkeypatch.setattr(torch.export, "export", lambda *_, **__: None)
    monkeypatch.setitem(exporting.FORMATS, "pt2", (lambda program, inputs, outputs: b"file", read))


def test_files_compute_what_the_network_does(network: Two, tmp_path: Path) -> None:
    errors = write(network, tmp_path / "out", ["onnx", "pt2"])
    assert list(errors) == [tmp_path / "out" / "model.onnx", tmp_path / "out" / "model.pt2"]
    assert all(0 <= error < 1e-5 for error in errors.values())


@pytest.mark.parametrize(("wrong", "told"), [(0.5, "5.00e-01"), (float("nan"), "nan")])
def test_a_file_whose_numbers_differ_is_not_kept(
    network: Two, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: float, told: str
) -> None:
    def run(images: Tensor) -> Sequence[Tensor]:
        first, second = network(images)
        return [first, second + wrong * second.abs().max()]

    pretend(monkeypatch, run)
    (tmp_path / "model.pt2").write_text("before")
    with pytest.raises(InputError, match=rf"model\.pt2: not written; it differs from eager by {told}, over 0\.001"):
        write(network, tmp_path, ["pt2"])
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt2"]
    assert (tmp_path / "model.pt2").read_text() == "before"


def test_only_as_many_outputs_are_compared_as_are_asked_for(
    network: Two, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, lambda images: [network(images)[0] + 5e-4, torch.full((1,), torch.nan)])
    words: dict[str, Any] = {"formats": ["pt2"], "outputs": ("first", "second"), "package": "some-method"}
    one, both = (exporting.Exported(network, {"given": IMAGES}, compared=count) for count in (1, None))
    (error,) = exporting.export_files(one, tmp_path / "one", **words).values()
    assert 1e-5 < error < 1e-3
    with pytest.raises(InputError, match="differs from eager by nan"):
        exporting.export_files(both, tmp_path / "both", **words)


def test_what_cannot_be_exported_is_told_first(network: Two, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="format is 'tflite'; it must be one of onnx, pt2"):
        write(network, tmp_path / "out", ["pt2", "tflite"])
    monkeypatch.setattr(exporting, "_MOST", 16)
    with pytest.raises(InputError, match="an ONNX file holds 2; export to pt2 instead"):
        write(network, tmp_path / "out", ["onnx"])
    monkeypatch.setattr(exporting, "find_spec", lambda name: None if name == "onnxscript" else object())
    with pytest.raises(InputError, match=r"ONNX needs onnxscript: pip install 'some-method\[export\]'"):
        write(network, tmp_path / "out", ["onnx"])
    assert not (tmp_path / "out").exists()


def test_a_full_disk(network: Two, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, network)

    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match=r"model\.pt2: could not be written \(No space left on device\)"):
        write(network, tmp_path, ["pt2"])
    assert list(tmp_path.iterdir()) == []
