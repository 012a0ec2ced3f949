"""Evaluation by fold: errors, groups, baselines, zones, the authors' log files, the check of labels."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gazedptr_gaze import GazeConfig, GazeDPTRV2, GazePTR
from gazedptr_gaze.cli import main
from gazedptr_gaze.data.conventions import official_angles, official_vectors
from gazedptr_gaze.data.faces import FaceSamples, network_inputs
from gazedptr_gaze.data.ivgaze import read_fold
from gazedptr_gaze.data.rotations import to_matrices, to_vectors
from gazedptr_gaze.data.zones import coarse_of_fine
from gazedptr_gaze.evaluation.angular import angular_error, published_angular_error
from gazedptr_gaze.evaluation.baselines import gaze_by_head_pose
from gazedptr_gaze.evaluation.groups import by_gaze, by_head, by_word
from gazedptr_gaze.evaluation.official_logs import read_logs, write_logs
from gazedptr_gaze.evaluation.protocols import Evaluation, evaluate
from gazedptr_gaze.evaluation.zones import coarse_accuracy, confusion, fine_accuracy, official_tester_ap
from gazedptr_gaze.inference.folds import Predictions, predict_fold
from visioncore.errors import InputError
from visioncore.report import Table
from visioncore.testing.golden import GoldenCase
from visioncore.testing.suites.base import Run, as_options, refuses

TINY: dict[str, Any] = {"widths": (4, 4, 8, 8), "blocks": (1, 1, 1, 1), "dim": 8, "heads": 2, "layers": 1}
FIELDS = {"model.widths": "[4, 4, 8, 8]", "model.dim": 8, "model.heads": 2, "model.layers": 1, "model.image_size": 64}
SMALL = TINY | {"feed_forward": 16, "n_freqs": 2, "image_size": 64}


@pytest.fixture
def case(golden: Callable[[str], GoldenCase]) -> GoldenCase:
    """The golden case of the metrics."""
    return golden("geometry_metrics")


@pytest.fixture
def run(run_program: Callable[..., tuple[int, str, str]]) -> Run:
    """Runs a command in this process."""
    return partial(run_program, main)


def write_fold(folder: Path, number: int, vectors: Any, zones: Sequence[int], head: str = "0,0.1,0") -> list[str]:
    """Write the two label files of a fold without images and without rotation; return the names of its samples."""
    names = [f"2022/subject{number}_out_mask/{i}.jpg" for i in range(len(vectors))]
    for tree, tail in (("Norm", "0,0,600 1 0,0,0"), ("Origin", "0,0,0 0,0,600")):
        rows = zip(names, vectors, zones, strict=True)
        lines = [f"{name} {','.join(map(repr, map(float, v)))} {head} {zone} {tail}" for name, v, zone in rows]
        path = folder / tree / "label_class" / f"train{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(["header", *lines]) + "\n")
    return names


def silent(line: str) -> None:
    """Hear a line and say nothing."""


def rows(table: Table) -> dict[str, dict[str, Any]]:
    """Return the rows of a table by what stands first in them."""
    return {str(row[0]): dict(zip(table.columns, row, strict=True)) for row in table.rows}


@pytest.fixture
def published(case: GoldenCase, tmp_path: Path) -> Path:
    """The golden samples as a data set of three folds, and the golden predictions as log files."""
    vectors, gaze = case.outputs["input/vectors"], case.outputs["input/pred"]
    zones, found = case.outputs["input/zone_gt"], case.outputs["input/zone_pred"]
    for number, (start, stop) in enumerate(((0, 6), (6, 13), (13, 24)), start=1):
        part = slice(start, stop)
        names = write_fold(tmp_path, number, vectors[part], zones[part].tolist())
        labels = official_angles(vectors[part])
        made = Predictions(gaze[part], {"head 2": found[part]}, "head 2")
        write_logs(tmp_path / f"fold{number}.log_dir", names, made, labels, zones[part])
    return tmp_path


def test_published_errors_of_log_files(published: Path, case: GoldenCase) -> None:
    made = evaluate(published, results=published, say=silent)
    summary = rows(made.summary())
    assert [summary[fold]["samples"] for fold in ("1", "2", "3", "all")] == [6, 7, 11, 24]
    case.close("fold_error", np.array([summary[fold]["error_published"] for fold in "123"]))
    case.close("folds_error", np.array(summary["all"]["error_published"]))
    case.close("ap", np.array([summary["all"][f"ap_{limit}"] for limit in (2, 4, 6, 8)]))
    zone, truth = (case.outputs[f"input/zone_{name}"][:24] for name in ("pred", "gt"))
    table = made.zones()
    found = dict(zip(table.columns, table.rows[-1], strict=True))
    counts = confusion(zone, truth)
    assert found == {
        "head": "log",
        "fold": "all",
        "samples": 24,
        "fine": fine_accuracy(zone, truth),
        "coarse": coarse_accuracy(counts),
        "coarse_with_elsewhere": coarse_accuracy(counts, with_elsewhere=True),
        "official_tester_ap": official_tester_ap(zone, truth),
    }
    np.testing.assert_array_equal(made.confusion("log"), counts)
    recalls = rows(made.recalls())
    assert recalls["elsewhere"]["samples"] == counts[0].sum()
    assert recalls["elsewhere"]["log"] == counts[0, 0] / counts[0].sum()


def test_protocols(published: Path) -> None:
    both = evaluate(published, results=published, say=silent)
    sound = evaluate(published, results=published, protocols=["sound"], say=silent)
    gaze, labels = (
        np.concatenate([read for result in both.folds for read in [each(result)]])
        for each in (lambda r: r.found.gaze, lambda r: official_angles(r.fold.normalised_vectors))
    )
    np.testing.assert_array_equal(both.errors["published"], published_angular_error(gaze, labels))
    np.testing.assert_array_equal(both.errors["sound"], angular_error(gaze, labels))
    # the first prediction is the label
    assert both.errors["published"][0] == pytest.approx(0.0256, abs=1e-4)
    assert both.errors["sound"][0] < 1e-6
    assert list(sound.errors) == ["sound"]
    assert "error_published" not in sound.summary().columns
    assert "official_tester_ap" not in sound.zones().columns


def test_log_files_are_as_the_authors_write_them(published: Path, case: GoldenCase) -> None:
    lines = (published / "fold1.log_dir").read_text().splitlines()
    gaze, label = case.outputs["input/pred"][1], official_angles(case.outputs["input/vectors"][1])
    assert lines[0] == "name results gts"
    name, *pairs = lines[2].split(" ")
    assert name == "2022/subject1_out_mask/1.jpg"
    np.testing.assert_array_equal([[float(x) for x in pair.split(",")] for pair in pairs], [gaze, label])
    error = published_angular_error(case.outputs["input/pred"][:6], case.outputs["reader_angles"][:6]).mean()
    told, average = lines[-1].rsplit(" ", 1)
    assert told == "[0] Total Num: 6, avg:"
    assert float(average) == pytest.approx(error)
    first = (published / "fold1.log_zone").read_text().splitlines()[0].split(" ")
    assert first == [lines[1].split(" ")[0], *(str(case.outputs[f"input/zone_{each}"][0]) for each in ("pred", "gt"))]


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("fold1.log_dir", "1.jpg ", "1.jpg x", r"line 3: .* should read 'name yaw,pitch yaw,pitch'"),
        ("fold1.log_dir", "1.jpg ", "1.jpg 0,nan 0,0 ", "line 3: .* should read"),
        ("fold1.log_dir", "/1.jpg", "/0.jpg", r"line 3: 2022/subject1_out_mask/0\.jpg is there twice"),
        ("fold1.log_dir", "/1.jpg", "/9.jpg", r"no line for 1 of 6 images of the fold: 2022/subject1_out_mask/1\.jpg"),
        ("fold1.log_zone", "/1.jpg ", "/1.jpg a", r"fold1\.log_zone, line 2: .* should read 'name zone zone'"),
    ],
)
def test_log_files_that_are_wrong(published: Path, file: str, old: str, new: str, told: str) -> None:
    text = (published / file).read_text()
    lines = text.splitlines()
    at = next(i for i, line in enumerate(lines) if old in line)
    lines[at] = " ".join(lines[at].replace(old, new).split()[:3])
    (published / file).write_text("\n".join(lines))
    with pytest.raises(InputError, match=told):
        read_logs(published / "fold1.log_dir", read_fold(published, 1).names, 122)


def test_lines_in_log_files_that_are_of_no_sample(published: Path) -> None:
    names = read_fold(published, 1).names
    before = read_logs(published / "fold1.log_dir", names, 122)
    path = published / "fold1.log_zone"
    path.write_text(path.read_text() + "12 5 7\nclass 3: 4/5\n")
    after = read_logs(published / "fold1.log_dir", names[::-1], 122)
    np.testing.assert_array_equal(after.gaze, before.gaze[::-1])
    np.testing.assert_array_equal(after.zones["log"], before.zones["log"][::-1])
    path.unlink()
    assert read_logs(published / "fold1.log_dir", names, 122).zones == {}
    with pytest.raises(InputError, match=r"none\.log_dir: cannot be read"):
        read_logs(published / "none.log_dir", names, 122)


def test_groups() -> None:
    gaze = np.radians([[0, 0], [9, 0], [0, -25], [60, 70]])
    masks = by_gaze(gaze)
    assert {group for (_, group), mask in masks.items() if mask[2]} == {"20-30"}
    assert masks["gaze", "0-10"].tolist() == [True, True, False, False]
    # arccos(cos 60 cos 70) is 80 degrees
    assert masks["gaze", "60-90"].tolist() == [False, False, False, True]
    turns = np.radians([[0, 35, 0], [0, 0, 90], [180, 0, 0], [-50, 0, 0]])
    found = [group for i in range(4) for (_, group), mask in by_head(turns).items() if mask[i]]
    assert found == ["30-40", "0-10", "0-10", "40-60"]
    words = by_word(["d/subject0000_out_eye_mask/1.jpg", "d/subject0001_nomask/1.jpg", "1.jpg"])
    assert {group: mask.tolist() for (_, group), mask in words.items() if "without" not in group} == {
        "eye": [True, False, False],
        "mask": [True, False, False],
        "nomask": [False, True, False],
        "out": [True, False, False],
    }
    assert words["word", "without eye"].tolist() == [False, True, True]


def test_groups_in_the_table(published: Path) -> None:
    made = evaluate(published, results=published, say=silent)
    table = made.groups()
    found = {(row[0], row[1]): row[2:] for row in table.rows}
    sizes = {kind: sum(int(row[2] or 0) for row in table.rows if row[0] == kind) for kind in ("gaze", "head")}
    assert sizes == {"gaze": 24, "head": 24}
    # all heads are turned by 0.1 rad, and all names have the same words
    published_errors, errors = made.errors["published"], made.errors["sound"]
    shares = ((published_errors < limit).mean() for limit in (2, 4, 6, 8))
    expected = (24, published_errors.mean(), errors.mean(), *shares)
    assert found["head", "0-10"] == found["word", "mask"] == pytest.approx(expected)
    assert ("word", "without mask") not in found
    straight = np.degrees(np.arccos(-np.concatenate([r.fold.normalised_vectors for r in made.folds])[:, 2])) < 10
    assert found.get(("gaze", "0-10"), (0,))[0] == straight.sum()


def test_baseline_of_the_head_pose() -> None:
    rng = np.random.default_rng(0)
    turns = rng.normal(0, 0.4, (300, 3))
    for facing in (np.eye(3), np.diag([1.0, -1, -1])):  # a head without rotation faces the camera, or looks away
        heads = to_vectors(to_matrices(turns) @ facing)
        gaze = official_angles(-(to_matrices(turns)[:, :, 2]))
        made = gaze_by_head_pose(heads[:100], heads[100:], gaze[100:])
        assert published_angular_error(made, gaze[:100]).max() < 1
    drawn = official_angles(rng.normal([0, 0, -3], 0.5, (300, 3)))
    # what it is told of has nothing to do with the gaze
    blind = gaze_by_head_pose(turns[:100], turns[100:], drawn[100:])
    spread = published_angular_error(np.zeros((100, 2)), drawn[:100]).mean()
    assert published_angular_error(blind, drawn[:100]).mean() == pytest.approx(spread, rel=0.1)


def test_baselines_come_from_the_other_folds(tmp_path: Path) -> None:
    left, right = official_vectors([[0.3, 0]] * 4), official_vectors([[-0.1, 0]] * 2)
    names = write_fold(tmp_path, 1, left, [3] * 4)
    other_names = write_fold(tmp_path, 2, right, [3] * 2)
    write_fold(tmp_path, 3, right, [3] * 2)
    write_logs(tmp_path / "fold1.log_dir", names, Predictions(np.zeros((4, 2))), official_angles(left), np.full(4, 3))
    summary = evaluate(tmp_path, results=tmp_path, folds=[1], say=silent).summary()
    found = rows(summary)["1"]
    # they look left by 0.3, and the other folds right by 0.1, whatever their heads do
    assert found["constant"] == pytest.approx(np.degrees(0.4))
    assert found["head_pose"] == pytest.approx(np.degrees(0.4), rel=1e-3)
    assert rows(summary)["all"]["constant"] == found["constant"]

    straight = Predictions(np.zeros((2, 2)))
    write_logs(tmp_path / "fold2.log_dir", other_names, straight, official_angles(right), np.full(2, 3))
    both = rows(evaluate(tmp_path, results=tmp_path, folds=[1, 2], say=silent).summary())
    assert both["2"]["constant"] != both["1"]["constant"]
    # over samples, of which there are four and two
    for name in ("constant", "head_pose", "error_sound"):
        assert both["all"][name] == pytest.approx((4 * both["1"][name] + 2 * both["2"][name]) / 6)

    for head in ("-", "0,nan,0", "0,0"):
        said: list[str] = []
        write_fold(tmp_path, 3, right, [3] * 2, head=head)
        found = rows(evaluate(tmp_path, results=tmp_path, folds=[1], say=said.append).summary())["all"]
        assert found["constant"] == pytest.approx(np.degrees(0.4))
        assert found["head_pose"] is None
        assert ["not every baseline" in line for line in said] == [True]
    for number in (2, 3):
        (tmp_path / "Norm" / "label_class" / f"train{number}.txt").unlink()
    found = rows(evaluate(tmp_path, results=tmp_path, folds=[1], say=silent).summary())["all"]
    assert (found["constant"], found["head_pose"]) == (None, None)


def test_zones_by_the_map_of_the_data(published: Path) -> None:
    def coarse(made: Evaluation) -> Any:
        return made.zones().rows[-1][5]

    before = coarse(evaluate(published, results=published, say=silent))
    (published / "class.label").write_text("".join(f"{fine} a{fine} 1\n" for fine in range(122)))
    after = coarse(evaluate(published, results=published, say=silent))
    assert before < 1
    assert after == 1
    assert coarse_of_fine().max() == 9


def test_networks_of_another_number_of_zones(drivers: Path, tmp_path: Path, saved: Callable[[Any], Path]) -> None:
    """Fine zones are counted; regions only by a map of the data's own, never by IVGaze's."""
    torch.manual_seed(1)
    weights = saved(GazeDPTRV2(GazeConfig("gazedptr_v2", **SMALL, zones=200)).eval())
    for path in drivers.glob("*/label_class/*.txt"):
        header, *lines = path.read_text().splitlines()
        words = [line.split(" ") for line in lines]
        changed = [" ".join([*each[:3], str(int(each[3]) + 70), *each[4:]]) for each in words]
        path.write_text("\n".join([header, *changed]) + "\n")
    said: list[str] = []
    made = evaluate(drivers, weights, device="cpu", say=said.append)
    assert said[-1] == (
        f"{drivers}: no coarse zones; class.label should name those that the network's 200 fine zones belong to"
    )
    found = rows(made.zones())["head 3"]
    assert 0 <= found["fine"] <= 1
    assert (found["coarse"], found["coarse_with_elsewhere"]) == (None, None)
    assert made.recalls().rows == []
    made.save(tmp_path / "tables")
    assert not [path for path in (tmp_path / "tables").iterdir() if path.name.startswith(("recalls", "confusion"))]
    (drivers / "class.label").write_text("".join(f"{fine} a 1\n" for fine in range(200)))
    made = evaluate(drivers, weights, device="cpu", say=silent)
    assert rows(made.zones())["head 3"]["coarse"] == 1
    again = evaluate(drivers, results=tmp_path / "tables", say=silent)
    assert rows(again.zones())["log"]["coarse"] == 1
    (drivers / "class.label").write_text("".join(f"{fine} a 1\n" for fine in range(199)))
    with pytest.raises(InputError, match=r"class\.label: 199 fine zones, but the network has 200"):
        evaluate(drivers, weights, device="cpu", say=silent)
    (drivers / "class.label").unlink()
    with pytest.raises(InputError, match=r"train\d\.txt, line \d: zone is '\d+'; it should be from 0 to 121"):
        evaluate(drivers, results=tmp_path / "tables", say=silent)


def test_networks_whose_numbers_of_zones_differ(drivers: Path, tmp_path: Path) -> None:
    for number, zones in ((1, 122), (2, 130)):
        GazeDPTRV2(GazeConfig("gazedptr_v2", **SMALL, zones=zones)).save_pretrained(tmp_path / f"run{number}")
    with pytest.raises(InputError, match=r"run\{fold\}: networks of 122 and 130 fine zones; all must have as many"):
        evaluate(drivers, tmp_path / "run{fold}", folds=[1, 2], device="cpu", say=silent)


def test_zones_in_log_files_that_there_are_not(published: Path) -> None:
    path = published / "fold2.log_zone"
    lines = path.read_text().splitlines()
    name, _, truth = lines[2].split(" ")
    for zone in ("122", "9" * 40):
        path.write_text("\n".join([*lines[:2], f"{name} {zone} {truth}", *lines[3:]]))
        with pytest.raises(InputError, match=r"fold2\.log_zone, line 3: zone is .*; it should be from 0 to 121"):
            evaluate(published, results=published, say=silent)


def test_networks_of_each_fold(drivers: Path, tmp_path: Path) -> None:
    gazes, zones = [], []
    for number in (1, 2, 3):
        torch.manual_seed(number)
        network = GazeDPTRV2(GazeConfig("gazedptr_v2", **SMALL, zone_head=3)).eval()
        network.save_pretrained(tmp_path / f"run{number}" / "last")
        samples = FaceSamples([read_fold(drivers, number)], "gazedptr_v2", 64)
        batch = {name: torch.stack([samples[i][name] for i in range(len(samples))]) for name in samples[0]}
        with torch.no_grad():
            out = network(**network_inputs(batch, "gazedptr_v2"))
        gazes.append(out.gaze.double().numpy())
        zones.append(out.zone_logits.argmax(-1).numpy())
    said: list[str] = []
    weights = tmp_path / "run{fold}" / "last"
    made = evaluate(drivers, weights, device="cpu", batch=4, say=said.append)
    assert said == []
    for result, gaze, zone in zip(made.folds, gazes, zones, strict=True):
        np.testing.assert_allclose(result.found.gaze, gaze, atol=1e-5)
        assert result.found.counts == "head 3"
        assert list(result.found.zones) == ["head 1", "head 2", "head 3"]
        np.testing.assert_array_equal(np.stack([*result.found.zones.values()])[0], zone[0])
        errors = published_angular_error(gaze, official_angles(result.fold.normalised_vectors))
        np.testing.assert_allclose(result.errors["published"], errors, atol=1e-3)

    made.save(tmp_path / "tables")
    again = evaluate(drivers, results=tmp_path / "tables", say=silent)
    assert again.summary().rows == made.summary().rows
    assert [row[2:] for row in again.zones().rows] == [row[2:] for row in made.zones().rows if row[0] == "head 3"]
    report = json.loads((tmp_path / "tables" / "report.json").read_text())
    assert report["made_by"] == str(weights)
    assert report["summary"][-1]["error_published"] == pytest.approx(made.errors["published"].mean())
    assert report["confusion_head_2"][0]["truth"] == "elsewhere"
    assert sum(value for row in report["confusion_head_1"] for name, value in row.items() if name != "truth") == 18


def test_one_network_for_several_folds_is_told(drivers: Path, saved: Callable[[Any], Path]) -> None:
    said: list[str] = []
    weights = saved(GazePTR(GazeConfig("gazeptr", **SMALL)))
    made = evaluate(drivers, weights, folds=[2, 3, 2], device="cpu", say=said.append)
    assert [result.fold.number for result in made.folds] == [2, 3]
    assert said == [f"{weights}: one network for 2 folds; it must have been trained on none of them"]
    assert made.zones().rows == made.recalls().rows == []


def test_what_is_to_be_known_of_weights_is_told(drivers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network, said = GazePTR(GazeConfig("gazeptr", **SMALL)), list[str]()
    network.notice = "only to try things out"
    monkeypatch.setattr("gazedptr_gaze.evaluation.protocols.load_model", lambda _: network)
    made = evaluate(drivers, "demo", folds=[1], device="cpu", say=said.append)
    assert said == ["only to try things out"] == [made.note]


def test_batches_change_nothing(drivers: Path) -> None:
    network = GazePTR(GazeConfig("gazeptr", **SMALL)).eval()
    samples, count = FaceSamples([read_fold(drivers, 1)], "gazeptr", 64), []
    one = predict_fold(network, samples, network.config, 4, lambda: count.append(1))
    np.testing.assert_allclose(one.gaze, predict_fold(network, samples, network.config).gaze, atol=1e-6)
    assert one.gaze.shape == (6, 2)
    assert len(count) == 6


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "give either weights or results"),
        ({"weights": "demo", "results": "a"}, "give either weights or results"),
        ({"weights": "demo", "protocols": ["exact"]}, "unknown protocol exact; known are published, sound"),
        ({"weights": "demo", "folds": []}, "no fold is named"),
        ({"weights": "demo", "folds": [4]}, "fold is 4; it must be 1, 2 or 3"),
        ({"weights": "demo", "batch": 0}, "batch is 0; it must be at least 1"),
        ({"weights": "none", "folds": [1]}, "none"),
    ],
)
def test_arguments_that_are_wrong(drivers: Path, given: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        evaluate(drivers, **given)


def test_folds_of_different_variants(published: Path) -> None:
    (published / "fold2.log_zone").unlink()
    with pytest.raises(InputError, match="zones for some folds and not for others"):
        evaluate(published, results=published)


def test_labels_that_share_a_frame_and_labels_that_do_not(run: Run, drivers: Path) -> None:
    code, said, complaints = run("check-labels", "--data", drivers)
    assert (code, complaints) == (0, "")
    assert "degrees between the rotated gaze" in said
    path = drivers / "Norm" / "label_class" / "train2.txt"
    lines = path.read_text().splitlines()
    for at, turn in ((2, 0.05), (5, 0.5)):
        words = lines[at].split()
        turned = to_matrices(np.array([0, turn, 0])) @ np.array([float(x) for x in words[1].split(",")])
        lines[at] = " ".join([words[0], ",".join(map(repr, turned.tolist())), *words[2:]])
    path.write_text("\n".join(["", *lines]))
    code, said, complaints = run("check-labels", "--data", drivers)
    assert code == 1
    worst, other = complaints.splitlines()
    # an empty line stands before the header
    assert worst.startswith(f"{path}, line 7: rendered/subject0001")
    assert other.startswith(f"{path}, line 4: rendered/subject0001")
    assert 3 < float(worst.rpartition(": ")[2].split()[0]) <= 28.65
    assert "2.86" >= other.rpartition(": ")[2].split()[0] > "0.5"
    assert run("check-labels", "--data", drivers, "--folds", "1", "3")[0] == 0
    path = drivers / "Origin" / "label_class" / "train3.txt"
    lines = path.read_text().splitlines()
    lines[2] = " ".join([*lines[2].split()[:5], "0,0,0"])
    path.write_text("\n".join(lines))
    code, _, complaints = run("check-labels", "--data", drivers, "--folds", "1", "3")
    assert (code, complaints) == (1, f"{path}: {lines[2].split()[0]}: the gaze origin is 0,0,0, the camera itself\n")


def test_from_training_to_evaluation(run: Run, drivers: Path, tmp_path: Path) -> None:
    fields = FIELDS | {"model.variant": "gazedptr_v2", "test_fold": 2, "loop.batch_size": 4, "loop.steps": 2}
    last, tables = tmp_path / "run" / "last", tmp_path / "tables"
    words = ("train", "--recipe", "demo", "--out", last.parent, "--data", drivers, *as_options(fields))
    code, said, told = run(*words)
    assert (code, said) == (0, f"2 steps; weights in {last}\n")
    assert "12 samples to train on, 2 steps; 6 of fold 2 to validate on" in told
    validated = [line for line in map(json.loads, (last.parent / "log.jsonl").open()) if "validation" in line]
    means = []
    for made_by in (("--weights", last, "--device", "cpu"), ("--results", tables)):
        code, said, _ = run("evaluate", "--data", drivers, *made_by, "--folds", 2, "--out", tables)
        assert code == 0
        assert said.endswith(f"tables: {tables}\n")
        with (tables / "summary.csv").open() as file:
            means.append(next(row for row in csv.DictReader(file) if row["fold"] == "all"))
    assert means[0] == means[1]
    assert float(means[0]["error_sound"]) == pytest.approx(validated[-1]["validation"]["angular_error"], rel=1e-4)
    assert {"zones.csv", "recalls.md", "groups.csv", "confusion_log.csv"} <= {path.name for path in tables.iterdir()}
    code, said, _ = run("check-labels", "--data", drivers)
    assert code == 0


def test_options_that_are_wrong(run: Run, drivers: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "out")
    for words, told in (
        (("evaluate", "--data", drivers, *out), "give either --weights or --results"),
        (("evaluate", "--data", drivers, "--weights", "none", *out, "--protocols", "exact"), "protocols"),
        (("evaluate", "--data", tmp_path / "none", "--weights", "none", *out), f"{tmp_path / 'none'}: no such"),
        (("evaluate", "--data", drivers, "--weights", "none", "--folds", "4", *out), "fold is 4; it must be 1, 2 or 3"),
        (("train", "--recipe", "demo", "--data", tmp_path / "none", *out), f"{tmp_path / 'none'}: no such"),
        (("train", "--recipe", "demo", "--imagenet", "none.pth", *out), "none.pth"),
        (("check-labels", "--data", tmp_path / "none"), f"{tmp_path / 'none'}: no such"),
    ):
        refuses(run, *words, told=told)


def test_bad_data_is_one_line(run: Run, drivers: Path, tmp_path: Path, saved: Callable[[Any], Path]) -> None:
    weights = saved(GazePTR(GazeConfig("gazeptr", **SMALL)))
    out = tmp_path / "out"
    commands = {
        "evaluate": ("evaluate", "--data", drivers, "--weights", weights, "--folds", "1", "--out", out),
        "train": ("train", "--data", drivers, "--recipe", "demo", "--out", out),
        "check": ("check-labels", "--data", drivers),
    }
    path = drivers / "Norm" / "label_class" / "train1.txt"
    good = path.read_text()
    lines = good.splitlines()
    first = lines[1].split()
    for changed, told in (
        ([*first[:6]], f"{path}, line 2: 6 columns; there should be 7"),
        ([first[0], "0,0,0", *first[2:]], f"{path}, line 2: the gaze vector has length zero"),
        (["other.jpg", *first[1:]], f"{path}, line 2: other.jpg, zone {first[3]}, but"),
    ):
        path.write_text("\n".join([lines[0], " ".join(changed), *lines[2:]]))
        for words in commands.values():
            refuses(run, *words, told=told)
    path.write_text(good)
    image = drivers / "Norm" / first[0]
    image.unlink()
    for name in ("evaluate", "train"):
        code, _, complaints = run(*commands[name])
        assert code == 2
        assert complaints.splitlines()[-1].endswith(f"images are missing: {image}")
    path.unlink()
    for words in commands.values():
        refuses(run, *words, told=f"{path}: cannot be read (No such file or directory)")
    told = f"{drivers / 'Norm'}/Norm/label_class: no such folder; the folder of the data holds Norm and Origin"
    refuses(run, "check-labels", "--data", drivers / "Norm", told=told)
    refuses(run, "evaluate", "--data", drivers, "--out", out, told="give either --weights or --results")
    assert not (out / "summary.csv").exists()
