#!/usr/bin/env bash
# laspy.convert carries classes, flags, returns and colours over from one point format to another, but not the angle of the
# beam: from formats 0-5 to 6-10 and back every scan angle becomes 0, though both hold one (whole degrees in scan_angle_rank,
# steps of 0.006 degrees in scan_angle). Nothing is said.
#
#   format 1, scan_angle_rank  [-20, 0, 15]      as format 6   scan_angle       [0, 0, 0]
#   format 6, scan_angle       [-3333, 0, 2500]  as format 1   scan_angle_rank  [0, 0, 0]
#
# Zeros are angles straight down, so filters by angle then keep all. Seen with laspy 2.7.0; its lost_dimensions(1, 6) names
# scan_angle_rank, but convert does not ask it. Assign the angles anew: scan_angle = rank / 0.006.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet laspy==2.7.0 numpy==2.4.6
cd "$folder"
venv/bin/python -W error - <<'PY'
from importlib.metadata import version

import laspy
import numpy as np

old = laspy.LasData(laspy.LasHeader(point_format=1, version="1.2"))
old.x = old.y = old.z = np.arange(3.0)
old.scan_angle_rank = [-20, 0, 15]
old.classification = [2, 5, 6]
old.withheld = [0, 1, 0]
old.edge_of_flight_line = [1, 0, 0]
new = laspy.convert(old, point_format_id=6)
print("laspy", version("laspy"), old.scan_angle_rank.tolist(), "->", new.scan_angle.tolist())
kept = [np.asarray(new[name]).tolist() for name in ("classification", "withheld", "edge_of_flight_line")]
assert kept == [[2, 5, 6], [0, 1, 0], [1, 0, 0]], "other dimensions are no longer carried over"
assert not any(new.scan_angle), "angles are carried over now"
new.scan_angle = [-3333, 0, 2500]
back = laspy.convert(new, point_format_id=1)
print(new.scan_angle.tolist(), "->", back.scan_angle_rank.tolist())
assert not any(back.scan_angle_rank), "angles are carried back now"
PY
