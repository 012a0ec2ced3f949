"""The commands from end to end, their exit codes, and what they say of bad input: one line."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from clip_denoising import VARIANTS, CLIPDenoiser, CLIPDenoiserConfig
from clip_denoising.network.published import to_published
from visioncore.backbones.clip import read_clip_resnet
from visioncore.commands.export import FORMATS
from visioncore.images import read_image, write_image
from visioncore.testing.photos import write_photos
from visioncore.testing.suites.base import Run, files_in, refuses
from visioncore.training import TrainingDiverged

PACKAGE = "clip_denoising"

MakePhoto = Callable[..., Any]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_photos(tmp_path / "photos", 3, (64, 96))


@pytest.fixture
def slices(tmp_path: Path) -> Path:
    """Two patients with a scan at full dose each, one of them at quarter dose too."""
    rng = np.random.default_rng(0)
    for name in ("L506/full.npy", "L506/quarter.npy", "L067/full.npy"):
        (tmp_path / "scans" / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / "scans" / name, rng.normal(-500, 200, (2, 64, 64)).round().astype(np.int16))
    return tmp_path / "scans"


@pytest.fixture(scope="session")
def ct_weights(saved: Callable[[Any], Path]) -> Path:
    torch.manual_seed(0)
    return saved(CLIPDenoiser(CT))


TINY = {"model.width": 8, "model.blocks": "[1,1,1,1]", "model.train_encoder": "true"}
CT = CLIPDenoiserConfig(channels=1, width=8, blocks=(1, 1, 1, 1))


def fields(values: Mapping[str, object]) -> list[str]:
    return [str(part) for name, value in values.items() for part in (f"--set.{name}", value)]


# every command


def test_predict_with_its_options(run: Run, photos: Path, tiny_weights: Path, tmp_path: Path) -> None:
    common = ("--weights", tiny_weights, "--device", "cpu", "--overwrite", "--suffix", ".tif")
    results = []
    for number, options in enumerate(
        [(), ("--tiles", "96,64"), ("--self-ensemble",), ("--strength", "0.5"), ("--strength", "0"), ("--batch", "2")]
    ):
        out = tmp_path / str(number)
        assert run("predict", photos / "0.png", f"{photos}/1*", *common, "--out", out, *options)[0] == 0
        assert files_in(out) == ["0.tif", "1.tif"]
        results.append(read_image(out / "0.tif").pixels.tobytes())
    assert results[4] == read_image(photos / "0.png").pixels.tobytes()
    assert results[0] == results[1] == results[5]
    assert len(set(results)) == 4


def test_predict_writes_small_files_on_demand(run: Run, photos: Path, tiny_weights: Path, tmp_path: Path) -> None:
    files = []
    for compression in ("fast", "small"):
        more = ("--weights", tiny_weights, "--out", tmp_path / compression, "--compression", compression)
        assert run("predict", photos / "0.png", *more)[0] == 0
        files.append(tmp_path / compression / "0.png")
    assert read_image(files[0]).pixels.tobytes() == read_image(files[1]).pixels.tobytes()
    assert files[0].read_bytes() != files[1].read_bytes()


def test_predict_ct(run: Run, slices: Path, ct_weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, said, complaints = run("predict", slices, "--weights", ct_weights, "--out", out, "--device", "cpu")
    assert (code, complaints) == (0, "")
    assert said.startswith("3 done")
    assert np.load(out / "L506" / "quarter.npy").dtype == np.int16
    code, _, complaints = run("predict", slices / "L506" / "full.npy", "--weights", ct_weights, "--out", out,
                              "--series", "1.2.3", "--overwrite")  # fmt: skip
    assert (code, complaints) == (0, "")


def test_train_and_use_what_was_trained(run: Run, photos: Path, tmp_path: Path) -> None:
    options = fields(
        TINY | {"data.patch": 32, "loop.steps": 2, "loop.batch_size": 2, "loop.warmup_steps": 0, "loop.workers": 0}
    )
    out = tmp_path / "run"
    call = ("train", "--recipe", "small", "--data", photos, *options)
    code, said, _ = run(*call, "--out", out)
    assert code == 0
    assert said.startswith("2 steps, best psnr ")
    assert said.endswith(f"; weights in {out / 'best'}\n")
    code, _, complaints = run(*call, "--out", out, "--validation", photos)
    assert code == 2
    assert "another run" in complaints
    code, _, complaints = run(*call, "--out", out, "--validation", photos, "--no-resume")
    assert code == 0
    assert "3 of the validation images are trained on as well" in complaints
    new = tmp_path / "new"
    code, said, _ = run(*call, "--out", new, "--weights", out / "best", "--set.data.held_out", "0")
    assert (code, said) == (0, f"2 steps; weights in {new / 'last'}\n")
    assert run("predict", photos, "--weights", new / "last", "--out", tmp_path / "denoised", "--device", "cpu")[0] == 0


def test_pretrain_and_train_on_what_it_made(run: Run, photos: Path, tmp_path: Path) -> None:
    small = {"model.width": 4, "loop.steps": 3, "loop.batch_size": 3, "loop.warmup_steps": 0}
    encoder = tmp_path / "encoder"
    call = ("pretrain", "--data", photos, "--out", encoder, *fields(small | {"side": 32}))
    code, said, _ = run(*call)
    assert (code, said) == (0, f"3 steps; weights in {encoder / 'last'}\n")
    code, _, complaints = run(*call, "--set.side", 64)
    assert code == 2
    assert "another run: run.recipe.side was 32 and is 64" in complaints
    assert run(*call, "--set.side", 64, "--no-resume")[0] == 0
    train_on_it = ("train", "--recipe", "small", "--data", photos, "--clip", encoder / "last" / "model.safetensors")
    code, said, _ = run(*train_on_it, "--out", tmp_path / "run", *fields(small | {"data.patch": 32}))
    assert code == 0
    assert said.startswith("3 steps, best psnr ")
    frozen = CLIPDenoiser.from_pretrained(tmp_path / "run" / "best").encoder.get_parameter("layer1.0.conv1.weight")
    assert torch.equal(frozen, read_clip_resnet(encoder / "last" / "model.safetensors")["layer1.0.conv1.weight"])
    code, _, complaints = run(*train_on_it, "--out", tmp_path / "wide")
    assert code == 2
    assert "a tower of width 4 with 1, 1, 1, 1 blocks, but the network wants one of width 16" in complaints
    assert complaints.count("\n") == 1


def test_a_pretraining_that_diverges_is_one_line(
    run: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverge(*_: object, **__: object) -> None:
        raise TrainingDiverged("step 7: the loss is NaN")

    monkeypatch.setattr("clip_denoising.training.pretraining.pretrain", diverge)
    code, _, complaints = run("pretrain", "--data", photos, "--out", tmp_path / "run")
    assert (code, complaints) == (1, "error: step 7: the loss is NaN\n")


def test_evaluate_synthetic_noise(run: Run, photos: Path, tiny_weights: Path, tmp_path: Path) -> None:
    common = ("evaluate", "--protocols", "synthetic", "--data", photos, "--noises", "gaussian:25", "poisson:3")
    out = tmp_path / "out"
    code, said, complaints = run(*common, "--weights", tiny_weights, "--out", out, "--device", "cpu", "--batch", "3")
    assert (code, complaints) == (0, "")
    assert "6 images, denoised by" in said
    assert said.endswith(f"tables: {out}\n")
    names = ["per_image.csv", "per_image.md", "report.json", "summary.csv", "summary.md"]
    assert sorted(path.name for path in out.iterdir()) == names
    ours = json.loads((out / "report.json").read_text())
    assert ours["denoised_by"] == f"{tiny_weights}, tiles auto, float32"
    assert [row["noise"] for row in ours["means"]] == ["gaussian:25", "poisson:3"]
    assert run(*common, "--baseline", "--out", out)[0] == 0
    baseline = json.loads((out / "report.json").read_text())
    assert baseline["denoised_by"] == "non-local means"
    assert baseline["means"][0]["psnr_colour_noisy"] == ours["means"][0]["psnr_colour_noisy"]
    assert baseline["means"][0]["psnr_colour"] != ours["means"][0]["psnr_colour"]


def test_evaluate_real_noise(run: Run, photos: Path, tiny_weights: Path, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs"
    for number in range(2):
        clean = read_image(photos / f"{number}.png")
        write_image(pairs / f"{number}_mean.png", clean)
        write_image(pairs / f"{number}_real.png", clean if number else read_image(photos / "2.png"))
    code, said, complaints = run(
        "evaluate", "--protocols", "real", "--data", pairs, "--weights", tiny_weights, "--out", tmp_path / "out"
    )
    assert (code, complaints) == (0, "")
    assert "1 infinite values, of images equal to the clean ones, are left out of the means" in said


def test_prepare_and_evaluate_ct(run: Run, slices: Path, ct_weights: Path, tmp_path: Path) -> None:
    prepared = tmp_path / "prepared"
    code, said, _ = run("prepare", "--data", slices, "--out", prepared)
    assert (code, said) == (0, f"2 done, 0 skipped as done before, 0 failed; slices in {prepared}\n")
    assert len(list(prepared.glob("*.npy"))) == 6
    common = ("evaluate", "--protocols", "ct", "--data", prepared, "--weights", ct_weights, "--device", "cpu")
    for options, count in ((), 2), (("--noises", "ct-gaussian:80", "--patients"), 4):
        code, said, _ = run(*common, "--out", tmp_path / "out", *options)
        assert code == 0
        assert f"{count} images" in said


def test_analyze(run: Run, photos: Path, tiny_weights: Path, tmp_path: Path) -> None:
    code, said, complaints = run(
        "analyze", "--data", photos, "--weights", tiny_weights, "--out", tmp_path / "out", "--noises", "gaussian:50"
    )
    assert (code, complaints) == (0, "")
    assert "3 photos" in said
    rows = json.loads((tmp_path / "out" / "report.json").read_text())["means"]
    assert [row["feature"] for row in rows] == ["image", "stem", "layer1", "layer2", "layer3"]
    assert all(0 < row["cosine"] < 1 for row in rows)


def test_store(run: Run, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, said, _ = run("store", "--photos", photos, "--out", out, "--side", "48")
    assert (code, said) == (0, f"3 done, 0 skipped as done before, 0 failed; pairs in {out}\n")
    assert len(list((out / "noisy").iterdir())) == 18
    assert read_image(out / "clean" / "0_s001.png").pixels.shape == (48, 48, 3)
    code, _, _ = run("store", "--photos", photos, "--out", tmp_path / "whole", "--noise", "gaussian:25", "--seed", 3)
    assert code == 0
    before, after = (read_image(tmp_path / "whole" / kind / "0.png").pixels.astype(int) for kind in ("clean", "noisy"))
    assert 15 < (after - before).std() < 26
    code, _, complaints = run("store", "--photos", photos, "--out", tmp_path / "none", "--curves", tmp_path)
    assert code == 2
    assert "come from the repository of CBDNet" in complaints


def test_convert_and_info(run: Run, photos: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = CLIPDenoiserConfig(width=8, blocks=(1, 1, 1, 1), keep_layer4=True)
    torch.save({"params": to_published(CLIPDenoiser(config))}, tmp_path / "net_g_latest.pth")
    code, said, complaints = run("convert", tmp_path / "net_g_latest.pth", "--out", tmp_path / "converted")
    assert code == 0
    assert complaints == (
        f"note: {tmp_path / 'net_g_latest.pth'}: an RGB network, but nothing says which; name its variant, synthetic "
        "or srgb, if you know\n"
    )
    assert "one of the authors' two RGB networks" in said
    code, said, complaints = run(
        "convert", tmp_path / "net_g_latest.pth", "--out", tmp_path / "converted", "--variant", "srgb"
    )
    assert (code, complaints) == (0, "")
    assert f"trained on: {VARIANTS['srgb'].noise}\n" in said
    assert said.endswith(f" parameters; weights in {tmp_path / 'converted'}\n")
    code, said, _ = run("info", "--weights", tmp_path / "converted")
    assert code == 0
    assert VARIANTS["srgb"].noise in " ".join(said.split())
    code, _, complaints = run("convert", tmp_path / "net_g_latest.pth", "--out", tmp_path / "ct", "--variant", "ldct")
    assert code == 2
    assert "it lacks first.weight" in complaints
    code, _, complaints = run(
        "predict", photos, "--weights", tmp_path / "net_g_latest.pth", "--out", tmp_path / "out", "--device", "cpu"
    )
    assert (code, complaints) == (0, "")


def test_export(run: Run, tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes its time, the exporters, is in test_export.py."""
    model = CLIPDenoiser.from_pretrained(tiny_weights)
    monkeypatch.setattr(torch.export, "export", lambda *_, **__: None)
    monkeypatch.setitem(FORMATS, "pt2", (lambda *_: b"file", lambda path, inputs: [model(inputs["noisy"])]))
    code, said, complaints = run("export", "--weights", tiny_weights, "--out", tmp_path / "out", "--format", "pt2")
    assert (code, complaints) == (0, "")
    assert said == f"{tmp_path / 'out' / 'model.pt2'}: largest difference from eager 0.00e+00\n"
    assert (tmp_path / "out" / "model.pt2").read_bytes() == b"file"


