#!/usr/bin/env bash
# imagecodecs writes the bytes of a big-endian image as if they were little-endian into a lossless JPEG 2000, HTJ2K or
# TIFF, without a warning: what is decoded is another image. Big-endian NIfTI files give such arrays, read by nibabel.
# Its encoders of PNG, JPEG-LS, JPEG XR and JPEG XL refuse the same array.
#
#   encoder            image of little-endian words    the same, big-endian
#   jpeg2k, reversible comes back                      1 comes back as 256
#   htj2k              comes back                      1 comes back as 256
#   tiff               comes back                      1 comes back as 256
#   png, jpegls        comes back                      ValueError
#
# Seen with imagecodecs 2026.3.6, NumPy 2.4.6. Bring arrays into the machine's own order before they are encoded.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet imagecodecs==2026.3.6 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import imagecodecs
import numpy as np

image = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
lossless = {"jpeg2k": {"reversible": True, "level": 0}}
print("imagecodecs", imagecodecs.__version__)
for name in ("jpeg2k", "htj2k", "tiff", "png", "jpegls"):
    encode, decode = (getattr(imagecodecs, f"{name}_{way}") for way in ("encode", "decode"))
    options = lossless.get(name, {})
    assert np.array_equal(decode(encode(image, **options)), image), f"{name} is not lossless"
    try:
        back = decode(encode(image.astype(">u2"), **options))
    except ValueError as error:
        print(f"{name:7} big-endian refused: {error}")
        assert name in ("png", "jpegls"), f"{name} now refuses big-endian images"
    else:
        print(f"{name:7} big-endian: 1 comes back as {back[0, 1]}")
        assert name not in ("png", "jpegls"), f"{name} now takes big-endian images"
        assert np.array_equal(back, image.byteswap()), f"{name} no longer swaps the bytes"
PY
