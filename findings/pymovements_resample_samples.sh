#!/usr/bin/env bash
# resample() of pymovements, "also used to achieve a constant sampling rate for inconsistent data", keeps only samples whose
# time falls on the new grid to the microsecond, drops all others, and interpolates between the few that are left. Of
# trackers at 60, 120 or 300 Hz that is every third sample; of times that jitter, one here and there. Nothing is said of it.
#
#   recording of two seconds, resampled to 1000 Hz                       samples used     a glance of 33 ms, 10 degrees off
#   250 Hz, times of whole milliseconds                                  500 of 500       10 degrees
#   60 Hz (0, 16.667, 33.333, 50 ...)                                    40 of 120        0: it is gone
#   60 Hz, times to 0.1 ms that are up to 1 ms late                      12 of 120        0: it is gone
#   np.interp of the same recording                                      120 of 120       10 degrees
#
# Seen with pymovements 0.28.0, polars 2.1.0, NumPy 2.4.6. Interpolate over time by NumPy before a Gaze is made.
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


def resampled(times, values, rate):
    """Return the values at 1000 Hz, and their times."""
    experiment = pymovements.Experiment(1024, 768, 38, 30, 60, "center", sampling_rate=rate)
    gaze = pymovements.gaze.from_numpy(position=np.stack([values, 0 * values]), time=times, experiment=experiment)
    gaze.resample(resampling_rate=1000)
    return gaze.samples["position"].list.get(0).to_numpy(), gaze.samples["time"].to_numpy()


late = np.round(np.arange(120) * 1000 / 60 + np.random.default_rng(0).uniform(0, 1, 120), 1)
late[0] = 0
recordings = {
    "250 Hz": (np.arange(500) * 4, 250, range(252, 260)),
    "60 Hz": (np.round(np.arange(120) * 1000 / 60, 3), 60, (61, 62)),
    "60 Hz, late": (late, 60, (61, 62)),
}
found, other = {}, {}
for name, (times, rate, glance) in recordings.items():
    count = len(times)
    marks = np.random.default_rng(1).random(count)
    used = int(np.isin(marks, resampled(times, marks, rate)[0]).sum())
    angles = np.where(np.isin(np.arange(count), glance), 10.0, 0.0)
    values, grid = resampled(times, angles, rate)
    found[name] = used, count, float(np.nanmax(values))
    other[name] = float(np.interp(grid, times, angles).max())
    print("pymovements", version("pymovements"), name, *found[name], "np.interp", round(other[name], 2))
assert found["250 Hz"] == (500, 500, 10), "whole milliseconds have changed"
assert found["60 Hz"] == (40, 120, 0) and other["60 Hz"] > 9.9, "60 Hz has changed"
assert found["60 Hz, late"] == (12, 120, 0) and other["60 Hz, late"] > 9, "times that jitter have changed"
PY
