"""The README's examples run as they stand; the conventions in the guide are those of the code."""

from __future__ import annotations

import json
import re
import runpy
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gazedptr_gaze import GazePTR
from gazedptr_gaze.data.conventions import gazehub_angles, official_angles
from gazedptr_gaze.data.procedural_drivers import procedural_drivers
from gazedptr_gaze.inference.records import FrameGaze, write_records
from gazedptr_gaze.network.published import to_published
from visioncore.images import Image, read_image, write_image
from visioncore.testing.readme import ReadmeExamples

PACKAGE = Path(__file__).parents[1]
SMALL = "--set.loop.steps 2 --set.loop.batch_size 4 --set.loop.warmup_steps 0 --set.loop.workers 0"


class TestReadme(ReadmeExamples):
    readme = PACKAGE / "README.md"
    shorter = (("gazedptr-gaze train", SMALL),)

    @pytest.fixture(autouse=True)
    def _person(self, person: Any) -> None:
        self.person = person

    def prepare(self, folder: Path) -> None:
        """Lay out a person and their landmarks, a drive, a data set and a checkpoint in the authors' form."""
        write_image(folder / "driver.png", Image(self.person.photo()))
        landmarks = {"driver.png": np.asarray(self.person.face.landmarks).tolist()}
        (folder / "landmarks.json").write_text(json.dumps(landmarks))
        shutil.copy(PACKAGE / "tests" / "data" / "camera.yml", folder / "camera.yml")
        shutil.copytree(procedural_drivers(64), folder / "IVGaze")
        forward: dict[str, Any] = {"yaw": 0.0, "pitch": 0.0, "vector": (0.0, 0.0, -1.0), "zone": 71, "region": 2}
        write_records(folder / "drive.csv", [FrameGaze("drive.mp4", n, n / 30, 0, **forward) for n in range(60)])
        torch.manual_seed(0)
        torch.save(to_published(GazePTR()), folder / "Iter_80_trans6.pt")


def test_the_table_of_conventions() -> None:
    text = (PACKAGE / "docs" / "guide.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| image \w+ \| (.+), (.+) \| (.+), (.+) \| (.+), (.+) \|$", text, flags=re.M)
    assert len(rows) == 4
    for row in rows:
        official, gazehub, across = np.array([{"+": 1, "-": -1, "0": 0}[sign] for sign in row]).reshape(3, 2)
        vector = np.array([*(0.5 * across), -0.8])
        for angles, signs in ((official_angles(vector), official), (gazehub_angles(vector), gazehub)):
            np.testing.assert_array_equal(np.sign(angles), signs)


def test_the_figure_of_conventions_is_drawn(tmp_path: Path) -> None:
    docs = PACKAGE / "docs"
    runpy.run_path(str(docs / "draw_conventions.py"))["main"](tmp_path / "figure.png")
    sizes = [read_image(path).pixels.shape for path in (tmp_path / "figure.png", docs / "conventions.png")]
    assert sizes[0] == sizes[1]
