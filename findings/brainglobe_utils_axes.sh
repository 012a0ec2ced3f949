#!/usr/bin/env bash
# brainglobe-utils' load_any shrinks a folder of TIFFs, or a list of them in a text file, along the wrong axis: x_scaling_factor
# is applied to the rows, y_scaling_factor to the columns. In one TIFF of the same planes it is the other way, which is right.
# And heatmap_from_points counts in whole bins only: the points at the far end, in what is left of the image, are not there.
#
#   6 planes of 40 rows, 60 columns, x_scaling_factor=0.5
#   one TIFF       (6, 40, 30)
#   folder, list   (6, 20, 60)
#
#   10 cells at 10, 90 at 130 of 132 voxels   bins of 33: two spots   bins of 25: one, that of the 10
#
# Seen with brainglobe-utils 0.11.2. Exchange the factors for folders; enlarge image_shape to a multiple of the bins.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet brainglobe-utils==0.11.2 tifffile==2026.3.3 numpy==2.2.6
cd "$folder"
mkdir planes
venv/bin/python - 2> /dev/null <<'PY'
from importlib.metadata import version

import numpy as np
import tifffile
from brainglobe_utils.image.heatmap import heatmap_from_points
from brainglobe_utils.IO.image.load import load_any

print("brainglobe-utils", version("brainglobe-utils"))
volume = np.random.default_rng(0).integers(0, 1000, (6, 40, 60)).astype(np.uint16)
tifffile.imwrite("stack.tif", volume)
names = [f"planes/{index}.tif" for index in range(len(volume))]
for name, plane in zip(names, volume):
    tifffile.imwrite(name, plane)
with open("list.txt", "w") as file:
    file.write("\n".join(names))
for source, expected in (("stack.tif", (6, 40, 30)), ("planes", (6, 20, 60)), ("list.txt", (6, 20, 60))):
    assert load_any(source).shape == volume.shape
    shape = load_any(source, x_scaling_factor=0.5).shape
    print(f"{source}: {shape}")
    assert shape == expected, f"{source} is scaled along another axis now"

points = np.tile([0.0, 40, 50], (100, 1))
points[:, 0] = np.repeat([10, 130], [10, 90])
for size, expected in ((33, [0, 3]), (25, [0])):
    heatmap = heatmap_from_points(points, 25, (132, 80, 114), bin_sizes=(size, size, size))
    spots = np.flatnonzero(heatmap.max(axis=(1, 2))).tolist()
    print(f"bins of {size}: {heatmap.shape}, something in bins {spots} of the first axis")
    assert spots == expected, "the last bins are counted otherwise now"
PY
