"""The frames of both decoders are the same ones: of variable rate, rotated, trimmed by an edit list."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from alt_action import Predictor
from alt_action.data.decoding import check_decoder, chosen_pixels
from visioncore.errors import InputError
from visioncore.testing.videos import rotated, trimmed
from visioncore.video import index_frames

FRAMES = 30


@pytest.fixture
def _torchcodec() -> None:
    """Skip where torchcodec cannot be used."""
    try:
        check_decoder("torchcodec")
    except InputError as error:
        pytest.skip(str(error))


def filmed(path: Path) -> Path:
    """A video of variable rate, each frame of its own grey, with a lighter or darker corner."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
        stream.codec_context.time_base, stream.codec_context.gop_size = Fraction(1, 1000), 9
        for number, time in enumerate(np.cumsum(np.random.default_rng(1).integers(20, 120, FRAMES))):
            pixels = np.full((64, 96, 3), 8 * number, np.uint8)
            pixels[:20, :30] = 255 - 8 * number
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = int(time), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.usefixtures("_torchcodec")
@pytest.mark.parametrize("kind", ["a.mp4", "a.mkv", "left.mp4", "around.mp4", "right.mp4", "trimmed.mp4"])
def test_both_decoders_have_the_same_frames(tmp_path: Path, kind: str) -> None:
    path = filmed(tmp_path / kind)
    angles = {"left.mp4": 90, "around.mp4": 180, "right.mp4": 270}
    if kind in angles:
        path = rotated(path, angles[kind])
    elif kind == "trimmed.mp4":
        path = trimmed(path, first=5)
    index = index_frames(path)
    assert len(index) == FRAMES - (5 if kind == "trimmed.mp4" else 0)
    for numbers in (range(len(index)), [0, 0, 7, 8, 20], [len(index) - 1], []):
        ours, theirs = (list(chosen_pixels(index, list(numbers), name)) for name in ("pyav", "torchcodec"))
        assert len(ours) == len(theirs) == len(list(numbers))
        for one, other in zip(ours, theirs, strict=True):
            assert one.shape == other.shape == ((96, 64, 3) if kind in ("left.mp4", "right.mp4") else (64, 96, 3))
            # a neighbour is 8 levels away
            assert np.abs(one.astype(int) - other).mean() < 1.5


@pytest.mark.usefixtures("_torchcodec")
def test_prediction_by_torchcodec(tiny_weights: Path, clip: Path) -> None:
    ours, theirs = (Predictor(tiny_weights, "cpu", decoder=name)(clip) for name in ("pyav", "torchcodec"))
    assert [frame.number for frame in ours.frames] == [frame.number for frame in theirs.frames]
    assert float(ours.video @ theirs.video) > 0.99


@pytest.mark.usefixtures("_torchcodec")
def test_a_damaged_video_by_torchcodec(tmp_path: Path) -> None:
    path = filmed(tmp_path / "a.mp4")
    index = index_frames(path)
    file = bytearray(path.read_bytes())
    begin = file.find(b"mdat")
    file[begin + 900 : begin + 1200] = bytes(300)
    path.write_bytes(file)
    with pytest.raises(InputError, match=r"a\.mp4: truncated or damaged at"):
        list(chosen_pixels(index, list(range(FRAMES)), "torchcodec"))


def test_a_decoder_that_is_not_there(tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchcodec", None)
    with pytest.raises(InputError, match=r'torchcodec is not installed; run: pip install "alt-action\[torchcodec\]"'):
        Predictor(tiny_weights, "cpu", decoder="torchcodec")
    with pytest.raises(InputError, match="decoder is 'opencv'; it must be pyav or torchcodec"):
        Predictor(tiny_weights, "cpu", decoder="opencv")  # type: ignore[arg-type]
