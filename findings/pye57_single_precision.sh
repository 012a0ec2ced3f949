#!/usr/bin/env bash
# pye57 writes coordinates as single precision, whatever it is given, and reads them back as float64, so that nothing shows
# what was lost. Scans on a national grid move by up to 0.03 m (eastings) and 0.25 m (northings); points that were 1 cm apart
# become one.
#
#   given          5336000.00  5336000.01  5336000.02  5336000.30  5336000.40
#   read again     5336000.00  5336000.00  5336000.00  5336000.50  5336000.50   (float64)
#
# Seen with pye57 0.4.19. Scans as a scanner stores them, in its own frame, are not harmed: give points relative to an offset,
# and the offset as the scan's translation, which is kept in double.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pye57==0.4.19 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
from importlib.metadata import version

import numpy as np
import pye57

northings = 5336000 + np.array([0, 0.01, 0.02, 0.3, 0.4])
scan = {"cartesianX": np.zeros(5), "cartesianY": northings, "cartesianZ": np.zeros(5)}
offset = np.array([0, 5336000.0, 0])
file = pye57.E57("grid.e57", mode="w")
file.write_scan_raw(scan)
file.write_scan_raw(scan | {"cartesianY": northings - offset[1]}, translation=offset)
file.close()
file = pye57.E57("grid.e57")
read = file.read_scan_raw(0)["cartesianY"]
moved = file.read_scan(1, ignore_missing_fields=True)["cartesianY"]
print("pye57", version("pye57"), read.dtype, read.tolist(), moved.tolist())
assert read.dtype == np.float64
assert np.array_equal(read, northings.astype(np.float32)), "coordinates are kept now"
assert np.allclose(moved, northings, rtol=0, atol=1e-6), "an offset no longer helps"
PY
