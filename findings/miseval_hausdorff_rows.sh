#!/usr/bin/env bash
# miseval's "HD" (SimpleHausdorffDistance) is no distance in the image: each row of the mask is taken for one point, whose
# coordinates are its zeros and ones. A segmentation that lies elsewhere in the same columns is perfect by it, and to the
# side nothing is ever farther than the root of the pixels of a row. A square of 5 x 5 pixels, moved:
#
#                  1 down   5 down   40 down   1 right   5 right   40 right
#   metric "HD"      0        0         0        1.41      2.24      2.24
#   truly            1        5        40        1         5        40
#
# Volumes are refused, with "arrays must be 2-dimensional". Seen with miseval 1.3.0 (hausdorff 0.2.6). scipy's
# directed_hausdorff on the coordinates, np.argwhere(mask), gives the true ones.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet miseval==1.3.0 hausdorff==0.2.6 "scipy<2"
cd "$folder"
venv/bin/python - 2> /dev/null <<'PY'
from importlib.metadata import version

import numpy as np
from miseval import evaluate
from scipy.spatial.distance import directed_hausdorff

truth = np.zeros((60, 60), np.uint8)
truth[5:10, 5:10] = 1
print("miseval", version("miseval"), "hausdorff", version("hausdorff"))
for axis, expected in ((0, (0, 0, 0)), (1, (2**0.5, 5**0.5, 5**0.5))):
    for pixels, value in zip((1, 5, 40), expected, strict=True):
        moved = np.roll(truth, pixels, axis)
        one, other = np.argwhere(truth), np.argwhere(moved)
        right = max(directed_hausdorff(one, other)[0], directed_hausdorff(other, one)[0])
        found = float(evaluate(truth, moved, metric="HD"))
        print("down" if axis == 0 else "right", pixels, round(found, 2), "truly", right)
        assert right == pixels
        assert np.isclose(found, value), "it is measured otherwise now"
PY
