#!/usr/bin/env bash
# ImageHash reads the colours that full transparency hides. Two cut-outs that look the same on any ground, one with black
# and one with white behind its transparent pixels (programs leave either there), are as far apart as hashes can be:
#
#   hash of 64 bits     distance, same to the eye
#   average_hash        64
#   dhash               44
#   whash               32
#   phash               14
#
# Seen with ImageHash 4.3.2, Pillow 12.3.0. Duplicates among cut-outs, emoji and logos are missed; put images on one colour
# before they are hashed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ImageHash==4.3.2 Pillow==12.3.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
from importlib.metadata import version

import imagehash
import numpy as np
from PIL import Image

black = np.zeros((64, 64, 4), np.uint8)
black[16:48, 16:48] = (200, 30, 30, 255)
white = black.copy()
white[white[..., 3] == 0] = (255, 255, 255, 0)
images = [Image.fromarray(pixels) for pixels in (black, white)]
for ground in ("white", "black", "green"):
    seen = [np.asarray(Image.alpha_composite(Image.new("RGBA", (64, 64), ground), image)) for image in images]
    assert np.array_equal(*seen), "the two do not look the same"
found = {}
for name in ("average_hash", "dhash", "whash", "phash"):
    one, other = map(getattr(imagehash, name), images)
    found[name] = int(one - other)
print("ImageHash", version("ImageHash"), found)
assert found == {"average_hash": 64, "dhash": 44, "whash": 32, "phash": 14}, "distances have changed"
PY
