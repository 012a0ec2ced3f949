"""How scans are stored, and which of the ways a file or folder is stored in, by its first bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from ..files import first_bytes
from .arrays import HDF5, NPY, NPZ
from .dicom_files import DICOM_SUFFIXES, is_dicom
from .image_stacks import IMAGE_SUFFIXES, is_image
from .nifti_files import PAIR, header_file, is_nifti
from .sitk_images import SITK_SUFFIXES
from .text_headers import METAIMAGE, NRRD

Format = Literal["NIfTI", "DICOM", "MetaImage", "NRRD", "npy", "npz", "HDF5", "images"]

FORMATS: tuple[Format, ...] = ("NIfTI", "DICOM", "MetaImage", "NRRD", "npy", "npz", "HDF5", "images")

SLICES: tuple[Format, ...] = ("DICOM", "images")
"""Those of which many files in a folder make a volume."""
VOLUME_SUFFIXES: dict[Format, tuple[str, ...]] = {
    "NIfTI": (".nii.gz", ".nii", PAIR[0]),
    "MetaImage": SITK_SUFFIXES["MetaImage"],
    "NRRD": SITK_SUFFIXES["NRRD"],
    "npy": (".npy",),
    "npz": (".npz",),
    "HDF5": (".npy.h5", ".h5"),
}
"""Of files that are each a volume."""

_MARKS: dict[bytes, Format] = {
    NPY: "npy",
    NPZ: "npz",
    HDF5: "HDF5",
    **dict.fromkeys(METAIMAGE, "MetaImage"),
    **dict.fromkeys(NRRD, "NRRD"),
}


def format_of(path: Path, formats: Sequence[Format] = FORMATS) -> Format | None:
    """Return which of some formats a file or folder is stored in, by its content as far as that tells; None for others.

    Raises:
        InputError: if there is no such file, or it is empty.
    """
    if path.is_dir():
        files = [file for file in path.iterdir() if file.is_file() and file.name[0] != "."]
        found: Format | None = "DICOM" if any(map(is_dicom, files)) else "images" if any(map(is_image, files)) else None
    else:
        start = first_bytes(header_file(path), 8)
        found = next((kind for mark, kind in _MARKS.items() if start.startswith(mark)), None)
        if is_dicom(path):
            found = "DICOM"
        elif found is None:
            found = "NIfTI" if is_nifti(start) else "images" if is_image(path) else None
    return found if found in formats else None


def is_slice(path: Path, formats: Sequence[Format] = FORMATS) -> bool:
    """Whether a file may be a slice of a volume that is a folder: a DICOM file, or an image."""
    return ("images" in formats and is_image(path)) or ("DICOM" in formats and is_dicom(path))


def volume_name(path: str | Path) -> str:
    """Name of a volume: its file's name without the suffix, or its folder's name."""
    path = Path(path)
    if path.is_dir():
        return path.resolve().name
    own = (suffix for suffixes in VOLUME_SUFFIXES.values() for suffix in suffixes)
    suffixes = (*own, PAIR[1], *DICOM_SUFFIXES, *IMAGE_SUFFIXES)
    # of others, such as the UIDs that DICOM files may be called by, all is name
    suffix = next((suffix for suffix in suffixes if path.name.lower().endswith(suffix)), "")
    return path.name[: len(path.name) - len(suffix)]
