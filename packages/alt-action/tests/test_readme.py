"""The README's examples run as they stand."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path

import pytest

from visioncore.testing.readme import ReadmeExamples

PACKAGE = Path(__file__).parents[1]
SMALL = "--set.loop.steps 2 --set.loop.batch_size 2 --set.loop.warmup_steps 0 --set.model.frames 2"


class TestReadme(ReadmeExamples):
    readme = PACKAGE / "README.md"
    shorter = (("alt-action train", SMALL),)
    elsewhere = ("alt-action demo",)  # test_commands.py

    @pytest.fixture(autouse=True)
    def _clip(self, tiny_clip: Path) -> None:
        self.clip = tiny_clip

    def prepare(self, folder: Path) -> None:
        """Lay out a clip, a folder for each of two classes, labels, and a CLIP."""
        clip = Path(str(files("alt_action") / "assets" / "samples" / "clip.mp4"))
        shutil.copy(clip, folder)
        for label in ("waving one hand", "walking"):
            (folder / "clips" / label).mkdir(parents=True)
            for name in ("a.mp4", "b.mp4"):
                shutil.copy(clip, folder / "clips" / label / name)
        (folder / "labels.txt").write_text("playing cello\nriding a bike\n")
        shutil.copy(self.clip, folder / "ViT-B-16.pt")
