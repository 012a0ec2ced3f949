"""A method's page in ``visioncore app``, as text and numbers alone, so that reading a record stays cheap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

PHOTOS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")
"""Endings of photos."""
VIDEOS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v")
"""Endings of videos."""


@dataclass(frozen=True)
class Option:
    """An option of the command ``predict`` that the page offers; its type, default and help are those of the command.

    Numbers have bounds, so that nobody asks for an hour of work. Text that may name a file has ``values`` or ``kinds``:
    who uses the page must not name files of the machine that runs it.
    """

    name: str
    """Its name in the signature, such as ``self_ensemble``."""
    label: str = ""
    """Its name on the page; by default ``name`` with spaces."""
    help: str = ""
    """One line on it; by default that of the command."""
    low: float | None = None
    """The smallest number."""
    high: float | None = None
    """The largest number."""
    step: float | None = None
    """From one number to the next; by default 1, or 0.05 where it is no whole number."""
    values: tuple[Any, ...] = ()
    """Those on offer, of a text or a list of texts."""
    kinds: tuple[str, ...] = ()
    """Endings of the file that is uploaded for it."""
    example: Any = None
    """Its value for the example, of a file its place in the package; None for the default."""


@dataclass(frozen=True)
class Panel:
    """The page of a method: what it takes, which options, and how the result is shown."""

    verb: str
    """Its purpose in two or three words, such as ``Remove rain``."""
    takes: str
    """Its input, such as ``a photo or a video``."""
    kinds: tuple[str, ...]
    """Endings of the files that it takes, in small letters."""
    gathers: bool = False
    """Whether several files of any name, or a ZIP file of them, are one input too, such as the slices of a scan."""
    shows: tuple[str, ...] = ("*.png",)
    """Patterns of the result's files that are shown, in this order; all files can be downloaded."""
    options: tuple[Option, ...] = ()
    """The options on offer, the most useful first."""
    always: tuple[str, ...] = ()
    """Words that every run has, such as ``--annotate``."""
    compares: bool = False
    """Whether the first image is the input made better, so that both are shown under a slider."""
    hint: str = ""
    """One line on which inputs it is for, or what to expect of the bundled weights."""
