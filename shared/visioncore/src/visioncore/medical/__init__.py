"""Scans: one volume type; files of every usual format, images in the memory and arrays into it, and back."""

from .formats import volume_name
from .given import as_given, as_volume
from .orientation import check_orientation
from .reading import ScanReader
from .volume import Volume
from .writing import write_like

__all__ = ["ScanReader", "Volume", "as_given", "as_volume", "check_orientation", "volume_name", "write_like"]
