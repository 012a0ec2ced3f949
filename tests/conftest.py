"""What the tests of the repository share: the wheels and source distributions of what is published, built once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from workspace import ROOT, published_members


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, Path]]:
    """Return {member: {"wheel": file, "sdist": file}}, built by the hatchling at hand, so without a package index."""
    files = {}
    for member in published_members():
        out = tmp_path_factory.mktemp(member.name)
        command = [sys.executable, "-m", "hatchling", "build", "-d", str(out)]
        ran = subprocess.run(command, cwd=ROOT / member.folder, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
        files[member.name] = {"wheel": wheel, "sdist": sdist}
    return files
