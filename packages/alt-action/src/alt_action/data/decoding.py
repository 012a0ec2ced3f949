"""Chosen frames of a video by torchcodec instead of PyAV: the same ones, in about two thirds of the time.

Both give frames upright and by the same numbers. Colours are not the same to the bit: torchcodec fills in those between
the fewer that a video has more roughly, which is about one level of 255 on average, and more at coloured edges.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError
from visioncore.video import FrameIndex, read_chosen_frames

from ..method import METHOD

Decoder = Literal["pyav", "torchcodec"]


def chosen_pixels(index: FrameIndex, numbers: Sequence[int], decoder: Decoder = "pyav") -> Iterator[NDArray[np.uint8]]:
    """Yield chosen frames (H, W, 3) of a video.

    Where torchcodec counts other frames than the index, PyAV's are taken.

    Args:
        index: of the video.
        numbers: of the frames, from 0, in ascending order.
        decoder: which library decodes them.

    Raises:
        InputError: if a frame is damaged, or torchcodec is not installed or finds no FFmpeg.
    """
    opened = _opened(index) if decoder == "torchcodec" and numbers else None
    if opened is None:
        yield from (frame.pixels for frame in read_chosen_frames(index, numbers))
        return
    for number in numbers:
        try:
            pixels: NDArray[np.uint8] = opened.get_frame_at(number).data.numpy()
        except RuntimeError as error:
            raise InputError(f"{index.path}: truncated or damaged at frame {number}") from error
        yield pixels


def check_decoder(decoder: Decoder) -> None:
    """Validate that a decoder is one of both and can be used.

    Raises:
        InputError: if it is neither, torchcodec is not installed, or it finds no FFmpeg.
    """
    if decoder not in ("pyav", "torchcodec"):
        raise InputError(f"decoder is {decoder!r}; it must be pyav or torchcodec")
    if decoder == "torchcodec":
        _decoders()


def _decoders() -> Any:
    """Return the part of torchcodec that reads videos; it loads FFmpeg's libraries of the system."""
    try:
        from torchcodec import decoders
    except ModuleNotFoundError as error:
        told = f'torchcodec is not installed; run: pip install "{METHOD.name}[torchcodec]"'
        raise InputError(told) from error
    except (OSError, RuntimeError) as error:
        raise InputError(
            "torchcodec finds no FFmpeg; install its libraries (ffmpeg), or use the decoder pyav"
        ) from error
    return decoders


def _opened(index: FrameIndex) -> Any:
    """Return torchcodec's decoder of a video; None if it counts other frames."""
    decoders = _decoders()
    try:
        opened = decoders.VideoDecoder(index.path, dimension_order="NHWC", seek_mode="exact")
    except (RuntimeError, ValueError):
        return None
    return opened if len(opened) == len(index) else None
