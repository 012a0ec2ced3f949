"""The result: a bright photo, to be saved and looked at."""

from __future__ import annotations

from visioncore.inference.result import ImageResult


class Result(ImageResult):
    """A photo, ``before`` in dim light and ``after`` bright."""

    names = "dim", "bright"
