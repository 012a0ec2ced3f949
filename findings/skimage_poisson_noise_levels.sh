#!/usr/bin/env bash
# Poisson noise of scikit-image (skimage.util.random_noise, mode "poisson") has a strength that nothing sets: the number of
# different values in the image, up to a power of two, is taken for the number of photons that make white. The same ramp
# between 0.2 and 0.8, of mean 0.5:
#
#   how many values differ      standard deviation of the noise
#   2 (black and white of it)   0.356
#   256                         0.044
#   65536 (a float photo, such as after resizing, with noise of 0.001)   0.0028
#
# So a photo that was enlarged or averaged as floats, which has nearly as many values as pixels, gets hardly any noise,
# and a larger crop gets less than a small one. Seen with scikit-image 0.26.0; its documentation does not say it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet scikit-image==0.26.0 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
from importlib.metadata import version

import numpy as np
from skimage.util import random_noise

ramp = np.tile(np.linspace(0.2, 0.8, 256), (256, 1))
images = {
    "two values": np.where(ramp < 0.5, 0.2, 0.8),
    "256 values": ramp,
    "all differ": ramp + np.random.default_rng(0).uniform(0, 1e-3, ramp.shape),
}
print("scikit-image", version("scikit-image"))
strength = {}
for name, image in images.items():
    strength[name] = (random_noise(image, "poisson", rng=0) - image).std()
    print(f"{name}: {len(np.unique(image))} values, noise {strength[name]:.4f}")
assert strength["two values"] > 5 * strength["256 values"], "two values have no stronger noise now"
assert strength["256 values"] > 10 * strength["all differ"], "many values have no weaker noise now"
PY
