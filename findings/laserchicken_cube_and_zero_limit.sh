#!/usr/bin/env bash
# laserchicken (features of airborne LiDAR): two things are not what they are called. A neighbourhood Cube(a) reaches a, not
# a / 2, above and below its target: it is a box twice as high as wide, with the volume of the cube, so that the density is
# twice the real one, and ranges and all other features are those of the taller box. And a limit of 0 in a band ratio counts as no
# limit: BandRatioFeatureExtractor(None, 0), an example in the manual, is 1 whatever the heights, without a word.
#
#   8 points to the cubic metre, at (0, 0, 0)   width   height   density    |   share of heights -3 -2 -1 1 2 3 4 5
#   Cube(4)                                      3.5      7.5    16.0       |   z < 0        1       (3 of 8 = 0.375)
#   Sphere(2)                                    3.5      3.5     8.4       |   0 < z < 2.5  0.625   (2 of 8 = 0.25)
#
# Seen with laserchicken 0.8.1. Take Cell or Sphere, or cut the cube's neighbours by height; 1e-9 for a limit of 0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet laserchicken==0.8.1 laspy==2.7.0 scipy==1.17.1 shapely==2.2.0 pandas==3.1.1 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
import contextlib
import io
from importlib.metadata import version

import numpy as np
from laserchicken.compute_neighbors import compute_neighborhoods
from laserchicken.feature_extractor.band_ratio_feature_extractor import BandRatioFeatureExtractor
from laserchicken.feature_extractor.feature_extraction import compute_features, register_new_feature_extractor
from laserchicken.utils import create_point_cloud
from laserchicken.volume_specification import Cell, Cube, Sphere


def at_origin(cloud, volume, feature):
    target = create_point_cloud([0.0], [0.0], [0.0])
    with contextlib.redirect_stdout(io.StringIO()):
        neighbours = list(compute_neighborhoods(cloud, target, volume))
        compute_features(cloud, iter(neighbours), target, [feature], volume, verbose=False)
    return neighbours[0], float(target["vertex"][feature]["data"][0])


print("laserchicken", version("laserchicken"))
steps = np.arange(-8, 8, 0.5) + 0.25
x, y, z = (axis.ravel() for axis in np.meshgrid(steps, steps, steps, indexing="ij"))
cloud = create_point_cloud(x, y, z)
for volume, name, height, expected in ((Cube(4), "Cube(4)", 7.5, 16), (Sphere(2), "Sphere(2)", 3.5, 8.36)):
    inside, density = at_origin(cloud, volume, "point_density")
    size = np.ptp(x[inside]), np.ptp(y[inside]), np.ptp(z[inside])
    print(f"{name}: {len(inside)} points, {size[0]} x {size[1]} x {size[2]}, density {density:.2f}")
    assert size == (3.5, 3.5, height), f"{name} is of another shape now"
    assert abs(density - expected) < 0.01, f"{name}: another density now"
assert at_origin(cloud, Cube(4), "range_z")[1] == 7.5, "the range is another now"
assert np.sum(np.max(np.abs([x, y, z]), axis=0) <= 2) / 4**3 == 8, "the grid is another"

heights = np.array([-3, -2, -1, 1, 2, 3, 4, 5.0])
column = create_point_cloud(np.zeros(8), np.zeros(8), heights)
for lower, upper, expected in ((None, 0, 1), (0, None, 1), (0, 2.5, 0.625), (None, 1e-9, 0.375), (1e-9, 2.5, 0.25)):
    extractor = BandRatioFeatureExtractor(lower, upper)
    register_new_feature_extractor(extractor)
    value = at_origin(column, Cell(2), extractor.provides()[0])[1]
    above = heights > (-np.inf if lower is None else lower)
    right = np.mean(above & (heights < (np.inf if upper is None else upper)))
    print(f"{lower} < z < {upper}: {value}; counted {right}")
    assert value == expected, "the limit is taken otherwise now"
PY
