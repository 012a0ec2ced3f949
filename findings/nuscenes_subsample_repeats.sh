#!/usr/bin/env bash
# PointCloud.subsample of the nuScenes devkit ("fraction to keep") draws points with replacement: some are there several times, others
# never. Of 1000 points that all differ:
#
#   ratio   points returned   of them different
#   1.0     1000              about 632
#   0.5     500               about 393
#   0.1     100               about 95
#
# A density, or a count of points in a voxel or box, is wrong after it; keeping all of them with a ratio of 1 loses more than
# a third. Seen with nuscenes-devkit 1.2.0.
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

print("nuscenes-devkit", version("nuscenes-devkit"))
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
