"""Codecs that videos are written by, and the containers that hold them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import InputError


@dataclass(frozen=True)
class Codec:
    """A way to encode frames.

    Attributes:
        encoder: its name in FFmpeg.
        layout: of pixels, as FFmpeg calls it.
        options: of the encoder.
        container_options: of the container.
        halved: whether colour has half the resolution, so that sides must be even.
        ticks: per second, in which times are counted; 0 for such as the frame rate needs.
    """

    encoder: str
    layout: str
    options: Mapping[str, str] = field(default_factory=dict)
    container_options: Mapping[str, str] = field(default_factory=dict)
    halved: bool = False
    ticks: int = 0


CODECS: Mapping[str, Codec] = {
    "h264": Codec("libx264", "yuv420p", {"crf": "17"}, halved=True),
    "vp9": Codec("libvpx-vp9", "yuv420p", {"crf": "24", "b": "0", "row-mt": "1", "cpu-used": "4"}, halved=True),
    "ffv1": Codec("ffv1", "bgr0"),
    "gif": Codec("gif", "pal8", container_options={"loop": "0"}, ticks=100),
    "webp": Codec("libwebp_anim", "bgra", {"lossless": "1"}, {"loop": "0"}, ticks=1000),
}
"""By their names here."""

_CONTAINERS = {
    ".mp4": ("mp4", ("h264", "vp9")),
    ".m4v": ("mp4", ("h264",)),
    ".mov": ("mov", ("h264",)),
    ".mkv": ("matroska", ("h264", "vp9", "ffv1")),
    ".webm": ("webm", ("vp9",)),
    ".gif": ("gif", ("gif",)),
    ".webp": ("webp", ("webp",)),
}
WRITTEN_SUFFIXES = tuple(_CONTAINERS)
"""Suffixes of videos and animated images that can be written."""
H264_SUFFIXES = tuple(suffix for suffix, (_, held) in _CONTAINERS.items() if "h264" in held)
"""Of those, what can hold H.264."""


def codec_for(path: Path, codec: str = "") -> tuple[str, Codec]:
    """Return FFmpeg's name of the container in which a video of this name is written, and its codec.

    Args:
        path: of the video.
        codec: one of `CODECS`; default: the first that the container has.

    Raises:
        InputError: if the suffix is unknown, or the container does not hold the codec; it says which do.
    """
    suffix = path.suffix.lower()
    if codec and codec not in CODECS:
        raise InputError(f"codec is {codec!r}; it must be one of {', '.join(CODECS)}")
    fitting = [name for name, (_, held) in _CONTAINERS.items() if not codec or codec in held]
    if suffix not in _CONTAINERS:
        raise InputError(f"{path}: videos cannot be written as {path.suffix!r}; use {', '.join(fitting)}")
    container, held = _CONTAINERS[suffix]
    if codec and codec not in held:
        raise InputError(
            f"{path}: {suffix} does not hold {codec}, but {' and '.join(held)}; {codec} goes into {', '.join(fitting)}"
        )
    return container, CODECS[codec or held[0]]
