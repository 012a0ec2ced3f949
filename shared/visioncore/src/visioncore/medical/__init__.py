"""Scans in files: one volume type; NIfTI, DICOM, npy, npz, HDF5 and images read into it, and written from it."""

from .formats import volume_name
from .orientation import check_orientation
from .reading import ScanReader
from .volume import Volume
from .writing import write_like

__all__ = ["ScanReader", "Volume", "check_orientation", "volume_name", "write_like"]
