"""The protocols: what is measured over all points of many scans, from a network or from label files of any tool."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from csc_pretrain3d import MinkUNet, Predictor
from csc_pretrain3d.data.classes import NUSCENES, SEMANTICKITTI, ClassMap
from csc_pretrain3d.data.formats import write_labels
from csc_pretrain3d.data.frame import Frame, Scan
from csc_pretrain3d.evaluation.protocols import evaluate
from csc_pretrain3d.evaluation.segmentation import Confusion
from csc_pretrain3d.network.config import Cylinder3DConfig, MinkUNetConfig
from csc_pretrain3d.network.model import PanopticNet
from csc_pretrain3d.network.panoptic_config import PanopticConfig
from visioncore.errors import InputError


@dataclass
class Drive:
    """Frames in memory."""

    scans: list[Scan]
    classes: ClassMap = NUSCENES

    @property
    def names(self) -> list[str]:
        return [scan.name for scan in self.scans]

    @property
    def scenes(self) -> list[str]:
        return ["08"] * len(self.scans)

    def __len__(self) -> int:
        return len(self.scans)

    def __getitem__(self, index: int) -> Frame:
        return Frame(self.scans[index])


@pytest.fixture
def scans(street: Scan) -> list[Scan]:
    """Two labelled parts of a street."""
    assert street.labels is not None
    halves = slice(0, 901), slice(901, None)
    return [
        Scan(street.points[half], street.intensity[half], street.labels[half], name=f"08-{place}")
        for place, half in enumerate(halves)
    ]


def test_all_points_are_counted_together(tiny: MinkUNet, scans: list[Scan], tmp_path: Path) -> None:
    predictor = Predictor(tiny, "cpu")
    evaluation = evaluate(Drive(scans), predictor)
    for protocol, suppressed in (("official", False), ("suppressed", True)):
        expected = Confusion(17)
        for scan in scans:
            found = Predictor(tiny, "cpu", suppressed=suppressed)(scan).labels
            assert scan.labels is not None
            assert found is not None
            expected.add(scan.labels, found)
        np.testing.assert_array_equal(evaluation.confusions[protocol].counts, expected.counts)
        assert evaluation.means()[f"miou_{protocol}"] == expected.scores().miou
    assert [name for name, _ in evaluation.scans] == ["08-0", "08-1"]
    evaluation.save(tmp_path)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["scans"] == 2
    assert report["classified_by"].startswith("Predictor(MinkUNet, ")
    assert report["means"] == pytest.approx(evaluation.means())
    assert np.sum(report["confusion"]["official"]) == sum(map(len, scans))
    points = sum(np.count_nonzero(scan.labels) for scan in scans if scan.labels is not None)
    lines = (tmp_path / "summary.csv").read_text().splitlines()
    assert lines[0] == "class,iou_official_%,iou_suppressed_%,points"
    assert [line.partition(",")[0] for line in lines[17:]] == ["miou", "miou_present", "pooled_iou", "accuracy"]
    assert lines[-1].endswith(f",{points}")
    assert len((tmp_path / "per_scan.csv").read_text().splitlines()) == 3


@pytest.mark.parametrize("suffix", [".label", ".npy", ".ply"])
def test_label_files_of_any_tool(scans: list[Scan], tmp_path: Path, suffix: str) -> None:
    """Under the frame's name, or as the benchmark of SemanticKITTI wants it; right but for the first scan's cars."""
    places = tmp_path / f"08-0{suffix}", tmp_path / "sequences" / "08" / "predictions" / f"1{suffix}"
    for scan, place in zip(scans, places, strict=True):
        assert scan.labels is not None
        labels = np.where(scan.labels == 4, 1, scan.labels) if scan is scans[0] else scan.labels
        place.parent.mkdir(parents=True, exist_ok=True)
        write_labels(place, scan, labels, NUSCENES)
    evaluation = evaluate(Drive(scans), tmp_path, protocols=["official"])
    assert scans[0].labels is not None
    assert scans[1].labels is not None
    right, wrong = (scans[1].labels == 4).sum(), (scans[0].labels == 4).sum()
    assert wrong > 0
    scores = evaluation.scores()["official"]
    assert scores.iou[3] == pytest.approx(right / (right + wrong))
    assert scores.iou[10] == 1
    assert evaluation.made_by == str(tmp_path)
    with pytest.raises(InputError, match=r"no label file for 1 of 3 scans: other"):
        evaluate(Drive([*scans, replace(scans[0], name="other")]), tmp_path)


def test_what_cannot_be_measured(tiny: MinkUNet, scans: list[Scan], tmp_path: Path) -> None:
    predictor = Predictor(tiny, "cpu")
    with pytest.raises(InputError, match=r"the network knows 17 classes .* and the labels are of 20 others"):
        evaluate(Drive(scans, SEMANTICKITTI), predictor)
    with pytest.raises(InputError, match="08-1: there are no labels"):
        evaluate(Drive([scans[0], replace(scans[1], labels=None)]), predictor)
    with pytest.raises(InputError, match="unknown protocol sound; known are official, suppressed, panoptic"):
        evaluate(Drive(scans), predictor, protocols=["sound"])
    features = MinkUNet(MinkUNetConfig(stem=8, widths=(8,) * 8, blocks=(1,) * 8))
    with pytest.raises(InputError, match="give features and no classes"):
        evaluate(Drive(scans), Predictor(features, "cpu"))
    np.save(tmp_path / "08-0.npy", np.zeros(7, np.uint8))
    with pytest.raises(InputError, match=r"08-0\.npy: holds 7 labels and its scan 901 points"):
        evaluate(Drive(scans[:1]), tmp_path)


def test_panoptic_quality(street: Scan, tmp_path: Path) -> None:
    """Predictions with all instances right, as label files, and a network that tells instances apart."""
    torch.manual_seed(0)
    backbone = Cylinder3DConfig(grid=(48, 36, 16), point_widths=(8, 8, 8), point_channels=8, width=4, out_channels=8)
    predictor = Predictor(PanopticNet(PanopticConfig(backbone, width=8)), "cpu")
    assert street.labels is not None
    instances = np.where(np.isin(street.labels, NUSCENES.things), street.labels + 3, 0)
    scan = replace(street, instances=instances)
    write_labels(tmp_path / "street.label", scan, street.labels, NUSCENES)
    right = evaluate(Drive([scan]), tmp_path, protocols=["panoptic"])
    assert right.means().keys() == {"pq", "sq", "rq", "iou"}
    large = np.bincount(street.labels, minlength=17)[1:] > 0
    assert right.panoptic is not None
    np.testing.assert_array_equal(right.panoptic.scores().pq[1:], large)
    found = evaluate(Drive([scan]), predictor, protocols=["official", "panoptic"])
    found.save(tmp_path / "out")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert 0 <= report["means"]["pq"] < right.means()["pq"]
    assert report["pq"].keys() == set(NUSCENES.names[1:])
    assert (tmp_path / "out" / "panoptic.csv").read_text().splitlines()[-1].startswith("mean,")
    with pytest.raises(InputError, match="street: the labels tell no instances apart"):
        evaluate(Drive([street]), predictor, protocols=["panoptic"])
    np.save(tmp_path / "street.npy", street.labels)
    (tmp_path / "street.label").unlink()
    with pytest.raises(InputError, match="street: the predictions tell no instances apart"):
        evaluate(Drive([scan]), tmp_path, protocols=["panoptic"])
