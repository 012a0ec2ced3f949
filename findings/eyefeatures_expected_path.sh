#!/usr/bin/env bash
# The expected scanpath of EyeFeatures by its default, the mean, takes the observers who have stopped looking as looking at the
# point (0, 0): shorter scanpaths are filled with zeros before the mean. Three fixations of one observer in a row at the height
# of 0.5, another stops after the first:
#
#   fixation          1            2              3
#   first observer    0.50, 0.50   0.60, 0.50     0.70, 0.50
#   second            0.50, 0.50   -              -
#   expected (mean)   0.50, 0.50   0.30, 0.25     0.35, 0.25
#   expected (fwp)    0.50, 0.50   0.60, 0.50     0.70, 0.50
#
# Seen with eyefeatures 2.0.2.
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
from eyefeatures.features.dist import get_expected_path

fixations = pd.DataFrame(
    {"x": [0.5, 0.6, 0.7, 0.5], "y": [0.5] * 4, "observer": ["a", "a", "a", "b"], "image": ["one"] * 4}
)
print("eyefeatures", version("eyefeatures"))
paths = {}
for method in ("mean", "fwp"):
    (paths[method],) = get_expected_path(
        fixations, "x", "y", ["image"], ["image", "observer"], method=method, return_df=False
    ).values()
    print(method, paths[method].tolist())
assert np.allclose(paths["mean"], [[0.5, 0.5], [0.3, 0.25], [0.35, 0.25]]), "the mean is another now"
assert np.allclose(paths["fwp"], [[0.5, 0.5], [0.6, 0.5], [0.7, 0.5]], atol=1e-3), "fwp is another now"
PY
