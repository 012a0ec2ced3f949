"""The samples that are bundled; what the demo measures is in test_commands.py."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest

from artadapter_style.data.synthetic import drawn
from visioncore.images import read_image
from visioncore.testing.photos import assert_close_pixels


@pytest.mark.parametrize(("thing", "style", "seed"), [("cross", "striped", 0), ("ring", "dotted", 1)])
def test_samples_are_what_their_readme_says(thing: str, style: str, seed: int) -> None:
    sample = files("artadapter_style") / "assets" / "samples" / f"{style}.png"
    assert_close_pixels(read_image(str(sample)).pixels, drawn(thing, style, 64, np.random.default_rng(seed)))
