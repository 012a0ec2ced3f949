#!/usr/bin/env bash
# Grids of the Argoverse 2 devkit take the lower end of their range without its sign: one that begins ahead of the car is shifted by
# twice the distance, without a word. And a cell reaches half a cell to each side of its lower edge: what is below the range
# by less counts as inside, the last half cell is cut off.
#
#   range 10 to 50 m, cells of 1 m    points at      10   20   29   31   49
#                                     cells are      20   30   39   41   59     there are 40, from 0
#   range -4 to 4 m, cells of 1 m     points at    -4.4   -4  -3.6  -3.4   3.4   3.6
#                                     cells are       0    0     0     1     7     8     there are 8, from 0
#
# A bird's eye view of points between 10 and 50 m loses half of them. Seen with av2 0.3.6. Subtract the range's lower end first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-deps av2==0.3.6
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 opencv-python-headless==5.0.0.93 universal-pathlib==0.3.10 matplotlib==3.10.7 numba==0.66.0
cd "$folder"
venv/bin/python - <<'PY'
from importlib.metadata import version

import numpy as np
from av2.structures.ndgrid import NDGrid

print("av2", version("av2"))


def cells(low, high, points):
    grid = NDGrid((low,), (high,), (1.0,))
    found = grid.transform_to_grid_coordinates(np.array(points)[:, None]).ravel().tolist()
    print(f"range {low} to {high}: points {points} are in the cells {found} of {grid.dims[0]}")
    return found


assert cells(10.0, 50.0, [10.0, 20.0, 29.0, 31.0, 49.0]) == [20, 30, 39, 41, 59], "the sign is looked at now"
assert cells(-4.0, 4.0, [-4.4, -4.0, -3.6, -3.4, 3.4, 3.6]) == [0, 0, 0, 1, 7, 8], "cells lie elsewhere now"
PY
