"""The commands from end to end, their exit codes, and what they say of bad input: one line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from nerdrain_derain import VARIANTS, NeRDRain
from nerdrain_derain.cli import COMMANDS, main
from nerdrain_derain.network.published import to_published
from nerdrain_derain.training import trainer as train
from visioncore.commands.export import FORMATS
from visioncore.images import read_image, write_image
from visioncore.training import TrainingDiverged
from visioncore.video import read_frames

MakePairs = Callable[..., Path]
MakePhoto = Callable[..., Any]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the program and returns its exit code, what it said, and what it complained of."""

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def data(make_pairs: MakePairs) -> Path:
    return make_pairs([("1.png", "1.png"), ("2.png", "2.png"), ("3.png", "3.png")])


# every command


def test_predict(run: Run, data: Path, tiny_weights: Path, tmp_path: Path) -> None:
    arguments = ("predict", data / "input", "--weights", tiny_weights, "--out", tmp_path / "out", "--device", "cpu")
    code, said, complaints = run(*arguments)
    assert (code, complaints) == (0, "")
    assert said == f"3 done, 0 skipped as done before, 0 failed; results in {tmp_path / 'out'}\n"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["1.png", "2.png", "3.png"]
    (data / "input" / "4.png").write_text("not a picture")
    code, said, complaints = run(*arguments)
    assert code == 1
    assert said.startswith("0 done, 3 skipped as done before, 1 failed")
    assert complaints.splitlines() == [
        f"failed: {data / 'input' / '4.png'}: not a picture; PNG, JPEG, TIFF, WebP, BMP and GIF can be read"
    ]


def test_predict_with_its_options(run: Run, data: Path, tiny_weights: Path, tmp_path: Path) -> None:
    common = ("--weights", tiny_weights, "--device", "cpu", "--overwrite", "--suffix", ".tif")
    inputs = [data / "input" / "1.png", f"{data}/input/2*"]
    results = []
    for number, options in enumerate(
        [(), ("--tiles", "16,0"), ("--tiles", "whole"), ("--self-ensemble",), ("--dtype", "bfloat16", "--batch", "2")]
    ):
        out = tmp_path / str(number)
        assert run("predict", *inputs, *common, "--out", out, *options)[0] == 0
        assert sorted(path.name for path in out.iterdir()) == ["1.tif", "2.tif"]
        results.append(read_image(out / "1.tif").pixels.tobytes())
    assert results[0] == results[2]
    assert len(set(results)) == 4


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
    assert "another run: run.pictures was 2 and is 3" in again[2]
    code, _, complaints = run(
        "train", "--recipe", "demo", "--data", data, "--out", out, "--validation", data, "--no-resume", *options
    )
    assert code == 0
    assert "3 of the validation images are trained on as well" in complaints
    assert run("predict", data / "input", "--weights", out / "best", "--out", tmp_path / "restored")[0] == 0


