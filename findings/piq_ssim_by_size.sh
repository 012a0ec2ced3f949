#!/usr/bin/env bash
# piq's SSIM is another one for images of 384 pixels and more than for smaller ones: by default it halves images first
# when their shorter side rounds to 2 * 256, and so on. The same noise on the same texture is judged far more kindly as
# soon as the crop is one pixel larger, and tables of large photos are not comparable with anybody else's.
#
#   crop of one noisy image    piq.ssim   downsample=False   scikit-image (Gaussian window)
#   383 x 383                  0.6375     0.6375             0.6375
#   384 x 384                  0.8856     0.6375             0.6375
#
# Seen with piq 0.8.0, scikit-image 0.26.0, torch 2.15.0. Pass downsample=False, and say so beside the figure.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet piq==0.8.0 scikit-image==0.26.0 torch==2.15.0 torchvision==0.29.2 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
import piq
import torch
from skimage.metrics import structural_similarity

torch.manual_seed(0)
clean = torch.nn.functional.avg_pool2d(torch.rand(1, 3, 512, 512), 5, 1, 2)
noisy = (clean + 0.05 * torch.randn_like(clean)).clamp(0, 1)
found = {}
for side in (383, 384):
    x, y = clean[..., :side, :side], noisy[..., :side, :side]
    options = {"channel_axis": 0, "data_range": 1, "gaussian_weights": True, "sigma": 1.5}
    other = structural_similarity(x[0].numpy(), y[0].numpy(), use_sample_covariance=False, **options)
    found[side] = [piq.ssim(x, y, data_range=1.0).item(), piq.ssim(x, y, data_range=1.0, downsample=False).item(), other]
    print(side, [round(float(value), 4) for value in found[side]])
for default, whole, other in found.values():
    assert abs(whole - other) < 1e-3, "behaviour changed: without downsampling it is scikit-image's"
assert abs(found[383][0] - found[383][1]) < 1e-6, "behaviour changed at 383 pixels"
assert found[384][0] - found[384][1] > 0.2, "behaviour changed at 384 pixels"
PY
echo "as described"
