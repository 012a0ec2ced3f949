#!/usr/bin/env bash
# MoviePy loses the last frame of many ordinary videos. It takes a video's length from what FFmpeg prints, which is rounded
# to 1/100 s, and yields int(length * rate) frames: 100 frames at 30 a second are 3.333 s, printed 3.33, and 99 frames. At
# 30 a second that is one of three lengths. What is written from such a clip lacks the frame, and masks, sound, gaze samples
# or labels that are counted by frames no longer fit.
#
#   video at 30 frames a second     frames in the file     iter_frames()     written again by write_videofile()
#   3.000 s                         90                     90                90
#   3.333 s                         100                    99                99
#
# Seen with MoviePy 2.2.1, imageio-ffmpeg 0.8.1, NumPy 2.4.6. Read frames by PyAV where each of them counts.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet moviepy==2.2.1 imageio-ffmpeg==0.8.1 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
from importlib.metadata import version

import imageio_ffmpeg
import numpy as np
from moviepy import VideoFileClip

found = {}
for count in (90, 100):
    writer = imageio_ffmpeg.write_frames("video.mp4", (32, 32), fps=30, quality=9, macro_block_size=None)
    writer.send(None)
    for index in range(count):
        writer.send(np.full((32, 32, 3), 2 * index, np.uint8))
    writer.close()
    with VideoFileClip("video.mp4") as clip:
        frames = [float(frame.mean()) for frame in clip.iter_frames()]
        clip.write_videofile("again.mp4", logger=None)
    in_file, again = (imageio_ffmpeg.count_frames_and_secs(name)[0] for name in ("video.mp4", "again.mp4"))
    found[count] = in_file, len(frames), again
    print("MoviePy", version("moviepy"), *found[count], "the last one's grey", round(frames[-1]), "of", 2 * (count - 1))
assert found[90] == (90, 90, 90), "whole seconds have changed"
assert found[100] == (100, 99, 99), "the last frame is no longer lost, or more is"
PY
