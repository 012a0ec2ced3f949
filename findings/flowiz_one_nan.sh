#!/usr/bin/env bash
# flowiz paints a whole flow field in the colours of the opposite direction as soon as one vector is NaN, the usual mark of an
# unknown one: NaN gets lost in its search for the longest vector, so that it divides by -1 instead. Nothing is scaled any more
# either, so that all but the shortest vectors take the colours that are kept for those out of range. So from arrays and .flo files.
#
#   vector, longest is 0.4   no NaN          one NaN elsewhere   negated flow without NaN, unscaled by its length
#   (0.4, 0), to the right   [255, 0, 0]     [152, 236, 255]     the hue of (-1, 0), at 0.4 of its strength
#   (4, 0), longest is 4     [255, 0, 0]     [0, 156, 191]       the hue of (-1, 0), darkened as out of range
#   U and V of (4, 0)        [255, 128]      [129, 128]
#
# Also, vectors marked unknown by 1e10 are set to zero in the caller's own array, and painted as no motion, white.
# Seen with flowiz 2.4.0, numpy 2.3.5. Give it a copy with NaN set to zero, and paint unknown vectors black afterwards.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet flowiz==2.4.0 numpy==2.3.5 pillow==12.0.0
cd "$folder"
venv/bin/python - 2> /dev/null <<'PY'
from importlib.metadata import version

import flowiz
import numpy as np


def field(length, nan=False):
    flow = np.zeros((30, 40, 2), np.float32)
    flow[..., 0] = length
    if nan:
        flow[0, 0] = np.nan
    return flow


def colour(flow, **options):
    return flowiz.convert_from_flow(flow.copy(), **options)[15, 20].tolist()


print("flowiz", version("flowiz"), "numpy", version("numpy"))
left = colour(field(-4))
assert left == [0, 209, 255], "motion to the left has another colour now"
for length, seen in ((0.4, [152, 236, 255]), (4, [0, 156, 191])):
    whole, holed = colour(field(length)), colour(field(length, nan=True))
    print(f"({length}, 0): {whole}, with one NaN {holed}; ({-length}, 0): {colour(field(-length))}")
    assert whole == [255, 0, 0], "motion to the right has another colour now"
    assert holed == seen, "one NaN does something else to the colours now"
    hue = np.array(left) / 255
    opposite = 1 - length * (1 - hue) if length < 1 else 0.75 * hue
    assert np.abs(255 * opposite - holed).max() < 2, "the colour is not that of the opposite direction any more"
uv = colour(field(4), mode="UV"), colour(field(4, nan=True), mode="UV")
print(f"U and V of (4, 0): {uv[0]}, with one NaN {uv[1]}")
assert uv == ([255, 128], [129, 128]), "U and V come out otherwise now"

with open("holed.flo", "wb") as file:
    np.array([202021.25], np.float32).tofile(file)
    np.array([40, 30], np.int32).tofile(file)
    field(0.4, nan=True).tofile(file)
read = flowiz.convert_from_file("holed.flo")[15, 20].tolist()
print(f"(0.4, 0) and one NaN from a .flo file: {read}")
assert read == [152, 236, 255], ".flo files fare otherwise now"

mine = field(4)
mine[0, :5] = 1e10
image = flowiz.convert_from_flow(mine)
print(f"1e10 in the caller's array afterwards: {mine[0, :5, 0].tolist()}, painted {image[0, 0].tolist()}")
assert not mine[0, :5].any() and image[0, 0].tolist() == [255, 255, 255], "vectors marked unknown fare otherwise now"
PY
