#!/usr/bin/env bash
# Distances of scanpaths by EyeFeatures. calc_hau_dist shuffles the fixations of the caller's own tables, so that every distance that
# depends on their order and is computed after it is one of other scanpaths. calc_dtw_dist is no dynamic time warping: it
# may leave out the beginning of the first path, is then smaller, and differs with the order of the two.
#
#   random scanpaths of 6 and 8 fixations (seed)   0       1       2       3
#   dynamic time warping of squared distances      1.771   0.776   1.606   1.304
#   calc_dtw_dist(one, other)                      1.771   0.776   1.083   1.302
#   calc_dtw_dist(other, one)                      1.670   0.776   1.363   0.857
#
# Seen with eyefeatures 2.0.2, which brings pandas 2.2.2. Give calc_hau_dist copies.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet eyefeatures==2.0.2
cd "$folder"
venv/bin/python - <<'PY'
from importlib.metadata import version

import numpy as np
import pandas as pd
from eyefeatures.features.dist import calc_dtw_dist, calc_hau_dist


def warped(one, other):
    cost = np.full((len(one) + 1, len(other) + 1), np.inf)
    cost[0, 0] = 0
    for row, first in enumerate(one):
        for column, second in enumerate(other):
            before = min(cost[row, column], cost[row, column + 1], cost[row + 1, column])
            cost[row + 1, column + 1] = before + ((first - second) ** 2).sum()
    return cost[-1, -1]


def table(path):
    return pd.DataFrame(path, columns=["x", "y"])


print("eyefeatures", version("eyefeatures"), "pandas", version("pandas"))
differing = 0
for seed in range(4):
    rng = np.random.default_rng(seed)
    one, other = rng.random((6, 2)), rng.random((8, 2))
    found = [warped(one, other), calc_dtw_dist(table(one), table(other)), calc_dtw_dist(table(other), table(one))]
    print("seed", seed, np.round(found, 3))
    assert max(found) < found[0] + 1e-9
    differing += min(found) < found[0] - 1e-3
assert differing == 3, "time warping is right now"
np.random.seed(0)
before = table(one)
after = before.copy()
calc_hau_dist(after, table(other))
print("in the order they were:", before.equals(after))
assert not before.equals(after), "fixations are not shuffled now"
assert np.array_equal(np.sort(before.x), np.sort(after.x))
PY
