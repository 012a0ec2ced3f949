"""What the tests share: tiny networks and DICOM files."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from clip_denoising import CLIPDenoiser, CLIPDenoiserConfig

pydicom: Any = import_module("pydicom")

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
    """A tiny network for pictures; each test has its own."""
    return copy.deepcopy(_tiny)


@pytest.fixture
def tiny_ct(_tiny_ct: CLIPDenoiser) -> CLIPDenoiser:
    """A tiny network for CT; each test has its own."""
    return copy.deepcopy(_tiny_ct)


@pytest.fixture(scope="session")
def tiny_weights(_tiny: CLIPDenoiser, saved: Callable[[Any], Path]) -> Path:
    """The folder of the tiny network for pictures, saved."""
    return saved(_tiny)


CT_STORAGE, ENHANCED_CT_STORAGE = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1"


def _write_slice(
    path: Path, pixels: np.ndarray[Any, Any], syntax: str = "1.2.840.10008.1.2.1", **attributes: Any
) -> Path:
    """Write a CT file with ``pixels`` (rows, columns) or (frames, rows, columns), 2 HU for each step from -1024."""
    data = pydicom.Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    bits = 8 * pixels.dtype.itemsize
    values = {
        "SOPClassUID": CT_STORAGE,
        "SOPInstanceUID": f"1.2.826.0.1.{sum(path.name.encode())}.{len(list(path.parent.glob('*')))}",
        "StudyInstanceUID": "1.2.826.0.2",
        "SeriesInstanceUID": "1.2.826.0.3",
        "Modality": "CT",
        "PatientName": "Doe^Jo",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "Rows": pixels.shape[-2],
        "Columns": pixels.shape[-1],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": int(pixels.dtype.kind == "i"),
        "RescaleSlope": 2,
        "RescaleIntercept": -1024,
        **attributes,
        "PixelData": pixels.tobytes(),
    }
    for name, value in values.items():
        if value is not None:
            setattr(data, name, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    if syntax == pydicom.uid.RLELossless:
        data.compress(syntax, generate_instance_uid=False)
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture
def dicom() -> Any:
    return pydicom


@pytest.fixture
def write_slice() -> Callable[..., Path]:
    return _write_slice


@pytest.fixture
def write_series() -> Callable[..., Path]:
    """Writes slices at heights in mm; their pixels count on from slice to slice, upwards."""

    def write(folder: Path, heights: Sequence[float] = (0, 5, 10, 15), **attributes: Any) -> Path:
        for number, height in enumerate(heights):
            pixels = (np.arange(20).reshape(4, 5) + 100 * sorted(heights).index(height)).astype(np.int16)
            place = {
                "ImagePositionPatient": [-100.0, 37.5, 12.25 + height],
                "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
                "PixelSpacing": [0.8, 0.6],
                "InstanceNumber": number + 1,
            }
            _write_slice(folder / f"IM{number:04d}.dcm", pixels, **{**place, **attributes})
        return folder

    return write


@pytest.fixture
def write_enhanced() -> Callable[..., Path]:
    """Writes one file with a frame of 10, one of 20 and so on, each at its height and with its slope."""

    def write(path: Path, heights: Sequence[float], slopes: Sequence[float]) -> Path:
        def group(name: str, **values: Any) -> Any:
            inner, outer = pydicom.Dataset(), pydicom.Dataset()
            for key, value in values.items():
                setattr(inner, key, value)
            setattr(outer, name, [inner])
            return outer

        frames = []
        for height, slope in zip(heights, slopes, strict=True):
            frame = group("PlanePositionSequence", ImagePositionPatient=[0, 0, height])
            frame.update(group("PixelValueTransformationSequence", RescaleSlope=slope, RescaleIntercept=0))
            frames.append(frame)
        pixels = np.stack([np.full((4, 5), 10 * (n + 1), np.int16) for n in range(len(heights))])
        return _write_slice(
            path,
            pixels,
            SOPClassUID=ENHANCED_CT_STORAGE,
            NumberOfFrames=len(heights),
            RescaleSlope=None,
            RescaleIntercept=None,
            PerFrameFunctionalGroupsSequence=frames,
            SharedFunctionalGroupsSequence=[
                group("PlaneOrientationSequence", ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
            ],
        )

    return write
