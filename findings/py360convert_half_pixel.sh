#!/usr/bin/env bash
# py360convert makes a panorama of a cube map (c2e) with the faces moved by half a pixel of theirs: the front one to the left and
# upwards. The other way round (e2c) nothing moves, so that there and back moves the picture, and again each time.
#
#   numbers of its column and row in each pixel of the front face: off, in its panorama, by +0.5 and +0.5
#   panorama to cube to panorama, 512 x 256, faces of 128: off by    1x    2x    3x    4x    5x
#   (mean, in pixels)                                               0.78  1.55  2.31  3.06  3.80
#
# Seen with py360convert 1.0.4. Where both are needed keep the panorama, and make the cube map of it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet py360convert==1.0.4 numpy==2.3.5 scipy==1.15.3
cd "$folder"
venv/bin/python - 2> /dev/null <<'PY'
from importlib.metadata import version

import numpy as np
import py360convert

HEIGHT, WIDTH, SIDE = 256, 512, 128
row, column = np.mgrid[:HEIGHT, :WIDTH]
longitude = (column + 0.5) / WIDTH * 2 * np.pi - np.pi
latitude = np.pi / 2 - (row + 0.5) / HEIGHT * np.pi
right, up = np.cos(latitude) * np.sin(longitude), np.sin(latitude)
ahead = np.cos(latitude) * np.cos(longitude)
panorama = np.stack([right, up, ahead], -1)  # where each pixel looks

print("py360convert", version("py360convert"))
at = (np.arange(SIDE) + 0.5) / SIDE * 2 - 1
front = np.stack([*np.meshgrid(at, -at), np.ones((SIDE, SIDE))], -1)
front /= np.linalg.norm(front, axis=-1, keepdims=True)
there = py360convert.e2c(panorama, SIDE, cube_format="dict")["F"]
print(f"e2c: the front face is off by at most {np.abs(there - front).max() * SIDE / 2:.2f} of its pixels")
assert np.abs(there - front).max() * SIDE / 2 < 0.3, "e2c moves pictures now"

faces = {name: np.zeros((SIDE, SIDE, 2)) for name in "FRBLUD"}
faces["F"] = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), -1).astype(float)
told = py360convert.c2e(faces, HEIGHT, WIDTH, cube_format="dict")
with np.errstate(all="ignore"):
    true = np.stack([right / ahead, -up / ahead], -1)
inside = (ahead > 0) & (np.abs(true) < 0.9).all(axis=-1)
off = (told - ((true + 1) / 2 * SIDE - 0.5))[inside].mean(axis=0)
print("c2e: the front face is off by", off.round(2))
assert np.abs(off - 0.5).max() < 0.02, "c2e moves the front face otherwise now"

picture, moved = panorama, []
for _ in range(5):
    picture = py360convert.c2e(py360convert.e2c(picture, SIDE, cube_format="dict"), HEIGHT, WIDTH, cube_format="dict")
    moved.append(np.arccos(np.clip((picture * panorama).sum(-1) / np.linalg.norm(picture, axis=-1), -1, 1)).mean() / np.pi * HEIGHT)
print("there and back, pixels:", np.round(moved, 2))
assert abs(moved[0] - 0.78) < 0.02 and abs(moved[4] - 3.8) < 0.05, "there and back moves otherwise now"
PY
