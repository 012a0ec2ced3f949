#!/usr/bin/env bash
# imageio's FFMPEG plugin makes up frames of a video whose frame rate varies, as screen recordings' and phones' in the dark
# do: iterating yields copies, so that frames come evenly at a rate that the reader does not tell. Its own count_frames()
# and fps speak of the file instead, so index / fps is not a frame's time. The plugin "pyav" yields the frames of the file.
#
#   50 frames at 30 a second, then 50 at 15:   iterating 149 frames, count_frames() 100, fps 20.13, pyav 100
#   the frame of index 99                      the file's frame 74, at 3.3 s; by fps it would be at 4.9 s
#
# Seen with imageio 2.38.1, imageio-ffmpeg 0.8.1, PyAV 18.1.0. Read videos by PyAV, and take times from the frames.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet imageio==2.38.1 imageio-ffmpeg==0.8.1 av==18.1.0 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
import warnings
from fractions import Fraction
from importlib.metadata import version

warnings.simplefilter("ignore")
import av
import imageio
import imageio.v3
import numpy as np

times = [*(i / 30 for i in range(50)), *(50 / 30 + i / 15 for i in range(50))]
base = Fraction(1, 90000)
with av.open("varies.mp4", "w") as file:
    stream = file.add_stream("libx264", rate=30, options={"crf": "0", "bf": "0", "g": "10"})
    stream.width = stream.height = 64
    stream.pix_fmt = "yuv420p"
    stream.time_base = stream.codec_context.time_base = base
    for index, time in enumerate(times):
        frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 2 * index, np.uint8), format="rgb24")
        frame.pts, frame.time_base = round(time / base), base
        file.mux(stream.encode(frame))
    file.mux(stream.encode())


def ordinary(plugin):
    """Return the index in the file of each frame, which its grey level tells."""
    return [round(float(frame.mean()) / 2) for frame in imageio.v3.imiter("varies.mp4", plugin=plugin)]


made_up, own = ordinary("FFMPEG"), ordinary("pyav")
reader = imageio.get_reader("varies.mp4", format="FFMPEG")
told, fps = reader.count_frames(), reader.get_meta_data()["fps"]
print("imageio", version("imageio"), "frames", len(made_up), "counted", told, "fps", fps, "pyav", len(own))
print(f"index 99: frame {made_up[99]} at {times[made_up[99]]:.1f} s, by fps {99 / fps:.1f} s")
assert len(own) == told == 100 and abs(own[99] - 99) <= 1, "what pyav or count_frames() does has changed"
assert 148 <= len(made_up) <= 150 and abs(made_up[99] - 74) <= 1, "frames are no longer made up"
assert abs(fps - 20.1) < 0.1, "the rate that is told has changed"
PY
