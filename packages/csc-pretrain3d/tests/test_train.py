"""Training by recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from csc_pretrain3d import CSC, load_model
from csc_pretrain3d.data.synthetic import LIGHT, make_photos
from csc_pretrain3d.training import trainer
from visioncore.errors import InputError


def test_recipe_makes_the_demo_weights(tmp_path: Path) -> None:
    trainer.train("demo", None, tmp_path / "run")
    gain, bundled = (load_model(source).gain.log_gain.exp() for source in (tmp_path / "run" / "best", "demo"))
    torch.testing.assert_close(gain, bundled, rtol=1e-4, atol=0)
    torch.testing.assert_close(gain.flatten(), 1 / torch.tensor(LIGHT), rtol=0.05, atol=0)


def test_where_a_run_starts_and_what_it_validates_on(
    photos: Path, tmp_path: Path, instead_of_fit: Callable[[object], dict[str, Any]]
) -> None:
    given = instead_of_fit(trainer)
    trainer.train("demo", None, tmp_path / "run")
    assert len(given["source"]) == 14
    trainer.train("demo", photos, tmp_path / "run", weights="demo", validation=photos)
    assert len(given["source"]) == 2
    assert torch.equal(given["model"].gain.log_gain, load_model("demo").gain.log_gain)
    assert given["run_description"]["weights"] == "demo"
    with torch.no_grad():
        assert given["validate"](given["model"])["psnr_validation"] > 30


def test_validation_is_the_same_at_every_call() -> None:
    network, photos = CSC(), make_photos(2)
    with torch.no_grad():
        assert trainer.validate(network, photos) == trainer.validate(network, photos)


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"crop": "0"}, "crop is 0; it must be at least 1"),
        ({"crop": "65"}, "photo 1 of 1 is 64x64; crop is 65"),
        ({"held_out": "1"}, "held_out is 1.0; it must lie between 0 and 1"),
        ({"model.channels": "0"}, "channels is 0"),
    ],
)
def test_fields_that_are_wrong(photos: Path, tmp_path: Path, overrides: dict[str, str], told: str) -> None:
    with pytest.raises(InputError, match=told):
        trainer.train("demo", photos, tmp_path / "run", overrides=overrides)
    assert not (tmp_path / "run").exists()


def test_photos_that_will_not_do(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty"):
        trainer.train("demo", tmp_path / "empty", tmp_path / "run")
    (photos / "b.png").unlink()
    with pytest.raises(InputError, match="photos, 1 in all: 1 would be held out"):
        trainer.train("demo", photos, tmp_path / "run")
