#!/usr/bin/env bash
# The package OpenEXR writes other pixels than those it is given, without a warning, when the array is a view of another one:
# it reads on from the view's first number as if the array were contiguous. What most programs hand over is such a view: an
# image with its channels first turned by transpose, one channel of an image, a crop. A copy of the same view is written well.
#
#   array handed over                    pixels that come back the same, of all
#   rgb.transpose(1, 2, 0)               2 of 1800 numbers (the first and the last)
#   rgbd[..., 3] as depth                1 of 600 (the first)
#   image[5:15, 5:15] as "RGB"           the first row, and no other
#   each of them after .copy()           all
#
# Seen with OpenEXR 3.5.3, NumPy 2.4.6. Its page and docstrings speak of NumPy arrays and do not ask for contiguous ones; other
# types, such as float64, are refused. Write np.ascontiguousarray(pixels).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet OpenEXR==3.5.3 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
from importlib.metadata import version

import numpy as np
import OpenEXR


def kept(name, pixels):
    """Return which numbers come back as they were handed over."""
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with OpenEXR.File(header, {name: pixels}) as file:
        file.write("image.exr")
    with OpenEXR.File("image.exr") as file:
        back = file.channels()[name].pixels.copy()
    assert back.shape == pixels.shape and back.dtype == np.float32
    return back == pixels


random = np.random.default_rng(0)
channels_first = random.permutation(3 * 20 * 30).reshape(3, 20, 30).astype(np.float32)
with_depth = random.permutation(20 * 30 * 4).reshape(20, 30, 4).astype(np.float32)
image = random.permutation(20 * 30 * 3).reshape(20, 30, 3).astype(np.float32)
views = {
    "transposed": ("RGB", channels_first.transpose(1, 2, 0)),
    "one channel": ("Z", with_depth[..., 3]),
    "crop": ("RGB", image[5:15, 5:15]),
}
found = {}
for title, (name, view) in views.items():
    assert kept(name, view.copy()).all(), "a contiguous copy is not written well"
    found[title] = kept(name, view)
    print("OpenEXR", version("OpenEXR"), title, "same:", int(found[title].sum()), "of", view.size)
assert found["transposed"].sum() == 2 and found["one channel"].sum() == 1, "views are written otherwise now"
assert found["crop"][0].all() and not found["crop"][1:].any(), "crops are written otherwise now"
PY
