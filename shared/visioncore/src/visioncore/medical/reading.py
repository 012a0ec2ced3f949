"""Scans found and read, whatever they are stored as."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..files import check_regular, matching, natural_key, once, walk
from .arrays import read_array
from .dicom_series import read_dicom
from .formats import FORMATS, SLICES, VOLUME_SUFFIXES, Format, format_of, is_slice
from .image_stacks import read_stack
from .nifti import read_nifti
from .nifti_files import header_file
from .sitk_images import read_with_sitk
from .volume import Volume


@dataclass(frozen=True)
class ScanReader:
    """Finds and reads the scans that a method takes.

    Attributes:
        what: a scan is called, for messages.
        formats: in which scans may be stored.
        modality: of DICOM files; those of others are passed over. None for all.
        placed: a scan must have a place, or note that it has none: DICOM series that make no even stack are refused.
            Else slices are taken as they are, with a note where some are missing.
        channels: a NIfTI file may hold two or three channels; of two, the first is the third as well.
    """

    what: str = "volume"
    formats: tuple[Format, ...] = FORMATS
    modality: str | None = None
    placed: bool = True
    channels: bool = False

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Of files that are each a scan, with the dot and in lower case."""
        return tuple(suffix for kind in self.formats for suffix in VOLUME_SUFFIXES.get(kind, ()))

    def knows(self, path: Path) -> bool:
        """Whether a file is called as a scan is, or is a slice of one; or a folder has such a file in it."""
        if path.is_dir():
            return any(self.knows(file) for file in path.iterdir() if file.is_file())
        return path.name.lower().endswith(self.suffixes) or is_slice(path, self.formats)

    def find(self, entry: str | Path) -> list[Path]:
        """Return the scans that a file, a folder or a glob pattern names.

        A file that is named outright is a scan, and one that a pattern matches if `knows` says so. A folder is
        searched to any depth, hidden files and folders aside: in it every file with one of the suffixes is a scan, and
        so is every folder that has none of these but slices.

        Raises:
            InputError: if there is no such file, or no scan in it.
        """
        path = Path(entry)
        check_regular(path)
        if path.exists():
            scans = list(self._inside(path)) if path.is_dir() else [header_file(path)]
        elif glob.has_magic(str(entry)):
            matches = sorted(once(matching(entry)), key=natural_key)
            scans = [scan for match in matches for scan in (self._inside(match) if match.is_dir() else [match])]
            scans = [scan for scan in scans if scan.is_dir() or self.knows(scan)]
        else:
            raise InputError(f"{path}: no such file or folder")
        if not scans:
            raise InputError(f"{entry}: no {self.what} in it; {self._readable}")
        return scans

    def read(
        self, path: str | Path, *, series: str | None = None, labels: bool = False, skip_damaged: bool = False
    ) -> Volume:
        """Read a scan.

        Args:
            path: a NIfTI file or pair, Analyze too; a MetaImage or NRRD file, which SimpleITK must be installed for; a
                DICOM file, or a folder with the files of a series; a folder of PNG, TIFF or JPEG
                slices, a TIFF of several pages, or one image; an npy file, or an npz or HDF5 file with an array
                ``image``; as far as `formats` has them.
            series: which series to read from a DICOM folder of several; for nothing else.
            labels: read labels instead, which DICOM has none of: of an npz or HDF5 file the array ``label``, of palette
                images the numbers behind the colours.
            skip_damaged: note slices of a DICOM series that are damaged, and go on without them; else they are an
                error.

        Returns:
            The volume, its slices, rows and columns in the order in which they are stored.

        Raises:
            InputError: if there is no such file, or none that can be read; if there are voxels that are not finite;
                and for what the readers of the formats refuse.
        """
        path = header_file(Path(path))
        match format_of(path, self.formats):
            case "DICOM" if labels:
                raise InputError(f"{path}: labels are not read from DICOM; convert them to NIfTI")
            case "DICOM":
                volume = read_dicom(path, series, modality=self.modality, placed=self.placed, skip_damaged=skip_damaged)
            case "NIfTI":
                volume = read_nifti(path, placed=self.placed, channels=self.channels)
            case "MetaImage" | "NRRD" as kind:
                volume = read_with_sitk(path, kind, placed=self.placed)
            case "images":
                volume = read_stack(path, labels=labels)
            case None if path.is_dir():
                slices = " or ".join(
                    {"DICOM": "DICOM files"}.get(kind, kind) for kind in SLICES if kind in self.formats
                )
                raise InputError(f"{path}: no {slices} in this folder; name a {self.what}")
            case None:
                raise InputError(f"{path}: not a {self.what}; {self._readable}")
            case _:
                volume = read_array(path, "label" if labels else "image")
        volume.check_finite()
        return volume

    @property
    def _readable(self) -> str:
        *most, last = self.formats
        return f"{', '.join(most)} and {last} can be read"

    def _inside(self, folder: Path) -> Iterator[Path]:
        for place, files in walk(folder):
            whole = [file for file in files if file.name.lower().endswith(self.suffixes)]
            if whole:
                yield from whole
            elif any(is_slice(file, self.formats) for file in files):
                yield place
