#!/usr/bin/env bash
# Colour transfer after Reinhard by color-matcher turns the whole result into NaN when a single pixel of either photo is black:
# the logarithm of its cone responses is minus infinity, and goes into the means that all pixels are shifted by. There are
# warnings of NumPy, and no error.
#
#   random photo, all pixels above 0     no NaN
#   the same with one black pixel        100 % NaN
#   the same as reference                100 % NaN
#
# The other methods (mkl, mvgd, hm and their compounds) do not mind. Seen with color-matcher 0.6.0. Lift black by one first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet color-matcher==0.6.0 numpy==2.4.6
cd "$folder"
venv/bin/python - 2> /dev/null <<'PY'
from importlib.metadata import version

import numpy as np
from color_matcher import ColorMatcher

rng = np.random.default_rng(0)
photo = rng.integers(1, 256, (32, 32, 3), dtype=np.uint8)
style = rng.integers(1, 200, (32, 32, 3), dtype=np.uint8)


def with_black(image):
    changed = image.copy()
    changed[0, 0] = 0
    return changed


def lost(source, reference, method):
    return np.isnan(ColorMatcher(src=source, ref=reference, method=method).main().astype(float)).mean()


print("color-matcher", version("color-matcher"))
for method in ("reinhard", "mkl", "mvgd", "hm"):
    shares = [lost(photo, style, method), lost(with_black(photo), style, method), lost(photo, with_black(style), method)]
    print(method, shares)
    assert shares == ([0, 1, 1] if method == "reinhard" else [0, 0, 0]), f"{method} treats black pixels another way now"
PY
