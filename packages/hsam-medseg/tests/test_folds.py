"""Cross-validation: cases dealt into folds, ensembles of what was trained on them, and the curve of a run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from hsam_medseg import HSAM, Predictor, Preprocessing, Volume
from hsam_medseg.data.few_shot import deal
from hsam_medseg.data.label_map import LabelMap
from hsam_medseg.data.labels import write_labels
from hsam_medseg.data.prepare import Preparation, prepare
from hsam_medseg.evaluation.protocols import evaluate
from hsam_medseg.network.weights import load_members
from hsam_medseg.training.config import DataConfig
from hsam_medseg.training.curve import draw_curve
from hsam_medseg.training.trainer import train
from visioncore.errors import InputError
from visioncore.testing.suites.base import Run

PACKAGE = "hsam_medseg"
AFFINE = np.diag([2.0, 3.0, 5.0, 1.0])
SMALL = {
    **{"model.image_size": "32", "model.decoder_width": "32", "model.decoder_mlp": "32"},
    **{"loop.steps": "2", "loop.batch_size": "2", "loop.warmup_steps": "0", "loop.workers": "0"},
    **{"loop.validate_every": "1", "loop.log_every": "1", "loop.checkpoint_every": "2"},
    **{"data.kind": "folder", "data.slices": "1"},
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for number in range(5):
        labels = np.zeros((2, 12, 14), np.uint8)
        labels[:, 2:9, 3 : 6 + number] = 1
        for kind, voxels in (("images", labels * 9 + 1), ("labels", labels)):
            write_labels(tmp_path / "data" / kind / f"p{number}.nii.gz", Volume(voxels, AFFINE, located=True))
    return tmp_path / "data"


@pytest.fixture
def prepared(data: Path, tmp_path: Path) -> Path:
    prepare(data, tmp_path / "prepared", Preparation(LabelMap.of(("liver",)), "range"))
    return tmp_path / "prepared"


@pytest.fixture
def members(tiny: HSAM) -> list[HSAM]:
    made = []
    for seed in range(3):
        torch.manual_seed(seed)
        made.append(HSAM(tiny.config).eval())
    return made


# folds


def test_every_case_is_in_one_fold() -> None:
    for count, parts in ((5, 5), (7, 3), (20, 5)):
        folds = deal(range(count), parts, seed=1)
        assert sorted(case for fold in folds for case in fold) == list(range(count))
        assert max(map(len, folds)) - min(map(len, folds)) <= 1
        assert folds == deal(range(count), parts, seed=1)
    assert deal(range(20), 5, seed=1) != deal(range(20), 5, seed=2)
    with pytest.raises(InputError, match="3 cases cannot be dealt into 5 folds"):
        deal("abc", 5, 0)


def test_a_fold_is_held_out_and_the_curve_is_drawn(prepared: Path, tmp_path: Path) -> None:
    trained_on = []
    for fold in (0, 3):
        said: list[str] = []
        overrides = SMALL | {"data.folds": "5", "data.fold": str(fold)}
        train("demo", prepared, tmp_path / str(fold), overrides=overrides, say=said.append)
        (held_out,) = deal([f"p{n}" for n in range(5)], 5, 0)[fold]
        assert f"fold {fold} of 5 is held out: {held_out}" in said
        text = (tmp_path / str(fold) / "run.json").read_text()
        trained_on.append({f"p{n}" for n in range(5) if f"p{n}_slice" in text})
        assert held_out not in trained_on[-1]
        assert len(trained_on[-1]) == 4
        with Image.open(tmp_path / str(fold) / "curve.png") as image:
            assert image.size == (1050, 600)
    assert len(load_members(tmp_path / "{fold}" / "best")) == 2


def test_folds_that_make_no_sense_are_refused(prepared: Path, tmp_path: Path) -> None:
    for settings, told in (
        ({"folds": 1}, "there must be 2 folds or more, counted from 0"),
        ({"folds": 5, "fold": 5}, "data.fold is 5 of data.folds 5"),
        ({"fold": 1}, "data.fold is 1 of data.folds 0"),
        ({"folds": 5, "kind": "synthetic"}, "of synthetic volumes there are none"),
    ):
        with pytest.raises(InputError, match=told):
            DataConfig(**settings)
    with pytest.raises(InputError, match=r"given to validate on, but data\.folds is 2; leave out one"):
        train("demo", prepared, tmp_path / "run", validation=prepared, overrides=SMALL | {"data.folds": "2"})


def test_a_curve_shows_what_the_log_says(tmp_path: Path) -> None:
    entries: list[dict[str, Any]] = [{"step": step, "loss": 1 / step} for step in (10, 20, 30)]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, entries)) + '\n{"step": 4')
    plain = Image.open(draw_curve(tmp_path)).convert("RGB")
    entries += [{"step": step, "validation": {"dice": 0.01 * step}} for step in (10, 30)]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, entries)))
    validated = Image.open(draw_curve(tmp_path)).convert("RGB")
    red, blue = (214, 39, 40), (31, 119, 180)
    seen = [{colour for _, colour in image.getcolors(2**20) or []} for image in (plain, validated)]
    assert [(blue in colours, red in colours) for colours in seen] == [(True, False), (True, True)]


# ensembles


def test_the_mean_of_probabilities_decides(members: list[HSAM]) -> None:
    scan = Volume(np.random.default_rng(0).random((3, 64, 64), np.float32))
    alone = [Predictor(member, "cpu", window="unit", notify=print)(scan, probabilities=True) for member in members]
    together = Predictor(members, "cpu", window="unit", notify=print)(scan, probabilities=True)
    mean = np.mean([np.asarray(result.probabilities, np.float32) for result in alone], axis=0)
    np.testing.assert_allclose(np.asarray(together.probabilities), mean, atol=2e-3)
    clear = np.diff(np.sort(mean, axis=0)[-2:], axis=0)[0] > 0.01
    np.testing.assert_array_equal(np.asarray(together)[clear], mean.argmax(axis=0)[clear])
    assert all((np.asarray(result) != np.asarray(together)).any() for result in alone)


def test_an_ensemble_is_named_by_all_its_weights(members: list[HSAM], data: Path) -> None:
    one, several = Predictor(members[0], "cpu", notify=print), Predictor(members, "cpu", window="range", notify=print)
    assert several.weights.split("+")[0] == one.weights
    assert len(set(several.weights.split("+"))) == 3
    evaluation = evaluate(data, several, labels=LabelMap.of(members[0].config.classes), cases=1, say=print)
    assert evaluation.segmented_by.startswith("ensemble of 3 HSAM, fused logits")


def test_all_folds_that_are_there_are_taken(members: list[HSAM], data: Path, run: Run, tmp_path: Path) -> None:
    for fold in (0, 2):
        members[fold].save_pretrained(tmp_path / f"fold{fold}" / "best")
    weights = tmp_path / "fold{fold}" / "best"
    assert len(load_members(weights)) == Predictor(weights, "cpu").members == 2
    arguments = ("predict", data / "images", "--window", "range", "--no-preview", "--out", tmp_path / "out")
    assert run(*arguments, "--weights", weights)[0] == 0
    assert '"ml"' in (tmp_path / "out" / "p0.json").read_text()
    code, _, told = run(*arguments, "--weights", tmp_path / "{fold}.safetensors")
    assert code == 2
    assert "no such weights of any fold; the first would be" in told
    changed = HSAM(replace(members[0].config, preprocessing=Preprocessing(window="mr")))
    changed.save_pretrained(tmp_path / "fold1" / "best")
    with pytest.raises(InputError, match=r"fold1.*: its preprocessing is .*'mr'.*both must be alike"):
        load_members(weights)
    with pytest.raises(InputError, match="network 2: its classes is"):
        Predictor([members[0], HSAM(replace(members[0].config, classes=("aorta",)))], "cpu")
