"""The commands from end to end, their exit codes, and what they say of bad input: one line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from hsam_medseg import HSAM, HSAMConfig, cli
from hsam_medseg.data.labels import read_labels, write_labels
from hsam_medseg.evaluation import speed
from hsam_medseg.network.published import to_published
from visioncore.medical import Volume
from visioncore.methods import Method
from visioncore.testing.suites.base import Run, files_in, refuses

PACKAGE = "hsam_medseg"

AFFINE = np.array([[2.0, 0, 0, 10], [0, 3, 0, 20], [0, 0, 5, 7], [0, 0, 0, 1]])  # RAS
SMALL = ("--set.model.decoder_width", "32", "--set.model.decoder_mlp", "64", "--set.model.image_size", "64")
"""A network that takes no time, of the recipe demo."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Write three small CTs with two organs, raw values 1 and 6, and a third one that is of no interest."""
    rng = np.random.default_rng(0)
    for name in ("p1", "p2", "p3"):
        labels = np.zeros((3, 24, 20), np.uint8)
        labels[:, 4:12, 3:9], labels[1:, 14:20, 10:18], labels[0, 0, 0] = 1, 6, 5
        scan = (rng.integers(-100, 100, labels.shape) + 30 * labels).astype(np.int16)
        for kind, voxels in (("images", scan), ("labels", labels)):
            write_scan(tmp_path / "data" / kind / f"{name}.nii.gz", voxels)
    return tmp_path / "data"