def test_a_run_that_diverges_is_one_line(run: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def diverge(*_: object, **__: object) -> None:
        raise TrainingDiverged("step 7: the loss is NaN")

    monkeypatch.setattr(train, "train", diverge)
    code, _, complaints = run("train", "--recipe", "demo", "--data", data, "--out", tmp_path / "run")
    assert (code, complaints) == (1, "error: step 7: the loss is NaN\n")


def test_evaluate(run: Run, data: Path, tiny_weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, said, complaints = run("evaluate", "--data", data, "--weights", tiny_weights, "--out", out, "--device", "cpu")
    assert (code, complaints) == (0, "")
    assert "3 images, restored by NeRDRain, tiles 256,32, torch.float32" in " ".join(said.split())
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


def test_bench(run: Run, tiny_weights: Path, tmp_path: Path) -> None:
    code, said, complaints = run(
        "bench", "--weights", tiny_weights, "--out", tmp_path / "bench.json", "--sizes", 16, "--dtypes", "float32",
        "--device", "cpu", "--rounds", 1,
    )  # fmt: skip
    assert (code, complaints) == (0, "")
    assert "ratio" in said
    assert len(json.loads((tmp_path / "bench.json").read_text())["rows"]) == 2


# bad input


def test_bad_input_is_one_line_and_code_two(run: Run, data: Path, tiny_weights: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no checkpoint")
    (tmp_path / "empty").mkdir()
    weights, out = ("--weights", tiny_weights), ("--out", tmp_path / "out")
    folder = data / "input"
    for arguments, told in (
        ((), "no command given"),
        (("predct",), "did you mean predict?"),
        (("predict", folder, *out), "--weights"),
        (("predict", *weights, *out), "inputs: at least one is needed"),
        (("predict", tmp_path / "none", *weights, *out), "no such file or folder"),
        (("predict", tmp_path / "empty", *weights, *out), "no file with suffix"),
        (("predict", folder, *weights, "--out", tmp_path / "file"), "cannot write in this folder"),
        (("predict", folder, *weights, "--out", folder), "would be taken for inputs next time"),
        (("predict", folder, *weights, *out, "--tiles", "256"), "it must be official, whole or SIZE,OVERLAP"),
        (("predict", folder, *weights, *out, "--tiles", "100,8"), "multiple of 16"),
        (("predict", folder, *weights, *out, "--batch", "0"), "batch is 0"),
        (("predict", folder, *weights, *out, "--device", "tpu"), "unknown device 'tpu'"),
        (("predict", folder, *weights, *out, "--suffix", ".gif"), ".gif"),
        (("predict", folder, "--weights", tmp_path / "file", *out), "not a checkpoint"),
        (("predict", folder, "--weights", tmp_path / "none", *out), "no such file or folder"),
        (("predict", folder, "--weights", tmp_path / "empty", *out), "no config.json in this folder"),
        (("evaluate", "--data", data, *out), "give either --weights or --results"),
        (("evaluate", "--data", data, *weights, "--results", folder, *out), "give either --weights or --results"),
        (("evaluate", "--data", folder, *weights, *out), "no folder of rainy pictures"),
        (("evaluate", "--data", data, *weights, *out, "--protocols", "y"), "protocols"),
        (("train", "--recipe", "none", "--data", data, *out), "unknown recipe 'none'"),
        (("train", "--recipe", "demo", "--data", data / "target", *out, "--set.loop.step", "3"), "did you mean steps?"),
        (("convert", tmp_path / "file", *out), "not a checkpoint"),
        (("export", *weights, *out, "--size", "20"), "size is 20"),
        (("bench", *weights, "--out", tmp_path / "b.json", "--sizes", "20"), "size is 20"),
        (("info", "--weights", tmp_path / "file"), "not a checkpoint"),
        (("info", "--set.dim", "3"), "has no recipe"),
    ):
        code, _, complaints = run(*arguments)
        assert code == 2, arguments
        assert complaints.count("\n") == 1, (arguments, complaints)
        assert complaints.startswith("error: "), complaints
        assert told in complaints, (arguments, complaints)


def test_debug_shows_where_an_error_came_from(run: Run, tmp_path: Path) -> None:
    code, _, complaints = run("convert", tmp_path / "none", "--out", tmp_path / "out", "--debug")
    assert code == 2
    assert "Traceback" in complaints


# help


def test_help_is_quick_and_loads_no_torch() -> None:
    """The help of the program and of every command, in one process, as `python -m` would run it."""
    program = f"""
import sys
from nerdrain_derain.cli import main
for arguments in [["--help"], ["--version"], *([command, "--help"] for command in {list(COMMANDS)!r})]:
    assert main(arguments) == 0, arguments
heavy = {{"torch", "numpy", "PIL", "cv2", "av", "accelerate", "matplotlib", "onnx"}} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for command in COMMANDS:
        assert command in done.stdout
    for option in ("--self-ensemble", "--recipe", "--protocols", "--validation", "--format", "--sizes", "--set.FIELD"):
        assert option in done.stdout, option


def test_the_package_and_its_method_load_no_torch() -> None:
    program = "import sys, nerdrain_derain, nerdrain_derain.method; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", program], timeout=120).returncode == 0


def test_public_names() -> None:
    import nerdrain_derain

    names = ["VARIANTS", "NeRDRain", "NeRDRainConfig", "Prediction", "Predictor", "Restored", "load_model"]
    assert sorted(dir(nerdrain_derain)) == sorted(names)
    assert all(getattr(nerdrain_derain, name) is not None for name in names)


def test_a_picture_of_the_wrong_kind_alone(run: Run, tiny_weights: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    code, said, complaints = run(
        "predict", tmp_path / "notes.txt", "--weights", tiny_weights, "--out", tmp_path / "out"
    )
    assert code == 1
    assert said.startswith("0 done, 0 skipped as done before, 1 failed")
    assert "not a picture" in complaints
