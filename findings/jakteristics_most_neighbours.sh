#!/usr/bin/env bash
# jakteristics can be told to take fewer neighbours than lie within the radius (max_k_neighbors). It then takes not the nearest but
# others, in the order of its tree, and a plane looks like a line. Mean linearity (0 on
# a plane, 1 on a line) of 4000 points on a plane, 67 neighbours on average within the radius:
#
#   at most      8       20      50      all
#   linearity    0.776   0.696   0.481   0.285
#   the nearest  0.571   0.404   0.306   0.285
#
# The feature number_of_neighbors stays 67.5 in every case. Seen with jakteristics 0.6.2. Make the radius smaller, or thin the cloud.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jakteristics==0.6.2 numpy==2.4.6 scipy==1.17.1
cd "$folder"
venv/bin/python - 2> /dev/null <<'PY'
from importlib.metadata import version

import numpy as np
from jakteristics import compute_features
from scipy.spatial import cKDTree

rng = np.random.default_rng(0)
plane = np.column_stack([rng.random((4000, 2)) * 4, rng.normal(0, 0.01, 4000)])
RADIUS = 0.3


def linearity(points):
    low, middle, high = np.linalg.eigvalsh(np.cov(points.T))
    return (high - middle) / high


def nearest(count):
    distances, neighbours = cKDTree(plane).query(plane, count)
    return np.mean([linearity(plane[n[d <= RADIUS]]) for d, n in zip(distances, neighbours)])


print("jakteristics", version("jakteristics"))
names = ["linearity", "number_of_neighbors"]
for most in (8, 20, 50, 1000):
    found = compute_features(plane, search_radius=RADIUS, max_k_neighbors=most, feature_names=names)
    told, counted = found.mean(axis=0)
    print(f"at most {most}: linearity {told:.3f} (of the nearest {nearest(min(most, 200)):.3f}), {counted:.1f} neighbours counted")
    if most <= 20:
        assert told > nearest(most) + 0.15, "the nearest are taken now"
    assert abs(counted - 67.5) < 0.1, "neighbours are counted another way now"
assert abs(told - nearest(200)) < 1e-3, "with all neighbours something else is computed now"
PY
