"""Videos in files: reading upright RGB frames, and writing them with the sound of the source.

Both hold a few frames at a time, however long the video is. Chosen frames are read without decoding all of it.
"""

from __future__ import annotations

from .choosing import FrameIndex, index_frames, read_chosen_frames
from .codecs import H264_SUFFIXES, WRITTEN_SUFFIXES
from .reading import VIDEO_SUFFIXES, Frame, VideoInfo, probe_video, read_frames
from .writing import write_video

__all__ = [
    "H264_SUFFIXES",
    "VIDEO_SUFFIXES",
    "WRITTEN_SUFFIXES",
    "Frame",
    "FrameIndex",
    "VideoInfo",
    "index_frames",
    "probe_video",
    "read_chosen_frames",
    "read_frames",
    "write_video",
]
