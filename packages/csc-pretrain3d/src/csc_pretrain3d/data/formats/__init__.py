"""Point clouds, labels and segments in files: every format is read by one file here, whole and without trust."""

from .labels import LABEL_SUFFIXES, read_labels
from .scans import SCAN_SUFFIXES, read_scan
from .segments import find_segments, read_segments, write_segments
from .writing import WRITTEN_SUFFIXES, write_labels

__all__ = [
    "LABEL_SUFFIXES",
    "SCAN_SUFFIXES",
    "WRITTEN_SUFFIXES",
    "find_segments",
    "read_labels",
    "read_scan",
    "read_segments",
    "write_labels",
    "write_segments",
]
