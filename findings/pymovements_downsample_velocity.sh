#!/usr/bin/env bash
# After transform("downsample", factor=2) of pymovements each velocity is twice what it was: half the samples are left, but
# the experiment keeps its old sampling rate, by which velocities are reckoned. resample() to the same rate sets it right.
# Fixations found by velocity vanish, and peak velocities and main sequences are wrong by the factor, in silence.
#
#   an eye that drifts at 12 degrees a second,       rate kept     velocity    fixations by "ivt"
#   recorded at 1000 Hz                              1000 Hz       12          1
#   transform("downsample", factor=2)                1000 Hz       24          0
#   resample(resampling_rate=500)                     500 Hz       12          1
#
# Seen with pymovements 0.28.0, polars 2.1.0, NumPy 2.4.6. Use resample, or divide gaze.experiment.sampling_rate yourself.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pymovements==0.28.0 polars==2.1.0 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
from importlib.metadata import version

import numpy as np
import pymovements


def seen(change):
    """Return the rate that is kept, the samples' number, their middle velocity and the number of fixations after a change."""
    experiment = pymovements.Experiment(1024, 768, 38, 30, 60, "center", sampling_rate=1000)
    times = np.arange(2000)
    angles = np.stack([12 * times / 1000 - 12, 0 * times])
    gaze = pymovements.gaze.from_numpy(position=angles, time=times, experiment=experiment)
    change(gaze)
    gaze.pos2vel("neighbors")
    gaze.detect("ivt")
    velocities = gaze.samples["velocity"].list.get(0).to_numpy()
    return gaze.experiment.sampling_rate, len(velocities), round(float(np.nanmedian(velocities)), 6), len(gaze.events)


recorded = seen(lambda gaze: None)
downsampled = seen(lambda gaze: gaze.transform("downsample", factor=2))
resampled = seen(lambda gaze: gaze.resample(resampling_rate=500))
print("pymovements", version("pymovements"), "recorded", recorded, "downsampled", downsampled, "resampled", resampled)
assert recorded == (1000, 2000, 12, 1), "what is found in the recording has changed"
assert downsampled == (1000, 1000, 24, 0), "downsampling has changed"
assert resampled == (500, 1000, 12, 1), "resampling has changed"
PY
