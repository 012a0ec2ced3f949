#!/usr/bin/env bash
# flowpy writes optical flow as KITTI's PNG files, whose 16 bits carry -512 to 512 pixels. What is faster does not saturate and is
# not refused: it wraps around, and comes back in the opposite direction, as a number like any other.
#
#   written   -600   -360   -120   120   360    600
#   read       424   -360   -120   120   360   -424
#
# Seen with flowpy 0.6.0 (with NumPy 1.23.5: reading PNG files fails with any that has no np.float).
# Files of the type .flo keep such flow.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet flowpy==0.6.0 numpy==1.23.5
cd "$folder"
venv/bin/python - 2> /dev/null <<'PY'
from importlib.metadata import version

import flowpy
import numpy as np

flow = np.zeros((4, 6, 2), np.float32)
flow[..., 0] = np.linspace(-600, 600, 6)
back = {}
for suffix in ("flo", "png"):
    flowpy.flow_write(f"flow.{suffix}", flow)
    back[suffix] = flowpy.flow_read(f"flow.{suffix}")
print("flowpy", version("flowpy"), flow[0, :, 0], back["png"][0, :, 0])
assert np.array_equal(back["flo"], flow), ".flo loses something now"
assert np.array_equal(back["png"][0, :, 0], [424, -360, -120, 120, 360, -424]), "large flow does not wrap around now"
PY
