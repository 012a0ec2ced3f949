"""Training by recipe."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from brighter_photo import load_model
from brighter_photo.data.synthetic import LIGHT
from brighter_photo.training.trainer import train
from visioncore.errors import InputError


def test_recipe_makes_the_demo_weights(tmp_path: Path) -> None:
    train("demo", None, tmp_path / "run")
    gain, bundled = (load_model(source).gain.log_gain.exp() for source in (tmp_path / "run" / "last", "demo"))
    torch.testing.assert_close(gain, bundled, rtol=1e-4, atol=0)
    torch.testing.assert_close(gain.flatten(), 1 / torch.tensor(LIGHT), rtol=0.05, atol=0)


def test_no_photos_to_train_on(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty"):
        train("demo", tmp_path / "empty", tmp_path / "run")
