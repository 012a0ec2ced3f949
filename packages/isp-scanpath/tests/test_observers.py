"""New observers in files, groups of observers, and who is told by scanpaths."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from isp_scanpath import ISP, ChenLSTMISP, ObserverVectors, Predictor, load_model, read_scanpaths
from isp_scanpath.data.inputs import PhotoInputs
from isp_scanpath.data.samples import ScanpathSamples, targets_of
from isp_scanpath.data.synthetic import write_synthetic
from isp_scanpath.data.trials import ScanpathData
from isp_scanpath.evaluation.observer_groups import leave_one_out, plane
from isp_scanpath.evaluation.observers import study_observers
from isp_scanpath.evaluation.recognition import groups_by_scanpaths, log_likelihoods, ranks_of, together
from isp_scanpath.inference.running import run_network
from isp_scanpath.network.config import ChenLSTMConfig
from isp_scanpath.network.losses import supervised_losses
from isp_scanpath.network.scanpaths import Frame
from isp_scanpath.training.adaptation import adapt, adapt_observers
from visioncore.errors import InputError
from visioncore.testing.deterministic import uniform_input

PACKAGE = "isp_scanpath"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ScanpathData:
    """Synthetic observers; the second one has seen two images of the training split less."""
    folder = tmp_path_factory.mktemp("data")
    path = write_synthetic(folder, 4, held_out=3)
    header, *lines = path.read_text().splitlines()
    kept = [line for line in lines if not line.startswith(("00002.png,sizer", "00003.png,sizer"))]
    groups = {"reader": "fast", "sizer": "slow", "centred": "slow"}
    lines = [f"{header},group", *(f"{line},{groups[line.split(',')[1]]}" for line in kept)]
    path.write_text("\n".join(lines) + "\n")
    return read_scanpaths(path, folder / "images")


@pytest.fixture(scope="module")
def demo() -> ISP:
    return load_model("demo")


@pytest.fixture(scope="module")
def adapted(demo: ISP, data: ScanpathData) -> ObserverVectors:
    return adapt_observers(demo, data, photos(demo, data), steps=8, learning_rate=0.2)


def photos(model: ISP, data: ScanpathData) -> PhotoInputs:
    assert data.images is not None
    assert isinstance(model.config, ChenLSTMConfig)
    return PhotoInputs(data.images, model.config)


def test_adapted_observers_are_told_apart(demo: ISP, data: ScanpathData, adapted: ObserverVectors) -> None:
    """Observers are told by scanpaths that their vectors were not fitted to."""
    assert adapted.names == ("reader", "sizer", "centred")
    assert adapted.groups == ("fast", "slow", "slow")
    assert adapted.scanpaths == (4, 2, 4)
    own = [trial for trial in data.part("train") if trial.observer == 1]
    alone = adapt(demo, data, own, photos(demo, data), steps=8, learning_rate=0.2)
    torch.testing.assert_close(adapted.vectors[1], alone)
    study = study_observers(demo, ObserverVectors(adapted.names, adapted.vectors), data, photos(demo, data))
    assert study.report()["r_at_1"] > 80
    few = adapt_observers(demo, data, photos(demo, data), observers=["sizer"], most=1, steps=2)
    assert (few.names, few.scanpaths) == (("sizer",), (1,))
    with pytest.raises(InputError, match="no observer 'eve'; known are reader, sizer, centred"):
        adapt_observers(demo, data, photos(demo, data), observers=["eve"])
    with pytest.raises(InputError, match="scanpaths is -1"):
        adapt_observers(demo, data, photos(demo, data), most=-1)


def test_saved_and_loaded(demo: ISP, adapted: ObserverVectors, tmp_path: Path, tiny_chen: ChenLSTMISP) -> None:
    again = ObserverVectors.load(adapted.save(tmp_path / "new" / "observers.json"))
    assert torch.equal(again.vectors, adapted.vectors)
    for name in ("names", "groups", "scanpaths", "weights"):
        assert getattr(again, name) == getattr(adapted, name)
    photo = np.random.default_rng(0).integers(0, 255, (60, 90, 3)).astype(np.uint8)
    result = Predictor(demo, "cpu", notify=lambda _: None)(photo, observers=["mean"], vectors=again)
    assert result.observers == ("mean", "reader", "sizer", "centred")
    with torch.no_grad():
        demo.observers.table.mul_(1.5)
    try:
        with pytest.raises(InputError, match="the vectors of reader, sizer, centred belong to other weights"):
            Predictor(demo, "cpu", notify=lambda _: None)(photo, vectors=again)
    finally:
        with torch.no_grad():
            demo.observers.table.div_(1.5)
    with pytest.raises(InputError, match=r"vectors are \(3, 16\); they must be \(n, 5\)"):
        Predictor(tiny_chen, "cpu")(photo, vectors=again, task="tv")
    with pytest.raises(InputError, match=r"observers are written as \.json"):
        adapted.save(tmp_path / "observers.npz")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "damaged or no file of observers"),
        ("[]", "damaged or no file of observers"),
        ('{"weights": "", "observers": []}', r"vectors are .*; there must be one"),
        ('{"weights": "", "observers": [{"name": "a", "vector": [1]}, {"name": "b", "vector": []}]}', "damaged or no"),
        ('{"weights": "", "observers": [{"name": "a", "vector": [NaN]}]}', "one of finite numbers a name"),
        ('{"weights": "", "observers": [{"name": "a", "vector": [1]}, {"name": "a", "vector": [2]}]}', "twice: a"),
        ('{"weights": "", "observers": [{"name": "a", "vector": [1], "group": "x"}, {"name": "b", "vector": [2]}]}',
         "groups and scanpaths must be as many, or none"),
    ],
)  # fmt: skip
def test_files_that_are_wrong(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "o.json").write_text(content)
    with pytest.raises(InputError, match=message):
        ObserverVectors.load(tmp_path / "o.json")
    with pytest.raises(InputError, match="no such file of observers; adapt writes one"):
        ObserverVectors.load(tmp_path / "none.json")


def test_groups_by_vectors() -> None:
    """Groups that differ are found by those who were left out, and no others are."""
    noise = uniform_input("isp/groups", (24, 40)) - 0.5
    groups = ("asd", "control", "control") * 8
    apart = noise + 0.4 * np.array([[group == "asd"] for group in groups])
    assert leave_one_out(apart, groups) == groups
    right = np.mean([one == other for one, other in zip(leave_one_out(noise, groups), groups, strict=True)])
    assert right < 0.75
    with pytest.raises(InputError, match="observers by group: 2 a, 1 b; it takes two groups at least, of two"):
        leave_one_out(noise[:3], ("a", "a", "b"))


def test_an_observer_does_not_count_for_themselves() -> None:
    """A classifier that saw the observer would be right; the others alone are wrong."""
    vectors = np.array([[1.0, 0.0], [1.1, 0.1], [-1.0, 0.0], [-1.1, 0.1], [0.9, 0.05]])
    assert leave_one_out(vectors, ("a", "a", "b", "b", "b"))[4] == "a"
    likelihoods = np.array([[9.0, 2, 3, 3], [5, 9, 0, 0], [1, 1, 0, 5], [4, 4, 1, 9]])
    groups = ("a", "a", "b", "b")
    assert groups_by_scanpaths(likelihoods, groups) == ("b", "a", "b", "a")
    likelihoods[1] = np.nan
    assert groups_by_scanpaths(likelihoods, groups)[1] is None


def test_plane() -> None:
    line = np.array([[0.0, 0, 0], [2, 0, 0], [4, 0, 0]])
    places, shares = plane(line)
    np.testing.assert_allclose(places, [[-2, 0], [0, 0], [2, 0]], atol=1e-12)
    np.testing.assert_allclose(shares, [1, 0], atol=1e-12)
    assert plane(line[:1])[0].tolist() == [[0, 0]]


def test_likelihoods_are_those_of_the_loss(demo: ISP, data: ScanpathData) -> None:
    trials = [trial for trial in data.part("test") if trial.observer == 2][:1]
    inputs = photos(demo, data)
    found = log_likelihoods(demo, data, trials, inputs, demo.observers.table.detach())
    sample = ScanpathSamples(data, trials, inputs, demo.config, Frame(320, 240)).sample(0, np.random.default_rng(0))
    batch = {name: value[None] for name, value in sample.items()}
    with torch.no_grad():
        terms = supervised_losses(run_network(demo, batch), targets_of(batch))
    expected = -terms["action"] * batch["action_mask"].sum() - terms["duration"] * batch["duration_mask"].sum()
    assert found[0, 2] == pytest.approx(float(expected), rel=1e-5)
    assert ranks_of(found, np.array([2])).tolist() == [0]
    assert ranks_of(np.ones((1, 3)), np.array([1])).tolist() == [2]
    assert np.isnan(together(found, np.array([2]))[0]).all()


def test_commands(run: Run, data: ScanpathData, tmp_path: Path) -> None:
    images, file, out = ("--images", data.images), tmp_path / "observers.json", tmp_path / "out"
    words = ("--data", data.source, *images, "--weights", "demo")
    code, said, complained = run("adapt", *words, "--out", file, "--scanpaths", "2", "--steps", "2")
    assert code == 0, complained
    assert "3 observers, from 2 to 2 scanpaths each" in said
    assert isinstance(data.images, Path)
    photo = data.images / "00009.png"
    code, _, complained = run("predict", photo, "--weights", "demo", "--observers", file, "mean", "--out", out)
    assert code == 0, complained
    report: dict[str, Any] = json.loads((out / "00009.json").read_text())
    assert [path["observer"] for path in report["scanpaths"]] == ["mean", "reader", "sizer", "centred"]
    run("adapt", *words, "--out", file, "--scanpaths", "2", "--steps", "3")
    code, _, complained = run("predict", photo, "--weights", "demo", "--observers", file, "mean", "--out", out)
    assert "a result is made anew: vectors was" in complained
    few = ("--seeds", "1", "--protocols", "published")
    code, _, complained = run("evaluate", *words, "--observers", file, *few, "--out", tmp_path / "tables")
    assert code == 0, complained
    code, said, complained = run("observers", *words, "--observers", file, "--out", tmp_path / "study")
    assert code == 0, complained
    assert "groups: {'fast': 1, 'slow': 2}" in said
    assert "r_at_1_chance: 33.3" in said
    assert "group_by_vectors" not in said
    code, said, complained = run("observers", "--weights", "demo", "--out", tmp_path / "study")
    assert code == 0, complained
    lines = (tmp_path / "study" / "observers.csv").read_text().splitlines()
    assert lines[0] == "observer,axis_1,axis_2,nearest"
    assert len(lines) == 4
    assert (tmp_path / "study" / "observers.png").stat().st_size > 5000
    for wrong, told in (
        (("adapt", *words, "--out", tmp_path / "a.npz"), "observers are written as .json"),
        (("adapt", *words, "--out", file, "--observers", "eve"), "no observer 'eve'; known are reader"),
        (("predict", photo, "--weights", "demo", "--observers", file, file, "--out", out), "observers are in 2 files"),
        (("predict", photo, "--weights", "demo", "--observers", "no.json", "--out", out), "no such file of observers"),
    ):
        code, _, complained = run(*wrong)
        assert code == 2
        assert told in complained


def test_study_with_groups(demo: ISP, data: ScanpathData, tmp_path: Path) -> None:
    """Six observers, two a group by two networks' worth of vectors, are told by scanpaths and by group."""
    table = demo.observers.table.detach()
    vectors = torch.cat([table, table + 0.01])
    names = (*data.observers, "x", "y", "z")
    study = study_observers(demo, ObserverVectors(names, vectors, ("r", "s", "c") * 2), data, photos(demo, data))
    assert study.by_vectors == ("r", "s", "c") * 2
    assert study.by_scanpaths == ("r", "s", "c", None, None, None)
    report = study.report()
    assert report["group_by_vectors"] == report["group_by_scanpaths_balanced"] == 1
    assert report["largest_group"] == pytest.approx(1 / 3)
    study.save(tmp_path / "study")
    lines = (tmp_path / "study" / "observers.csv").read_text().splitlines()
    assert lines[0].endswith("nearest,group,group_by_vectors,group_by_scanpaths,scanpaths,told_percent")
    assert lines[1].split(",")[3] == "x"
