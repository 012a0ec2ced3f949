"""The commands from end to end, their exit codes, and what they say of bad input: one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from nerdrain_derain import VARIANTS, NeRDRain
from nerdrain_derain.network.published import to_published
from visioncore.commands.export import FORMATS
from visioncore.images import read_image, write_image
from visioncore.testing.suites.base import Run, files_in, refuses
from visioncore.video import read_frames

PACKAGE = "nerdrain_derain"

MakePairs = Callable[..., Path]
MakePhoto = Callable[..., Any]


@pytest.fixture
def data(make_pairs: MakePairs) -> Path:
    return make_pairs([("1.png", "1.png"), ("2.png", "2.png"), ("3.png", "3.png")])


# every command


def test_predict_with_its_options(run: Run, data: Path, tiny_weights: Path, tmp_path: Path) -> None:
    common = ("--weights", tiny_weights, "--device", "cpu", "--overwrite", "--suffix", ".tif")
    inputs = [data / "input" / "1.png", f"{data}/input/2*"]
    results = []
    for number, options in enumerate(
        [(), ("--tiles", "16,0"), ("--tiles", "whole"), ("--self-ensemble",), ("--dtype", "bfloat16", "--batch", "2")]
    ):
        out = tmp_path / str(number)
        assert run("predict", *inputs, *common, "--out", out, *options)[0] == 0
        assert files_in(out) == ["1.tif", "2.tif"]
        results.append(read_image(out / "1.tif").pixels.tobytes())
    assert results[0] == results[2]
    assert len(set(results)) == 4


def test_predict_writes_small_files_on_demand(run: Run, data: Path, tiny_weights: Path, tmp_path: Path) -> None:
    files = []
    for compression in ("fast", "small"):
        more = ("--weights", tiny_weights, "--out", tmp_path / compression, "--compression", compression)
        assert run("predict", data / "input" / "1.png", *more)[0] == 0
        files.append(tmp_path / compression / "1.png")
    assert read_image(files[0]).pixels.tobytes() == read_image(files[1]).pixels.tobytes()
    assert files[0].read_bytes() != files[1].read_bytes()


def test_predict_a_video(run: Run, make_photo: MakePhoto, tiny_weights: Path, tmp_path: Path) -> None:
    from fractions import Fraction

    from visioncore.video import Frame, write_video

    write_video(tmp_path / "a.mkv", [Frame(make_photo(32, 48, seed=n)) for n in range(3)], Fraction(10))
    assert run("predict", tmp_path / "a.mkv", "--weights", tiny_weights, "--out", tmp_path / "out")[0] == 0
    assert len(list(read_frames(tmp_path / "out" / "a.mp4"))) == 3


def test_train_and_use_what_was_trained(run: Run, data: Path, tmp_path: Path) -> None:
    fields = {
        "model.dim": 8, "model.num_blocks": "[1,1,1]", "model.inr_hidden": 16, "data.patch": 16, "loop.steps": 2,
        "loop.batch_size": 2, "loop.warmup_steps": 0, "loop.workers": 0, "data.kind": "pairs",
    }  # fmt: skip
    options = [part for name, value in fields.items() for part in (f"--set.{name}", value)]
    out = tmp_path / "run"
    code, said, _ = run("train", "--recipe", "demo", "--data", data, "--out", out, *options)
    assert code == 0
    assert said.startswith("2 steps, best psnr_rgb_validation ")
    assert said.endswith(f"weights in {out / 'best'}\n")
    again = run("train", "--recipe", "demo", "--data", data, "--out", out, "--validation", data, *options)
    assert again[0] == 2
    assert "another run: run.images was 2 and is 3" in again[2]
    code, _, complaints = run(
        "train", "--recipe", "demo", "--data", data, "--out", out, "--validation", data, "--no-resume", *options
    )
    assert code == 0
    assert "3 of the validation images are trained on as well" in complaints
    assert run("predict", data / "input", "--weights", out / "best", "--out", tmp_path / "restored")[0] == 0


def test_evaluate(run: Run, data: Path, tiny_weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, said, complaints = run("evaluate", "--data", data, "--weights", tiny_weights, "--out", out, "--device", "cpu")
    assert (code, complaints) == (0, "")
    assert "3 images, restored by NeRDRain, tiles auto, torch.float32" in " ".join(said.split())
    assert "psnr_y_A" in said
    assert said.endswith(f"tables: {out}\n")
    names = ["per_image.csv", "per_image.md", "report.json", "summary.csv", "summary.md"]
    assert sorted(path.name for path in out.iterdir()) == names
    write_image(data / "input" / "1.png", read_image(data / "target" / "1.png"))
    code, said, _ = run("evaluate", "--data", data, "--results", data / "input", "--out", out, "--protocols", "rgb")
    assert code == 0
    assert "2 infinite values, of images equal to the clean ones, are left out of the means" in said
    report = json.loads((out / "report.json").read_text())
    assert set(report["means"]) == {"psnr_rgb", "ssim_rgb", "psnr_rgb_rainy", "ssim_rgb_rainy"}


def test_convert_and_info(run: Run, tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = {f"module.{name}": tensor for name, tensor in to_published(NeRDRain(VARIANTS["nerd-rain-s"])).items()}
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "model.pth")
    code, said, _ = run("convert", tmp_path / "model.pth", "--out", tmp_path / "converted")
    assert code == 0
    assert said.startswith("network: nerd-rain-s (dim 32, num_blocks (2, 3, 3), ")
    assert said.endswith(f"\n10,530,314 parameters; weights in {tmp_path / 'converted'}\n")
    code, said, _ = run("info", "--weights", tmp_path / "model.pth")
    assert code == 0
    assert "network     nerd-rain-s" in said
    assert run("info", "--weights", tmp_path / "converted")[1].splitlines()[3:] == said.splitlines()[3:]


def test_export(run: Run, tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes its time, the exporters, is in test_export.py."""
    model = NeRDRain.from_pretrained(tiny_weights)
    monkeypatch.setattr(torch.export, "export", lambda *_, **__: None)
    monkeypatch.setitem(FORMATS, "pt2", (lambda *_: b"file", lambda path, inputs: [model(inputs["rainy"])]))
    code, said, complaints = run(
        "export", "--weights", tiny_weights, "--out", tmp_path / "out", "--format", "pt2", "--size", 16
    )
    assert (code, complaints) == (0, "")
    assert said == f"{tmp_path / 'out' / 'model.pt2'}: largest difference from eager 0.00e+00\n"
    assert (tmp_path / "out" / "model.pt2").read_bytes() == b"file"


