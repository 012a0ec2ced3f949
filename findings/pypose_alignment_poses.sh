#!/usr/bin/env bash
# PyPose's trajectory error (metric.ape) takes nposes, "the number of poses to use for alignment", but cuts the coordinates by
# it, not the poses. There are three of them, so that all poses are aligned whatever is asked for (1 and 2 raise), which hides
# the drift that an alignment of the start is to show. Also, it moves the caller's own float64 time stamps by the offset, so
# that the same call gives something else the next time.
#
#   helix of 200 poses, yaw drifting; RMSE of translation    pypose    evo
#   aligned over all poses                                    0.446    0.446
#   over the first 100                                        0.446    0.631
#   over the first 20                                         0.446    0.781
#   stamps 0.5 s late, offset=-0.5, over all, called thrice   0.446, 0.438, 0.430
#
# Seen with pypose 0.9.5, evo 1.38.1. Align with evo, or with pypose.svdstf on the first poses; hand over clones of the stamps.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pypose==0.9.5 evo==1.38.1 torch==2.15.0 numpy==2.4.6 scipy==1.17.1
cd "$folder"
HOME=$folder venv/bin/python - 2> /dev/null <<'PY'
from importlib.metadata import version

import numpy as np
import pypose
import torch
from evo.core.metrics import APE, PoseRelation
from evo.core.trajectory import PoseTrajectory3D
from scipy.spatial.transform import Rotation

COUNT = 200
time = np.arange(COUNT) * 0.1
place = np.stack([5 * np.cos(time / 3), 5 * np.sin(time / 3), 0.2 * time], 1)
turn = Rotation.from_rotvec(np.outer(time / 3, [0, 0, 1]))
drift = Rotation.from_rotvec(np.outer(0.0005 * np.arange(COUNT) ** 1.2, [0, 0, 1]))
start = Rotation.from_rotvec([0.1, -0.2, 0.7])
seen = start.apply(1.05 * drift.apply(place)) + [3, -2, 1]
seen_turn = start * drift * turn


def error(count, stamps=None, late=None, offset=0.0):
    poses = [pypose.SE3(torch.tensor(np.hstack([p, r.as_quat()]))) for p, r in ((place, turn), (seen, seen_turn))]
    return pypose.metric.ape(stamps, poses[0], late, poses[1], align=True, nposes=count, offset=offset, otype="RMSE").item()


def evo_error(count):
    both = [
        PoseTrajectory3D(p.copy(), np.roll(r.as_quat(), 1, axis=1), time) for p, r in ((place, turn), (seen, seen_turn))
    ]
    both[1].align(both[0], n=count)
    metric = APE(PoseRelation.translation_part)
    metric.process_data(tuple(both))
    return metric.get_all_statistics()["rmse"]


def svd_error(count):
    step = pypose.svdstf(torch.tensor(seen[:count]), torch.tensor(place[:count]), False)
    return (((step.Act(torch.tensor(seen)) - torch.tensor(place)) ** 2).sum(-1).mean() ** 0.5).item()


print("pypose", version("pypose"), "evo", version("evo"))
for count, expected in ((-1, 0.446), (100, 0.631), (20, 0.781)):
    mine, other, svd = error(count), evo_error(count), svd_error(count if count > 0 else COUNT)
    print(f"nposes={count}: pypose {mine:.3f}, evo {other:.3f}, svdstf {svd:.3f}")
    assert abs(other - expected) < 1e-3 and abs(svd - expected) < 1e-3, "the alignment itself is another one now"
    assert abs(mine - 0.446) < 1e-3, "nposes makes a difference now"
for count in (1, 2):
    try:
        error(count)
    except AssertionError:
        continue
    raise SystemExit(f"nposes={count} is taken now")
stamps = torch.tensor(time)
late = stamps + 0.5
again = [round(error(-1, stamps, late, -0.5), 3) for _ in range(3)]
print("with an offset, thrice:", again, "first stamps:", stamps[0].item(), late[0].item())
assert again == [0.446, 0.438, 0.43], "the second call is like the first one now"
assert torch.equal(late, torch.tensor(time) + 0.5) and not torch.equal(stamps, torch.tensor(time)), "stamps are kept now"
cloned = [round(error(-1, torch.tensor(time), late.clone(), -0.5), 3) for _ in range(3)]
assert cloned == [0.446] * 3, "clones do not help now"
PY
