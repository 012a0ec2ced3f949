#!/usr/bin/env bash
# dtaidistance: dtw.distance_matrix_fast takes sequences of points, such as scanpaths of fixations (n, 2), for sequences of
# numbers and returns wrong distances; dtw.distance_matrix, which it stands for, gives the right ones, and dtw.distance_fast
# refuses the same arrays. Nothing is said. Three scanpaths:
#
#   dtw.distance_matrix             0.884  1.247  0.969
#   dtw_ndim.distance_matrix_fast   0.884  1.247  0.969
#   dtw.distance_matrix_fast        0.901  0.518  0.606
#   dtw.distance_fast               ValueError: Buffer has wrong number of dimensions
#
# Seen with dtaidistance 2.5.1. Points need dtaidistance.dtw_ndim.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet dtaidistance==2.5.1 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
import dtaidistance
import numpy as np
from dtaidistance import dtw, dtw_ndim

rng = np.random.default_rng(0)
first, second = rng.random((6, 2)), rng.random((7, 2))
paths = [first, second, first[::-1].copy()]
upper = np.triu_indices(3, 1)
right = dtw.distance_matrix(paths)[upper]
points = dtw_ndim.distance_matrix_fast(paths, 2)[upper]
fast = dtw.distance_matrix_fast(paths)[upper]
print("dtaidistance", dtaidistance.__version__, right.round(3), points.round(3), fast.round(3))
assert np.allclose(right, points)
assert np.isclose(right[0], dtw_ndim.distance(first, second))
assert np.abs(fast - right).max() > 0.5, "it gives the same now"
try:
    dtw.distance_fast(first, second)
except ValueError as error:
    print(error)
else:
    raise AssertionError("distance_fast takes points now")
PY
