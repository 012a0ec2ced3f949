#!/usr/bin/env bash
# laspy refuses classes and coordinates that a LAS file cannot hold, but cuts and wraps intensities, colours
# and other whole numbers without a word: 70000 becomes 4464, -1 becomes 65535, and reflectances between 0 and 1, as most
# data sets for driving have them, all become 0.
#
#   las.intensity = [0.2, 0.9, 70000, -1]     kept as 0, 0, 4464, 65535
#   las.red = [70000, -1]                     kept as 4464, 65535
#   las.classification = [255]  (format 3)    OverflowError
#   las.x = [1e9] at a scale of 0.01          OverflowError
#
# Seen with laspy 2.7.0, NumPy 2.4.6. Scale to 0 ... 65535 and check the range before they are assigned.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet laspy==2.7.0 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
from importlib.metadata import version

import laspy
import numpy as np

header = laspy.LasHeader(point_format=3, version="1.2")
header.scales = [0.01] * 3
las = laspy.LasData(header)
las.x = las.y = las.z = np.zeros(4)
las.intensity = np.array([0.2, 0.9, 70000, -1])
las.red = np.array([0, 0, 70000, -1])
refused = []
for name, values in (("classification", np.full(4, 255)), ("x", np.full(4, 1e9))):
    try:
        setattr(las, name, values)
    except OverflowError:
        refused.append(name)
las.write("cloud.las")
back = laspy.read("cloud.las")
print("laspy", version("laspy"), back.intensity.tolist(), back.red.tolist(), "refused:", *refused)
assert back.intensity.tolist() == [0, 0, 4464, 65535], "intensities are kept or refused now"
assert back.red.tolist() == [0, 0, 4464, 65535], "colours are kept or refused now"
assert refused == ["classification", "x"], "what is refused has changed"
PY
