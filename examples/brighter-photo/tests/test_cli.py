"""The commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from brighter_photo.cli import main


def test_info(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    assert "parameters  3\n" in capsys.readouterr().out


def test_bench(tmp_path: Path) -> None:
    assert main(["bench", "--out", str(tmp_path / "bench.json"), "--sizes", "32", "--device", "cpu"]) == 0
    assert len(json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))["rows"]) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", "missing.png", "--weights", "demo", "--out", "out"],
        ["predict", "missing.png", "--weights", "missing.pth", "--out", "out"],
        ["evaluate", "--weights", "demo", "--data", "missing"],
        ["train", "--recipe", "missing", "--out", "out"],
        ["convert", "missing.pth", "--out", "out"],
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert "missing" in told
    assert told.count("\n") == 1
