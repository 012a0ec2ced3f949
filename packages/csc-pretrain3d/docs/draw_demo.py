"""Draw docs/demo.jpg: predicted classes of a made-up street that the network has never seen.

python packages/csc-pretrain3d/docs/draw_demo.py [WEIGHTS]
"""

from __future__ import annotations

import sys
from pathlib import Path

from csc_pretrain3d import Predictor
from csc_pretrain3d.data.synthetic import SensorConfig, synthetic_frame
from visioncore.images import read_image, write_image

SCENE = 90_005
"""Far from the seeds that training draws its streets from."""

if __name__ == "__main__":
    weights = sys.argv[1] if len(sys.argv) > 1 else "demo"
    scan = synthetic_frame(SCENE, sensors=SensorConfig(), cameras=False).scan
    drawn = Path(__file__).with_name("demo.png")
    result = Predictor(weights, "cpu")(scan)
    result.plot(drawn)
    write_image(drawn.with_suffix(".jpg"), read_image(drawn))
    drawn.unlink()
