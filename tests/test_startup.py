"""Loading a network loads no more than it needs: torch's compiler takes longer than all else."""

from __future__ import annotations

import subprocess
import sys

import pytest

from visioncore.methods import Method, find_methods

# diffusers loads all of them itself
SLOW = ("torch._dynamo", "torch._inductor", "sympy", "torchvision", "transformers")


@pytest.mark.parametrize("method", find_methods()[0], ids=lambda method: method.name)
def test_bundled_weights_are_loaded_without_what_is_slow(method: Method) -> None:
    lines = (
        "import sys",
        "from visioncore.weights.loading import bundled_model",
        f"from {method.module}.method import METHOD",
        "bundled_model(METHOD)",
        f"print([name for name in {SLOW!r} if name in sys.modules and 'diffusers' not in sys.modules])",
    )
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
