#!/usr/bin/env bash
# A grey image of 16 bits (a depth map, an X-ray) that comes from NumPy is written by pyvips to a PNG of 8 bits, with a white
# plateau in place of all that is above 255, without a warning. A colour image of 16 bits is written whole, and so is the
# same grey image to TIFF: new_from_array calls it "b-w", which is 8-bit grey for the PNG writer, whatever its numbers are.
#
#   np.uint16 from NumPy     in the PNG
#   grey, 0 ... 65520        uchar: of 4096 pixels the 4080 above 255 are 255
#   colour, 0 ... 65520      ushort, 0 ... 65520, the same
#
# Seen with pyvips 3.2.0, libvips 8.18.7 (pyvips-binary), NumPy 2.4.6. Use new_from_array(pixels, interpretation="auto").
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pyvips==3.2.0 pyvips-binary==8.18.7 numpy==2.4.6 pillow==13.0.0
cd "$folder"
venv/bin/python - <<'PY'
from importlib.metadata import version

import numpy as np
import pyvips
from PIL import Image

grey = (16 * np.arange(64 * 64)).reshape(64, 64).astype(np.uint16)
colour = np.dstack([grey, grey // 2, grey // 3])


def written(name, pixels, **options):
    """Return what the file holds, by pyvips."""
    pyvips.Image.new_from_array(pixels, **options).write_to_file(name)
    return pyvips.Image.new_from_file(name).numpy()


found = written("grey.png", grey)
whole = [
    written("colour.png", colour),
    written("grey.tif", grey),
    written("auto.png", grey, interpretation="auto"),
]
print("pyvips", version("pyvips"), "grey", found.dtype, found.min(), found.max(), "above 255:", int((grey > 255).sum()))
print("colour", whole[0].dtype, whole[0].max(), "TIFF", whole[1].dtype, "auto", whole[2].dtype)
assert found.dtype == np.uint8 and np.array_equal(found, np.minimum(grey, 255)), "16-bit grey is written otherwise now"
assert np.array_equal(np.asarray(Image.open("grey.png")), found), "Pillow sees another image in the file"
for back, pixels in zip(whole, (colour, grey, grey), strict=True):
    assert back.dtype == np.uint16 and np.array_equal(back.squeeze(), pixels), "colour, TIFF or auto has changed"
PY
