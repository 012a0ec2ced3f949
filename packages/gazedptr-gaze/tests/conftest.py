"""What the tests share: weights, and rendered drivers laid out as IVGaze."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gazedptr_gaze.data.procedural_drivers import procedural_folds


@pytest.fixture
def drivers(tmp_path: Path) -> Path:
    """A data set of three folds of six images of 64x64, to be changed at will."""
    return Path(shutil.copytree(procedural_folds(64)[0].folder, tmp_path / "drivers"))
