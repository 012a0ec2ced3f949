#!/usr/bin/env bash
# The option clip_flow of flow_vis, meant to keep a few large vectors from bleaching all others, clips each component to
# 0 ... clip_flow: motion to the left and upwards becomes no motion at all, and is drawn white. Its docstring speaks of a
# maximum only; vectors that are far below it are lost as well.
#
#   motion of 5 pixels        colour without clip_flow     with clip_flow=10
#   to the right              255, 0, 0                    as without
#   to the left               0, 209, 255                  255, 255, 255 (no motion)
#   upwards                   88, 0, 255                   255, 255, 255 (no motion)
#   to the left and down      32, 255, 0                   255, 229, 0 (down)
#
# Seen with flow_vis 0.1, NumPy 2.4.6. Clip flow yourself, by its length, before it is drawn.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet setuptools wheel
"$folder/venv/bin/pip" install --quiet flow_vis==0.1 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
from importlib.metadata import version

import flow_vis
import numpy as np

motions = {"right": (5, 0), "left": (-5, 0), "up": (0, -5), "down": (0, 5), "left and down": (-5, 5)}
found = {}
for name, motion in motions.items():
    flow = np.tile(np.float32(motion), (2, 2, 1))
    plain, clipped = flow_vis.flow_to_color(flow), flow_vis.flow_to_color(flow, clip_flow=10)
    found[name] = plain[0, 0].tolist(), clipped[0, 0].tolist()
    print("flow_vis", version("flow_vis"), name, *found[name])
still = [255, 255, 255]
assert found["right"][0] == found["right"][1] and found["down"][0] == found["down"][1], "motion to the right has changed"
assert found["left"][1] == found["up"][1] == still, "motion to the left or upwards is drawn now"
assert still not in (found["left"][0], found["up"][0]), "it is not drawn without clipping either"
assert found["left and down"][1] == found["down"][0] != found["left and down"][0], "slanting motion has changed"
PY
