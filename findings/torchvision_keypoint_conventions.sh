#!/usr/bin/env bash
# TorchVision's KeyPoints have no fixed origin: flips take (0, 0) for the centre of the first pixel, rotation and
# resize for its corner. A whole number that names a bright pixel keeps to it when flipped and is one pixel off when turned
# by 180 degrees, which is the same image. The elastic transform drops the fraction of a coordinate, even where nothing moves.
# Boxes fit their image when flipped, turned and resized.
#
#   image 60 x 80, pixel (20, 15)      pixel goes to   keypoint goes to   from (20.75, 15.75)
#   both flips                              59, 44             59, 44          58.25, 43.25
#   rotate by 180                           59, 44             60, 45          59.25, 44.25
#   resize to 480 x 640           centre 163.5, 123.5        160, 120               166, 126
#   elastic, no displacement                20, 15             20, 15                 20, 15
#
# Seen with torchvision 0.29.2. Hand points over as boxes of no size at (x + 0.5, y + 0.5), and take the 0.5 off afterwards.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torchvision==0.29.2 torch==2.15.0 numpy==2.4.6
cd "$folder"
venv/bin/python - 2> /dev/null <<'PY'
from importlib.metadata import version

import torch
import torchvision.transforms.v2.functional as F
from torchvision.tv_tensors import BoundingBoxes, Image, KeyPoints

SIZE = (60, 80)
LARGE = [480, 640]
still = torch.zeros(1, *SIZE, 2)
image = torch.zeros(1, *SIZE)
image[0, 15, 20] = 1
image = Image(image)


def points(x, y):
    return KeyPoints(torch.tensor([[x, y]]), canvas_size=SIZE)


def box(x, y):
    return BoundingBoxes(torch.tensor([[x, y, x, y]]), format="XYXY", canvas_size=SIZE)


def middle(image):
    """The centre of the brightest pixels, in indices."""
    rows, columns = torch.nonzero(image[0] > 0.9 * image.max(), as_tuple=True)
    return [columns.float().mean().item(), rows.float().mean().item()]


print("torchvision", version("torchvision"))
for name, change, pixel, whole, fraction in (
    ("both flips", lambda i: F.vertical_flip(F.horizontal_flip(i)), [59, 44], [59, 44], [58.25, 43.25]),
    ("rotate by 180", lambda i: F.rotate(i, 180), [59, 44], [60, 45], [59.25, 44.25]),
    ("resize to 480 x 640", lambda i: F.resize(i, LARGE), [163.5, 123.5], [160, 120], [166, 126]),
    ("elastic, no displacement", lambda i: F.elastic(i, still), [20, 15], [20, 15], [20, 15]),
):
    found = middle(change(image))
    moved = [[round(value, 3) for value in change(points(*start))[0].tolist()] for start in ((20.0, 15.0), (20.75, 15.75))]
    print(f"{name}: pixel {found}, keypoint {moved[0]}, with a fraction {moved[1]}")
    assert found == pixel, f"{name}: the image is changed otherwise now"
    assert moved == [whole, fraction], f"{name}: keypoints are changed otherwise now"
    if "elastic" not in name:
        corner = change(box(20.5, 15.5))[0].tolist()
        assert all(abs(c - 0.5 - p) < 1e-3 for c, p in zip(corner, pixel * 2)), f"{name}: boxes do not fit the image now"
PY
