"""Turn the pipeline of a training run into the bundled weights: half floats.

python docs/demo_weights.py --run runs/motion --out src/lvmm_motion/assets/demo
"""

from __future__ import annotations

import argparse
from pathlib import Path

from lvmm_motion import AnimationPipeline


def main() -> None:
    """Write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("run", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    args = parser.parse_args()
    AnimationPipeline.from_pretrained(args.run / "last").half().save_pretrained(args.out)


if __name__ == "__main__":
    main()