# bad input


def test_bad_input_is_one_line_and_code_two(
    run: Run, photos: Path, slices: Path, tiny_weights: Path, ct_weights: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no checkpoint")
    (tmp_path / "empty").mkdir()
    weights, out = ("--weights", tiny_weights), ("--out", tmp_path / "out")
    synthetic = ("evaluate", "--protocols", "synthetic", "--data", photos, *out)
    for arguments, told in (
        (("predict", slices, *weights, *out), "no file with suffix"),
        (("predict", photos, "--weights", ct_weights, *out), "no CT scan in it"),
        (("predict", photos, *weights, *out, "--tiles", "256"), "it must be auto, whole or SIZE,OVERLAP"),
        (("predict", photos, *weights, *out, "--tiles", "256,32"), "the overlap at least 64"),
        (("predict", photos, *weights, *out, "--strength", "2"), "strength is 2"),
        (("predict", photos, *weights, *out, "--suffix", ".gif"), ".gif"),
        (("convert", tmp_path / "file", *out, "--variant", "sidd"), "sidd"),
        (("predict", photos, "--weights", tmp_path / "file", *out), "not a checkpoint"),
        (("predict", photos, "--weights", tmp_path / "empty", *out), "no config.json in this folder"),
        (synthetic, "give either --weights, --results or --baseline"),
        ((*synthetic, *weights, "--baseline"), "give either --weights, --results or --baseline"),
        ((*synthetic, *weights, "--noises", "gaussian:25", "rain:3"), "'rain:3': no kind of noise; known are gaussian"),
        ((*synthetic, *weights, "--noises", "gaussian"), "noise is written as gaussian:15"),
        (("evaluate", "--protocols", "real", "--data", photos, *weights, *out), "no pairs in it"),
        (
            ("evaluate", "--protocols", "real", "--data", photos, *weights, *out, "--noises", "nlf:1,1"),
            "have their own, so give none",
        ),
        (("evaluate", "--protocols", "ct", "--data", photos, *weights, *out), "no file with suffix .npy"),
        (("evaluate", "--protocols", "video", "--data", photos, *weights, *out), "video"),
        (("analyze", "--data", tmp_path / "empty", *weights, *out), "no file with suffix"),
        (("analyze", "--data", photos, "--weights", ct_weights, *out), "a network for CT, but photos are analysed"),
        (("train", "--recipe", "synthetic", "--data", photos, *out), "so they must come from somewhere"),
        (("pretrain", "--data", tmp_path / "none", *out), "no such file or folder"),
        (("pretrain", "--data", photos, *out), "3 photos, but loop.batch_size is 64"),
        (("pretrain", "--data", photos, *out, "--recipe", "small"), "unknown field schedule"),
        (("store", "--photos", photos, *out, "--noise", "rain"), "no kind of noise"),
        (("prepare", "--data", photos, *out), "no CT scan in it"),
        (("convert", tmp_path / "file", *out), "not a checkpoint"),
        (("bench", *weights, "--out", tmp_path / "b.json", "--sizes", "20"), "size is 20"),
    ):
        refuses(run, *arguments, told=told)


# help
