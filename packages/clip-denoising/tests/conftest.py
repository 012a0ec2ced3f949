"""What the tests share: tiny networks and DICOM files."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from clip_denoising import CLIPDenoiser, CLIPDenoiserConfig
from visioncore.testing import dicom_files

TINY = CLIPDenoiserConfig(width=8, blocks=(1, 1, 1, 1))


def _network(config: CLIPDenoiserConfig) -> CLIPDenoiser:
    torch.manual_seed(0)
    model = CLIPDenoiser(config)
    # running statistics of an image, so that features neither vanish nor explode
    with torch.no_grad():
        for _ in range(20):
            model.train()(torch.rand(4, config.channels, 64, 64))
    return model.eval()


@pytest.fixture(scope="session")
def _tiny() -> CLIPDenoiser:
    return _network(TINY)


@pytest.fixture(scope="session")
def _tiny_ct() -> CLIPDenoiser:
    return _network(replace(TINY, channels=1))


@pytest.fixture
def tiny(_tiny: CLIPDenoiser) -> CLIPDenoiser:
    """A tiny network for images; each test has its own."""
    return copy.deepcopy(_tiny)


@pytest.fixture
def tiny_ct(_tiny_ct: CLIPDenoiser) -> CLIPDenoiser:
    """A tiny network for CT; each test has its own."""
    return copy.deepcopy(_tiny_ct)


@pytest.fixture(scope="session")
def tiny_weights(_tiny: CLIPDenoiser, saved: Callable[[Any], Path]) -> Path:
    """The folder of the tiny network for images, saved."""
    return saved(_tiny)


@pytest.fixture
def write_slice() -> Callable[..., Path]:
    """Writes a CT file, 2 HU for each step from -1024."""
    return partial(dicom_files.write_slice, RescaleSlope=2, RescaleIntercept=-1024)


@pytest.fixture
def write_series() -> Callable[..., Path]:
    """Writes slices at positions in mm; their pixels count on from slice to slice, upwards."""
    return partial(dicom_files.write_series, RescaleSlope=2, RescaleIntercept=-1024)
