#!/usr/bin/env bash
# small_gicp packs voxels into 21 bits an axis. A cloud farther than 2^20 voxels from the origin, as on a national grid, is not
# refused: all its points fall into one voxel, and voxelgrid_sampling returns a single point. 10,000 points within 50 m:
#
#   origin (0, 0, 0)                voxels of 0.5 m: 9952 points    of 1 m: 9591
#   origin (691000, 0, 0)                                    1              9591
#   origin (691000, 5336000, 500)                            1                 1
#
# A line "voxel coord is out of range!!" goes to stderr for each point, past Python's warnings and logging, so that no program
# sees it. Seen with small_gicp 1.0.1. Subtract an offset before sampling.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet small_gicp==1.0.1 numpy==2.4.6
cd "$folder"
venv/bin/python -W error - 2> told.txt <<'PY'
from importlib.metadata import version

import numpy as np
import small_gicp

points = np.random.default_rng(0).random((10000, 3)) * 50
print("small_gicp", version("small_gicp"))
for origin, expected in (((0, 0, 0), (True, True)), ((691000, 0, 0), (False, True)), ((691000, 5336000, 500), (False,) * 2)):
    for voxel, kept in zip((0.5, 1.0), expected, strict=True):
        left = len(small_gicp.voxelgrid_sampling(points + np.array(origin), voxel).points())
        print(origin, voxel, left)
        assert left > 9000 if kept else left == 1, "what is left has changed"
PY
test "$(grep -c 'out of range' told.txt)" -eq 30000