def write_scan(path: Path, voxels: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> None:
    from visioncore.medical.nifti import write_nifti

    write_nifti(path, voxels, Volume(voxels, AFFINE, located=True))


@pytest.fixture
def organs(tmp_path: Path) -> Path:
    path = tmp_path / "organs.yaml"
    path.write_text("classes: {liver: 6, spleen: 1}\nignore: [5]\n")
    return path


# every command


def test_predict(run: Run, data: Path, tiny_weights: Path, tmp_path: Path) -> None:
    arguments = ("predict", data / "images", "--weights", tiny_weights, "-o", tmp_path / "out", "--device", "cpu")
    code, said, complaints = run(*arguments)
    assert (code, complaints) == (0, "")
    assert said == f"3 done, 0 skipped as done before, 0 failed; results in {tmp_path / 'out'}\n"
    endings = (".json", ".nii.gz", ".png")
    assert files_in(tmp_path / "out") == [f"p{number}{ending}" for number in (1, 2, 3) for ending in endings]
    labels = read_labels(tmp_path / "out" / "p1.nii.gz")
    np.testing.assert_array_equal(labels.affine, AFFINE)
    assert set(json.loads((tmp_path / "out" / "p1.json").read_text())["organs"]) == {"liver", "spleen"}
    (data / "images" / "p4.nii.gz").write_text("not a scan")
    code, said, complaints = run(*arguments)
    assert code == 1
    assert said.startswith("0 done, 3 skipped as done before, 1 failed")
    assert complaints.startswith(f"failed: {data / 'images' / 'p4.nii.gz'}: ")
    assert complaints.count("\n") == 1


def test_predict_with_its_options(run: Run, data: Path, tiny_weights: Path, tmp_path: Path) -> None:
    common = ("--weights", tiny_weights, "--device", "cpu", "--overwrite", "--no-preview")
    inputs = [data / "images" / "p1.nii.gz", f"{data}/images/p2*"]
    results = []
    for number, options in enumerate(
        [
            (),
            ("--input-size", "64", "--batch", "1", "--probabilities"),
            ("--stage", "coarse"),
            ("--stage", "fine"),
            ("--window=-50,80",),
            ("--window", "mr"),
            ("--input-size", "10"),
        ]
    ):
        out = tmp_path / str(number)
        assert run("predict", *inputs, *common, "--out", out, *options)[0] == 0
        names = [name for name in files_in(out) if not name.endswith(".json")]
        likely = ["p1_probabilities.nii.gz"] if "--probabilities" in options else []
        assert names == sorted(["p1.nii.gz", "p2.nii.gz", *likely, *(name.replace("1", "2") for name in likely)])
        results.append(read_labels(out / "p1.nii.gz").voxels.tobytes())
    assert results[0] == results[1]
    assert len(set(results)) == 6


def test_prepare_train_and_use_what_was_trained(run: Run, data: Path, organs: Path, tmp_path: Path) -> None:
    prepared, out = tmp_path / "prepared", tmp_path / "run"
    arguments = ("prepare", "--data", data, "--label-map", organs, "--out", prepared, "--cases", "p1", "p3")
    code, said, complaints = run(*arguments)
    assert (code, complaints) == (0, "")
    assert said == f"2 done, 0 skipped as done before, 0 failed; slices of 2 cases in {prepared}\n"
    assert len(list((prepared / "slices").iterdir())) == 6
    assert run(*arguments)[1].startswith("0 done, 2 skipped")
    fields = {"data.kind": "folder", "data.held_out": 1, "data.slices": 1, "loop.steps": 2, "loop.batch_size": 2}
    fields |= {"loop.warmup_steps": 0, "loop.workers": 0, "loop.validate_every": 2, "loop.checkpoint_every": 2}
    options = [*SMALL, *(part for name, value in fields.items() for part in (f"--set.{name}", value))]
    train_again = ("train", "--recipe", "demo", "--data", prepared, "--out", out, *options)
    code, said, complaints = run(*train_again)
    assert code == 0
    assert said.startswith("2 steps, best dice 0.")
    assert said.endswith(f"; weights in {out / 'best'}\n")
    assert "classes liver, spleen" in complaints
    code, _, complaints = run(*train_again, "--set.data.held_out", "0")
    assert code == 2
    assert "another run" in complaints
    code, said, _ = run(*train_again, "--set.data.held_out", "0", "--no-resume")
    assert (code, said) == (0, f"2 steps; weights in {out / 'last'}\n")
    assert run("predict", data / "images", "--weights", out / "last", "--out", tmp_path / "found")[0] == 0
    model = HSAM.from_pretrained(out / "last")
    assert (model.config.classes, model.config.preprocessing.window) == (("liver", "spleen"), "abdomen")
    # what was prepared says itself what labels mean
    assert run("evaluate", "--data", prepared, "--weights", out / "last", "--out", tmp_path / "measured")[0] == 0


@pytest.mark.parametrize(
    ("cases", "names"),
    [((), "p1 p2 p3"), (("p2",), "p2"), (("2",), "p2 p3"), (("0.3",), "p3"), (("p1", "p2"), "p1 p2")],
)
def test_some_cases_are_prepared(
    run: Run, data: Path, organs: Path, tmp_path: Path, cases: Sequence[str], names: str
) -> None:
    chosen = ("--cases", *cases) if cases else ()
    arguments = ("--data", data, "--label-map", organs, "--out", tmp_path / "out", "--seed", "3", "--foreground")
    assert run("prepare", *arguments, *chosen)[0] == 0
    assert sorted(path.stem for path in (tmp_path / "out" / "cases").iterdir()) == names.split()


def test_numbers_with_leading_zeros_are_names() -> None:
    assert [cli._wanted([one]) for one in ("0001", "0", "12", "0.5", ".5", "case5")] == [
        *("0001", "0", 12, 0.5, 0.5, "case5")
    ]


def test_training_on_synthetic_volumes_needs_no_data(run: Run, tmp_path: Path) -> None:
    fields = {"data.volumes": 1, "data.held_out": 0, "loop.steps": 1, "loop.batch_size": 1, "loop.workers": 0}
    options = [*SMALL, *(part for name, value in fields.items() for part in (f"--set.{name}", value))]
    code, said, _ = run("train", "--recipe", "demo", "--out", tmp_path / "run", *options)
    assert (code, said) == (0, f"1 steps; weights in {tmp_path / 'run' / 'last'}\n")


def test_evaluate(run: Run, data: Path, organs: Path, tiny_weights: Path, tmp_path: Path) -> None:
    out, common = tmp_path / "out", ("--data", data, "--label-map", organs, "--device", "cpu")
    code, said, complaints = run("evaluate", *common, "--weights", tiny_weights, "--out", out, "--stage", "fine")
    assert (code, complaints) == (0, "")
    assert "3 cases" in said
    assert said.endswith(f"tables: {out}\n")
    report = json.loads((out / "report.json").read_text())
    assert "fine logits" in report["segmented_by"]
    assert report["means"].keys() == {"dice_synapse", "hd95_synapse", "dice_sound", "hd95_sound_mm", "nsd_sound"}
    for name in ("p1", "p2", "p3"):
        reference = read_labels(data / "labels" / f"{name}.nii.gz")
        mapped = np.select([reference.voxels == 6, reference.voxels == 1], [1, 2]).astype(np.uint8)
        write_labels(tmp_path / "made" / f"{name}.nii.gz", reference.with_voxels(mapped))
    code, said, _ = run("evaluate", *common, "--results", tmp_path / "made", "--out", out, "--cases", "p1", "p3")
    assert code == 0
    assert "2 cases" in said
    code, said, _ = run("evaluate", *common, "--results", tmp_path / "made", "--out", out, "--protocols", "sound")
    assert code == 0
    report = json.loads((out / "report.json").read_text())
    assert report["means"] == {"dice_sound": 1, "hd95_sound_mm": 0, "nsd_sound": 1}
    assert report["segmented_by"] == str(tmp_path / "made")


def test_convert(run: Run, tmp_path: Path) -> None:
    config = HSAMConfig(image_size=224, classes=("prostate",))
    torch.manual_seed(0)
    model = HSAM(config)
    torch.save(to_published(model), tmp_path / "adapter.pth")
    encoder = {f"image_encoder.{name}": tensor for name, tensor in encoder_state(model).items()}
    torch.save(encoder, tmp_path / "sam.pth")
    arguments = ("convert", tmp_path / "adapter.pth", "--sam", tmp_path / "sam.pth", "--out", tmp_path / "converted")
    code, said, _ = run(*arguments, "--window", "mr", "--orientation", "LPS", "--input-size", 0)
    assert code == 0
    assert said.startswith("network: vit_b at 224x224, low-rank additions of rank 5, ")
    assert "\nclasses: class 1 (1, background not counted)\nexpects: window mr, orientation LPS\n" in said
    assert said.endswith(f" parameters; weights in {tmp_path / 'converted'}\n")
    code, said, _ = run("info", "--weights", tmp_path / "converted")
    assert code == 0
    assert "expects     window mr, orientation LPS\n" in said
    assert "classes     class 1 (1, background not counted)" in said
    found = HSAM.from_pretrained(tmp_path / "converted").state_dict()
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(found[name], tensor, msg=name)
    assert run(*arguments, "--label-map", "promise12")[0] == 0
    assert HSAM.from_pretrained(tmp_path / "converted").config.classes == ("prostate",)
    code, _, complaints = run(*arguments, "--label-map", "synapse")
    assert (code, complaints.count("\n")) == (2, 1)
    assert "adapter.pth: has 1 classes, background not counted; named are 8: spleen, right kidney" in complaints
    code, _, complaints = run("convert", tmp_path / "adapter.pth", "--sam", tmp_path / "none", "--out", tmp_path / "x")
    assert code == 2
    assert "vit_b needs sam_vit_b_01ec64.pth, which github.com/facebookresearch/segment-anything links to" in complaints
    code, _, complaints = run("predict", tmp_path, "--weights", tmp_path / "adapter.pth", "--out", tmp_path / "x")
    assert code == 2
    assert "no SAM checkpoint was given; vit_b needs sam_vit_b_01ec64.pth" in complaints


def encoder_state(model: HSAM) -> dict[str, Tensor]:
    """Return the image encoder's tensors as SAM's file has them."""
    return {
        name: tensor
        for name, tensor in model.encoder.state_dict().items()
        if ".qkv.down." not in name and ".qkv.up." not in name
    }


def test_export(run: Run, tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called: dict[str, object] = {}

    def pretend(_: Method, model: HSAM, out: Path, *, formats: Sequence[str], **__: object) -> dict[Path, float]:
        called.update(size=model.config.image_size, formats=formats)
        return {out / f"model.{name}": 1e-6 for name in formats}

    monkeypatch.setattr("visioncore.commands.export.export", pretend)
    code, said, complaints = run("export", "--weights", tiny_weights, "--out", tmp_path, "--format", "pt2", "onnx")
    assert (code, complaints) == (0, "")
    assert said.splitlines() == [
        f"{tmp_path / f'model.{name}'}: largest difference from eager 1.00e-06" for name in ("pt2", "onnx")
    ]
    assert called == {"size": 64, "formats": ("pt2", "onnx")}


def test_bench(run: Run, tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "SIDE", 32)
    code, said, complaints = run(
        "bench", "--weights", tiny_weights, "--out", tmp_path / "bench.json", "--dtypes", "float32", "--device", "cpu",
        "--rounds", 1, "--slices", 2, "--batch", 2, "--training",
    )  # fmt: skip
    assert (code, complaints) == (0, "")
    assert "ratio" in said
    assert len(json.loads((tmp_path / "bench.json").read_text())["rows"]) == 6


# bad input


def test_bad_input_is_one_line_and_code_two(
    run: Run, data: Path, organs: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no checkpoint")
    (tmp_path / "empty").mkdir()
    weights, out, label_map = ("--weights", tiny_weights), ("--out", tmp_path / "out"), ("--label-map", organs)
    scans = data / "images"
    for arguments, told in (
        (("predict", scans, *weights, *out, "--window", "spine"), "window is 'spine'"),
        (("predict", scans, *weights, *out, "--window=80,0"), "the lower first"),
        (("predict", scans, *weights, *out, "--input-size", "-1"), "input_size is -1"),
        (("predict", scans, *weights, *out, "--stage", "last"), "--stage"),
        (("predict", scans, "--weights", tmp_path / "file", *out), "not a checkpoint"),
        (("predict", scans, "--weights", tmp_path / "empty", *out), "no config.json in this folder"),
        (("prepare", "--data", scans, *label_map, *out), "no cases in it"),
        (("prepare", "--data", data, "--label-map", "organs", *out), "nor one of synapse"),
        (("prepare", "--data", data, *label_map, *out, "--orientation", "LPX"), "orientation is 'LPX'"),
        (("prepare", "--data", data, *label_map, *out, "--cases", "9"), "9 of 3 cannot be chosen"),
        (("prepare", "--data", data, *label_map, *out, "--cases", "p9"), "0 of 3 cases are called p9"),
        (("evaluate", "--data", data, *weights, *out, "--protocols", "nnunet"), "protocols"),
        (("evaluate", "--data", data, *weights, *out), "outside the list: 5, 6"),
        (("evaluate", "--data", data, "--results", tmp_path / "empty", *label_map, *out), "no segmentation for 3 of 3"),
        (
            ("evaluate", "--data", data, "--results", tmp_path / "empty", *out),
            "no segmentation for 3 of 3 cases: p1, p2, p3",
        ),
        (("evaluate", "--data", data, "--weights", tmp_path / "empty", *out), "no config.json in this folder"),
        (("evaluate", "--data", data, *out), "give either --weights or --results"),
        (("evaluate", "--data", data, *weights, "--results", scans, *out), "give either --weights or --results"),
        (("train", "--recipe", "demo", *out, "--validation", data), "give no validation"),
        (("evaluate", "--data", tmp_path / "none", *weights, *out), "none: no such file or folder"),
        (("train", "--recipe", "demo", *out, "--set.data.kind", "folder"), "give the folder that holds them"),
        (("convert", tmp_path / "file", "--sam", tmp_path / "file", *out), "not a checkpoint"),
        (("convert", tmp_path / "file", "--sam", tmp_path / "file", *out, "--window", "spine"), "window is 'spine'"),
        (("bench", "--weights", "vit_x-224", "--out", tmp_path / "b.json"), "backbone is 'vit_x'"),
        (("bench", *weights, "--out", tmp_path / "b.json", "--rounds", "0"), "rounds is 0"),
    ):
        refuses(run, *arguments, told=told)


def test_labels_outside_the_list_fail_their_case_alone(run: Run, data: Path, organs: Path, tmp_path: Path) -> None:
    odd = np.full((3, 24, 20), 9, np.uint8)
    write_scan(data / "labels" / "p2.nii.gz", odd)
    code, said, complaints = run("prepare", "--data", data, "--label-map", organs, "--out", tmp_path / "out")
    assert code == 1
    assert said.startswith("2 done, 0 skipped as done before, 1 failed; slices of 2 cases")
    assert complaints.count("\n") == 1
    assert "outside the list: 9" in complaints


# help
