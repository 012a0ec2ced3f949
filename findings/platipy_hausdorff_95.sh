#!/usr/bin/env bash
# What PlatiPy's compute_surface_metrics calls "hausdorffDistance95" is the 95th percentile of two numbers, the largest distances
# either way: the Hausdorff distance, or next to it, which one stray voxel decides. "sigmaSurfaceDistance" is not divided by
# the number of points: it exceeds the largest distance, and grows with the organ. compute_metric_specificity cuts both masks
# to the box around their union unless told otherwise, which leaves out true negatives.
#
#   a cube of 20 voxels, and the same with          one stray voxel     a layer more on one side
#   hausdorffDistance95  (of all the distances)       24.68     (0)             1.00      (1)
#   sigmaSurfaceDistance (their deviation)            25.98  (0.39)            24.61   (0.37)    50.41 with a cube of 40
#   specificity          (auto_crop=False)             1.00  (1.00)             0.00   (1.00)
#
# Seen with platipy 0.7.2. Take surface distances from elsewhere, and specificity with auto_crop=False.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet platipy==0.7.2 SimpleITK==2.5.7 numpy==2.3.5 scipy==1.17.1
cd "$folder"
venv/bin/python - 2> /dev/null <<'PY'
from importlib.metadata import version

import numpy as np
import SimpleITK
from platipy.imaging.label.comparison import compute_metric_specificity, compute_surface_metrics
from scipy.ndimage import binary_erosion, distance_transform_edt


def distances(one, other):
    edges = [mask & ~binary_erosion(mask) for mask in (one, other)]
    return np.concatenate([distance_transform_edt(~edges[i])[edges[1 - i]] for i in (0, 1)])


print("platipy", version("platipy"))
sigmas = {}
for side in (20, 40):
    cube = np.zeros((80, 80, 80), bool)
    cube[20 : 20 + side, 20 : 20 + side, 20 : 20 + side] = True
    stray, layer = cube.copy(), cube.copy()
    stray[5, 5, 5] = True
    layer[20 : 20 + side, 20 : 20 + side, 20 + side] = True
    for name, mask, expected, hausdorff in (("stray voxel", stray, 24.68, 25.98), ("layer", layer, 1.0, 1.0)):
        images = [SimpleITK.GetImageFromArray(array.astype(np.uint8)) for array in (cube, mask)]
        given, true = compute_surface_metrics(*images), distances(cube, mask)
        assert round(given["hausdorffDistance"], 2) == round(true.max(), 2) == hausdorff
        assert round(given["meanSurfaceDistance"], 4) == round(true.mean(), 4)
        hd95, sigma = round(float(given["hausdorffDistance95"]), 2), float(given["sigmaSurfaceDistance"])
        sigmas[name, side] = sigma
        crops = [compute_metric_specificity(*images, auto_crop=crop) for crop in (True, False)]
        print(f"cube of {side}, {name}: hausdorffDistance95 {hd95} ({np.percentile(true, 95):.2f}), ", end="")
        print(f"sigmaSurfaceDistance {sigma:.2f} ({true.std():.2f}), specificity {crops[0]:.2f} ({crops[1]:.2f})")
        assert hd95 == expected, "another 95th percentile now"
        assert np.percentile(true, 95) == (0 if name == "stray voxel" else 1)
        assert abs(sigma / (true.std() * len(true) ** 0.5) - 1) < 1e-3, "another deviation now"
        assert crops[1] > 0.99 and (crops[0] == 0) == (name == "layer"), "another specificity now"
assert [round(sigmas["layer", side], 2) for side in (20, 40)] == [24.61, 50.41], "another deviation now"
PY
