#!/usr/bin/env bash
# Two ways of the nuScenes devkit to thin a point cloud do other than they say. LidarPointCloud.remove_close takes a radius ("points
# too close within a certain radius from origin") and cuts out a square, whose corners reach 1.41 times as far. And
# PointCloud.subsample ("fraction to keep") draws with replacement: some points are there several times, others never.
#
#   ring of 721 points at 1.2 m      radius 1.1   1.0   0.8
#   points left                             381   541   721
#
#   1000 points that all differ      ratio 1.0         0.5         0.1
#   returned                               1000        500         100
#   of them different                      about 632   about 393   about 95
#
# The one metre that is usual for sweeps of the roof's lidar takes away points up to 1.41 m away, in four directions only; keeping all
# points with a ratio of 1 loses more than a third. Seen with nuscenes-devkit 1.2.0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-deps nuscenes-devkit==1.2.0 pyquaternion==0.9.9 numpy==2.4.6 cachetools==6.2.2 tqdm==4.67.1 \
    scikit-learn==1.7.2 scipy==1.16.3 joblib==1.5.2 threadpoolctl==3.6.0 pillow==12.0.0 shapely==2.1.2 opencv-python-headless==4.12.0.88 \
    matplotlib==3.10.7 contourpy==1.3.3 cycler==0.12.1 fonttools==4.61.0 kiwisolver==1.4.9 packaging==25.0 pyparsing==3.2.5 \
    python-dateutil==2.9.0.post0 six==1.17.0 descartes==1.1.0
cd "$folder"
venv/bin/python - <<'PY'
from importlib.metadata import version

import numpy as np
from nuscenes.utils.data_classes import LidarPointCloud

angle = np.linspace(-np.pi, np.pi, 721)
ring = np.stack([1.2 * np.cos(angle), 1.2 * np.sin(angle), 0 * angle, 0 * angle]).astype(np.float32)
print("nuscenes-devkit", version("nuscenes-devkit"))
left = {}
for radius in (1.1, 1.0, 0.8):
    cloud = LidarPointCloud(ring.copy())
    cloud.remove_close(radius)
    left[radius] = cloud.points.shape[1]
    print(f"ring of 1.2 m, radius {radius}: {left[radius]} of {len(angle)} points left")
assert left == {1.1: 381, 1.0: 541, 0.8: 721}, "a circle is cut out now, or another square"

np.random.seed(0)
for ratio in (1.0, 0.5, 0.1):
    cloud = LidarPointCloud(np.arange(4000, dtype=np.float32).reshape(4, 1000))
    cloud.subsample(ratio)
    different = len(np.unique(cloud.points[0]))
    print(f"ratio {ratio}: {cloud.points.shape[1]} points, {different} different")
    assert cloud.points.shape[1] == round(1000 * ratio)
    assert different < cloud.points.shape[1], "points are drawn once now"
assert different > 85
PY
