#!/usr/bin/env bash
# image-similarity-measures takes every image for one of 12 bits, also arrays of uint8 and pictures read from a PNG: PSNR
# of photos comes out 24.1 dB too high, SSIM near 1, RMSE as a share of 4095. Nothing is said; the peak is an argument
# (max_p) that only some of its functions name in their texts. A photo-like image with noise of 25:
#
#                      psnr     ssim     rmse
#   as called          44.4     0.96     0.006
#   with max_p=255     20.3     0.38     0.096
#   scikit-image       20.3     0.38
#
# Seen with image-similarity-measures 0.3.6, NumPy 1.26.4, scikit-image 0.20.0. Numbers of such tables compare with no others.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet image-similarity-measures==0.3.6 numpy==1.26.4 scikit-image==0.20.0 \
  opencv-python==4.11.0.86
cd "$folder"
venv/bin/python - 2> /dev/null <<'PY'
from importlib.metadata import version

import numpy as np
from image_similarity_measures.quality_metrics import psnr, rmse, ssim
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

y, x = np.mgrid[:128, :128]
clean = np.stack([128 + 60 * np.sin(x / 9) + 50 * np.cos(y / (7 + k)) for k in range(3)], -1)
clean = np.clip(clean, 0, 255).astype(np.uint8)
noisy = np.clip(clean + np.random.default_rng(0).normal(0, 25, clean.shape), 0, 255).astype(np.uint8)
called = [measure(clean, noisy) for measure in (psnr, ssim, rmse)]
told = [measure(clean, noisy, max_p=255) for measure in (psnr, ssim, rmse)]
right = [peak_signal_noise_ratio(clean, noisy), structural_similarity(clean, noisy, channel_axis=2)]
print("image-similarity-measures", version("image-similarity-measures"))
print(np.round(called, 3), np.round(told, 3), np.round(right, 3))
assert np.allclose(told[:2], right, atol=0.01), "with a peak it has changed"
assert np.isclose(called[0] - told[0], 20 * np.log10(4095 / 255), atol=0.01), "the peak is known from the type now"
assert called[1] > 0.9 > 0.5 > told[1], "the peak of SSIM is known from the type now"
PY
