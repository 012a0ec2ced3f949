"""Names of labels inside files of labels: written into NIfTI headers, and read from there.

They are an extension of XML with a table of labels, names and colours, as TotalSegmentator reads and writes it:
Caret's, but under the code 0, for of Caret's own code 30 nibabel 5.4 gives no content. Both are read; other readers
pass over them. DICOM segmentations have names of their own.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from visioncore.medical import Volume
from visioncore.medical.nifti import NiftiFile

from .dicom_segmentations import DicomSegmentation
from .organ_colours import organ_colours

_CODE = 0
_MOST = 2**20
"""Bytes of an extension that may be a table of labels."""


def name_words(name: str) -> frozenset[str]:
    """Return the words of a name, by which names are compared: ``kidney_left`` is ``left kidney``."""
    return frozenset(re.findall(r"[^\W_]+", name.lower()))


def names_extension(names: Mapping[int, str]) -> tuple[int, bytes]:
    """Return code and content of the NIfTI extension that says what labels are called."""
    colours = organ_colours(names)
    labels = "\n".join(
        f'<Label Key="{label}" {_attributes(colours[label])} Alpha="1">{escape(name)}</Label>'
        for label, name in names.items()
    )
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<CaretExtension>\n<VolumeInformation Index="0">\n<LabelTable>\n'
        f"{labels}\n</LabelTable>\n<StudyMetaDataLinkSet>\n</StudyMetaDataLinkSet>\n<VolumeType>Label</VolumeType>\n"
        "</VolumeInformation>\n</CaretExtension>\n"
    )
    return _CODE, text.encode()


def label_names(volume: Volume) -> dict[int, str]:
    """Return the names of labels in the file that they were read from, by their values, background aside.

    Nothing if it does not say; a table that is damaged is none.
    """
    if isinstance(volume.origin, DicomSegmentation):
        return volume.origin.names
    if not isinstance(volume.origin, NiftiFile):
        return {}
    tables = (_names(extension) for extension in volume.origin.header.extensions)
    return next(filter(None, tables), {})


def _attributes(colour: tuple[float, float, float]) -> str:
    return " ".join(f'{name}="{part:.4f}"' for name, part in zip(("Red", "Green", "Blue"), colour, strict=True))


def _names(extension: Any) -> dict[int, str]:
    content = extension.content
    # entities, which could grow without bounds, are in no such table
    if not isinstance(content, bytes) or len(content) > _MOST or b"<!" in content.replace(b"<![CDATA[", b""):
        return {}
    try:
        root = ElementTree.fromstring(content.strip(b"\0 \r\n\t"))
        found = {int(label.attrib["Key"]): (label.text or "").strip() for label in root.iter("Label")}
    except (ElementTree.ParseError, ValueError, KeyError):
        return {}
    return {label: name for label, name in found.items() if label > 0 and name}
