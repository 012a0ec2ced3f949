#!/usr/bin/env bash
# PySceneDetect finds the cuts of a video whose frame rate varies at the right times. The pictures that it then saves of each
# scene are taken through OpenCV, which seeks by the mean rate and from the nearest keyframe: they show another scene, or are
# missing. With backend="pyav" they show theirs.
#
#   40 white frames at 25 a second, 40 blue at 6.25, 40 green at 25; three pictures a scene, in its middle and near its ends
#            scene 1              scene 2              scene 3
#   opencv   white white white    white green green    none
#   pyav     white white white    blue  blue  green    green green green
#
# seek(5.0), the middle of the blue: green, at 8.08 s. Seen with scenedetect 0.7.2, PyAV 18.1.0, and OpenCV 5.0.0 and 4.14.0;
# with other keyframes the frames differ. A constant rate is right with both. Take the pictures with backend="pyav".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet scenedetect==0.7.2 opencv-python==5.0.0.93 av==18.1.0 numpy==2.4.6
cd "$folder"
venv/bin/python - 2> /dev/null <<'PY'
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path

import av
import cv2
import numpy as np
from scenedetect import ContentDetector, SceneManager, open_video, save_images

COLOURS = {"white": (240, 240, 240), "blue": (20, 20, 120), "green": (40, 220, 120)}


def write(path, spacing):
    """Write 40 frames of each colour; ``spacing`` frames' time, of 25 a second, pass from each blue one to the next."""
    with av.open(path, "w") as file:
        stream = file.add_stream("libx264", rate=25, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        time = 0
        for name, colour in COLOURS.items():
            for _ in range(40):
                picture = np.full((48, 64, 3), colour, np.uint8)
                picture[:, :20] //= 2
                frame = av.VideoFrame.from_ndarray(picture, "rgb24")
                frame.pts, frame.time_base = time, Fraction(1, 25)
                file.mux(stream.encode(frame))
                time += spacing if name == "blue" else 1
        file.mux(stream.encode())


def colour(picture):
    """Return the name of the nearest colour of a BGR picture."""
    return min(COLOURS, key=lambda name: np.abs(picture[24, 32, ::-1].astype(int) - COLOURS[name]).sum())


def stills(path, backend):
    """Return when each scene starts and what its three pictures show."""
    manager = SceneManager()
    manager.add_detector(ContentDetector())
    manager.detect_scenes(open_video(path, backend=backend))
    scenes = manager.get_scene_list()
    saved = save_images(scenes, open_video(path, backend=backend), num_images=3, image_extension="png", output_dir=backend)
    shown = {number: [colour(cv2.imread(str(Path(backend) / name))) for name in names] for number, names in saved.items()}
    return [round(start.seconds, 2) for start, _ in scenes], [shown[number] for number in sorted(shown)]


print("scenedetect", version("scenedetect"), "OpenCV", cv2.__version__)
for path, spacing, starts in (("constant.mp4", 1, [0, 1.6, 3.2]), ("varies.mp4", 4, [0, 1.6, 8.0])):
    write(path, spacing)
    for backend in ("opencv", "pyav"):
        found, shown = stills(path, backend)
        print(path, backend, found, shown)
        assert found == starts, "the cuts are found at other times now"
        middles = [pictures[1] if len(pictures) > 1 else None for pictures in shown]
        wrong = backend == "opencv" and path == "varies.mp4"
        assert (middles != list(COLOURS)) == wrong, "the pictures are others now"
video = open_video("varies.mp4", backend="opencv")
video.seek(5.0)
picture = video.read()
print("seek(5.0):", colour(picture), video.position.seconds)
assert colour(picture) == "green" and abs(video.position.seconds - 8.08) < 0.05, "seek lands elsewhere now"
PY
