"""What the tests of the repository share: the wheels and source distributions of what is published, built once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from workspace import ROOT, published_members


@pytest.fixture(scope="session")
def built(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Mapping[str, Mapping[str, Path]]:
    """Return {member: {"wheel": file, "sdist": file}}, built by the hatchling at hand, so without a package index."""

    def build(folder: Path) -> None:
        for member in published_members():
            command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder / member.name)]
            ran = subprocess.run(command, cwd=ROOT / member.folder, capture_output=True, text=True)
            assert ran.returncode == 0, ran.stderr

    folder = made_once("built", build)
    files = {}
    for member in published_members():
        (wheel,), (sdist,) = ((folder / member.name).glob(pattern) for pattern in ("*.whl", "*.tar.gz"))
        files[member.name] = {"wheel": wheel, "sdist": sdist}
    return files
