"""Videos in files: reading upright RGB frames, and writing H.264 with the sound of the source.

Both hold a few frames at a time, however long the video is.
"""

from __future__ import annotations

from .reading import VIDEO_SUFFIXES, Frame, VideoInfo, probe_video, read_frames
from .writing import WRITTEN_SUFFIXES, write_video

__all__ = [
    "VIDEO_SUFFIXES",
    "WRITTEN_SUFFIXES",
    "Frame",
    "VideoInfo",
    "probe_video",
    "read_frames",
    "write_video",
]
