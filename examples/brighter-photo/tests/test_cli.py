"""The commands of this method, from one to the next."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch

from brighter_photo import Brighter, load_model
from brighter_photo.network.published import to_published
from visioncore.testing.suites.base import Run, refuses

PACKAGE = "brighter_photo"


def test_train_predict_and_measure(run: Run, photos: Path, pairs: Path, tmp_path: Path) -> None:
    best, bright, tables = tmp_path / "run" / "best", tmp_path / "bright", ("--out", tmp_path / "tables")
    words = ("train", "--recipe", "demo", "--out", best.parent, "--data", photos, "--validation", photos)
    code, said, _ = run(*words, "--weights", "demo", "--set.loop.steps", 2)
    assert code == 0
    assert said.startswith("2 steps, best psnr_validation ")
    assert run("predict", pairs / "input", "--weights", best, "--out", bright)[0] == 0
    means = []
    for made_by in (("--weights", best), ("--results", bright)):
        assert run("evaluate", "--data", pairs, *made_by, "--protocols", "rgb", *tables)[0] == 0
        means.append(json.loads((tmp_path / "tables" / "report.json").read_text())["means"])
    assert means[0] == pytest.approx(means[1])
    assert means[0].keys() == {"psnr_rgb_dim", "ssim_rgb_dim", "psnr_rgb", "ssim_rgb"}


def test_convert_and_info(run: Run, tmp_path: Path) -> None:
    torch.save(to_published(Brighter()), tmp_path / "theirs.pth")
    code, said, _ = run("convert", tmp_path / "theirs.pth", "--out", tmp_path / "ours")
    assert (code, said) == (0, f"network: rgb (channels 3)\n3 parameters; weights in {tmp_path / 'ours'}\n")
    assert torch.equal(load_model(tmp_path / "ours").gain.log_gain, torch.zeros(3, 1, 1))
    assert re.search(r"^parameters +3$", run("info", "--weights", tmp_path / "ours")[1], flags=re.MULTILINE)


@pytest.mark.parametrize("format", ["onnx", "pt2"])
def test_export(run: Run, format: str, tmp_path: Path) -> None:
    code, said, _ = run("export", "--weights", "demo", "--out", tmp_path, "--format", format, "--size", 16)
    assert code == 0
    assert said.startswith(f"{tmp_path / f'model.{format}'}: largest difference from eager ")


def test_bad_input_is_one_line(run: Run, photos: Path, pairs: Path, tmp_path: Path) -> None:
    demo, out = ("--weights", "demo"), ("--out", tmp_path / "out")
    for words, told in (
        (("evaluate", "--data", pairs, *out), "give either --weights or --results"),
        (("evaluate", "--data", pairs, *demo, *out, "--protocols", "y_B"), "protocols"),
        (("evaluate", "--data", photos, *demo, *out), f"{photos / 'input'}: no such"),
        (("evaluate", "--data", pairs, "--results", photos, *out), "no bright photo for 1 of 2 images: more/b.png"),
        (("train", "--recipe", "demo", "--data", tmp_path / "none", *out), f"{tmp_path / 'none'}: no such"),
        (("export", *demo, *out, "--size", "0"), "size is 0"),
    ):
        refuses(run, *words, told=told)