# bad input


def test_bad_input_is_one_line_and_code_two(run: Run, data: Path, tiny_weights: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no checkpoint")
    (tmp_path / "empty").mkdir()
    weights, out = ("--weights", tiny_weights), ("--out", tmp_path / "out")
    folder = data / "input"
    for arguments, told in (
        (("predict", folder, *weights, *out, "--tiles", "256"), "it must be auto, official, whole or SIZE,OVERLAP"),
        (("predict", folder, *weights, *out, "--tiles", "100,8"), "multiple of 16"),
        (("predict", folder, *weights, *out, "--suffix", ".gif"), ".gif"),
        (("predict", folder, "--weights", tmp_path / "file", *out), "not a checkpoint"),
        (("predict", folder, "--weights", tmp_path / "empty", *out), "no config.json in this folder"),
        (("evaluate", "--data", data, *out), "give either --weights or --results"),
        (("evaluate", "--data", data, *weights, "--results", folder, *out), "give either --weights or --results"),
        (("evaluate", "--data", folder, *weights, *out), "no folder of rainy images"),
        (("evaluate", "--data", data, *weights, *out, "--protocols", "y"), "protocols"),
        (("convert", tmp_path / "file", *out), "not a checkpoint"),
        (("export", *weights, *out, "--size", "20"), "size is 20"),
        (("bench", *weights, "--out", tmp_path / "b.json", "--sizes", "20"), "size is 20"),
    ):
        refuses(run, *arguments, told=told)


# help


def test_a_image_of_the_wrong_kind_alone(run: Run, tiny_weights: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    code, said, complaints = run(
        "predict", tmp_path / "notes.txt", "--weights", tiny_weights, "--out", tmp_path / "out"
    )
    assert code == 1
    assert said.startswith("0 done, 0 skipped as done before, 1 failed")
    assert "not an image" in complaints
