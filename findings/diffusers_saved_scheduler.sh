#!/usr/bin/env bash
# Saving a pipeline of diffusers and loading it again changes what it draws once its scheduler is replaced, which is done
# by NewScheduler.from_config(pipe.scheduler.config). A setting that nobody gave is forgotten when another scheduler takes
# the settings over, and the new one's default holds; save_pretrained writes all of them down, and after loading they count
# as given. So an untouched model and its own copy on disk are sampled at other timesteps, or with another noise schedule,
# with the same seed, code and weights.
#
#   DDIM or PNDM -> DPM-Solver++, 10 steps    timesteps 999, 899, ...    after save and load 900, 810, ...
#   DDIM         -> Heun                      betas 0.00085 to 0.012     after save and load 0.0001 to 0.02
#   Euler        -> DDIM, 10 steps            timesteps 900, 800, ...    after save and load 999, 888, ...
#
# Seen with diffusers 0.42.1, PyTorch 2.15.0. Give timestep_spacing, beta_start, beta_end and beta_schedule by name where a
# scheduler is made or replaced.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.15.0 numpy==2.4.6 diffusers==0.42.1
cd "$folder"
HF_HUB_OFFLINE=1 venv/bin/python - <<'PY'
import warnings

warnings.simplefilter("ignore")
import diffusers

print("diffusers", diffusers.__version__)


def both(own, other):
    """Return a scheduler made from another one, and one made from the same after it was saved and loaded."""
    own, other = getattr(diffusers, own), getattr(diffusers, other)
    first = own()
    first.save_pretrained("saved")
    made = [other.from_config(scheduler.config) for scheduler in (first, own.from_pretrained("saved"))]
    for scheduler in made:
        scheduler.set_timesteps(10)
    return made


seen = {}
for own in ("DDIMScheduler", "PNDMScheduler"):
    seen[own] = [made.timesteps[:2].tolist() for made in both(own, "DPMSolverMultistepScheduler")]
seen["Euler"] = [made.timesteps[:2].tolist() for made in both("EulerDiscreteScheduler", "DDIMScheduler")]
seen["Heun"] = [[made.config.beta_start, made.config.beta_end] for made in both("DDIMScheduler", "HeunDiscreteScheduler")]
for name, values in seen.items():
    print(name, *values)
assert seen["DDIMScheduler"] == seen["PNDMScheduler"] == [[999, 899], [900, 810]], "DPM-Solver++ has changed"
assert seen["Euler"] == [[900, 800], [999, 888]], "DDIM has changed"
assert seen["Heun"] == [[0.00085, 0.012], [0.0001, 0.02]], "Heun has changed"
PY
