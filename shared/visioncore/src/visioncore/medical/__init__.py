"""Scans as files: DICOM, NIfTI, and which files of a folder make up a scan."""
