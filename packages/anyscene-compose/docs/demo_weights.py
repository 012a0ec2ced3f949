"""Write the bundled folders: networks in half floats.

python docs/demo_weights.py --base runs/base --injector runs/injector --judge runs/judge \\
    --out src/anyscene_compose/assets
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from anyscene_compose import Injector
from visioncore.weights.card import CARD_FILE, card_from


def main() -> None:
    """Write the folders ``base``, ``demo`` and ``judge``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("base", "injector", "judge", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    args = parser.parse_args()
    # what they say of steps and figures is brought up to date by hand
    cards = {
        name: card_from(json.loads((args.out / name / CARD_FILE).read_text())) for name in ("base", "demo", "judge")
    }
    for name, folder in (("base", args.base), ("judge", args.judge)):
        shutil.rmtree(args.out / name, ignore_errors=True)
        shutil.copytree(folder, args.out / name)
    # the same as vocab.json and merges.txt, and larger
    (args.out / "base" / "tokenizer" / "tokenizer.json").unlink(missing_ok=True)
    for part in ("unet", "vae"):
        config = args.out / "base" / part / "config.json"
        told = json.loads(config.read_text())
        told.pop("_name_or_path", None)
        config.write_text(json.dumps(told, indent=2) + "\n")
    Injector.from_pretrained(args.injector / "last").half().save_pretrained(args.out / "demo")
    for name, card in cards.items():
        card.save(args.out / name)


if __name__ == "__main__":
    main()
