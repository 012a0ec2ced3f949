"""Every reader opens a file by its first bytes with that format's decoder alone, and no reader starts a process."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from visioncore.errors import InputError
from visioncore.images import image_size, read_image
from visioncore.images.opening import open_image, recognise
from visioncore.images.photo_cache import Photos
from visioncore.medical import ScanReader
from visioncore.video import read_frames

PAGE = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n"
"""An empty page for a printer: another format, which Pillow would hand to a program."""

READERS: dict[str, Callable[[Path], object]] = {
    "an image": read_image,
    "its size": image_size,
    "a photo of training": Photos(),
    "a slice": ScanReader().read,
    "slices": lambda path: ScanReader().read(path.parent),
    "labels": lambda path: ScanReader().read(path, labels=True),
    "a video": lambda path: list(read_frames(path)),
}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list of processes that are started."""
    names: list[str] = []

    def record(name: str) -> Any:
        def start(*_: Any, **__: Any) -> Any:
            names.append(name)
            raise OSError("no process is started in this test")

        return start

    monkeypatch.setattr(subprocess, "Popen", record("subprocess.Popen"))
    for name in ("system", "popen", "posix_spawn", "posix_spawnp", "execv", "execve", "fork", "forkpty", "startfile"):
        monkeypatch.setattr(os, name, record(f"os.{name}"), raising=False)
    return names


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".bmp", ".mp4"])
@pytest.mark.parametrize("reader", READERS)
def test_a_file_of_another_format_starts_nothing(tmp_path: Path, started: list[str], reader: str, suffix: str) -> None:
    path = tmp_path / f"slice{suffix}"
    path.write_bytes(PAGE)
    with pytest.raises(InputError) as caught:
        READERS[reader](path)
    assert "\n" not in str(caught.value)
    assert started == []
    assert path.read_bytes() == PAGE


def test_the_fixture_sees_what_is_started(started: list[str]) -> None:
    for start in (lambda: subprocess.run(["true"], check=True), lambda: os.system("true")):
        with pytest.raises(OSError, match="no process"):
            start()
    assert started == ["subprocess.Popen", "os.system"]


@pytest.mark.parametrize("name", ["a.ppm", "a.tga", "a.pcx", "a.ico", "a.icns", "a.sgi", "a.dds", "a.pdf", "a.eps"])
def test_formats_that_are_not_meant_are_not_opened(tmp_path: Path, started: list[str], name: str) -> None:
    Pillow.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / name)
    (tmp_path / name).rename(tmp_path / "a.png")
    for reader in (read_image, ScanReader().read):
        with pytest.raises(InputError, match="not an image"):
            reader(tmp_path / "a.png")
    assert started == []


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "AVIF"])
def test_formats_are_known_by_their_first_bytes(tmp_path: Path, format_: str) -> None:
    path = tmp_path / "a.dat"
    Pillow.fromarray(np.zeros((16, 16, 3), np.uint8)).save(path, format_)
    assert recognise(path).upper() == format_
    with open_image(path) as file:
        assert (file.format, file.size) == (format_, (16, 16))
