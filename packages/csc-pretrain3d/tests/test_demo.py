"""The samples that the demo shows; what it measures is in test_commands.py."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np

from csc_pretrain3d.data.photos import find_pairs
from csc_pretrain3d.data.synthetic import dim_photo, make_photos
from visioncore.images import from_tensor, read_image
from visioncore.testing.photos import assert_close_pixels


def test_samples_are_what_their_readme_says() -> None:
    bright = make_photos(17)[16]
    dim = dim_photo(bright, np.random.default_rng(0))
    (pair,) = find_pairs(Path(str(files("csc_pretrain3d") / "assets" / "samples")))
    for path, photo in ((pair.dim, dim), (pair.bright, bright)):
        assert_close_pixels(read_image(path).pixels, from_tensor(photo[None]).pixels)
