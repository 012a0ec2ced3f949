#!/usr/bin/env bash
# sewar knows the peak of images by their type, 255 for uint8 and 1 for floats, in all its measures but one: vifp takes every
# value as one of 0 to 255. The same pair of photos as floats between 0 and 1 has nearly perfect fidelity, for the noise that
# the measure assumes in the eye is then stronger than any image:
#
#                              psnr    ssim    msssim   vifp
#   uint8                      20.3    0.556   0.904    0.225
#   the same, divided by 255   20.3    0.556   0.904    0.976
#
# Seen with sewar 0.4.10. Give vifp images of 0 to 255.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet sewar==0.4.10 numpy==2.4.6
cd "$folder"
venv/bin/python - 2> /dev/null <<'PY'
from importlib.metadata import version

import numpy as np
from sewar.full_ref import msssim, psnr, ssim, vifp

y, x = np.mgrid[:128, :128]
clean = np.stack([128 + 60 * np.sin(x / 9) + 50 * np.cos(y / (7 + k)) for k in range(3)], -1)
clean = np.clip(clean, 0, 255).astype(np.uint8)
noisy = np.clip(clean + np.random.default_rng(0).normal(0, 25, clean.shape), 0, 255).astype(np.uint8)


def measured(one, other):
    return np.array([np.real(np.ravel(measure(one, other))[0]) for measure in (psnr, ssim, msssim, vifp)])


bytes_, floats = measured(clean, noisy), measured(clean / 255, noisy / 255)
print("sewar", version("sewar"), bytes_.round(3), floats.round(3))
assert np.allclose(bytes_[:3], floats[:3], atol=1e-3), "others depend on the type now"
assert floats[3] > 0.9 > 0.3 > bytes_[3], "vifp knows the type now"
PY
