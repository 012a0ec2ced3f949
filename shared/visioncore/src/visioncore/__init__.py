"""The core of the methods: devices, tiling, weights, training, images, metrics, reports, commands.

Import the module you need (``from visioncore.images import read_image``); nothing is loaded before.
"""


def __getattr__(name: str) -> str:
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pathlib import Path

    from .versions import version_of

    # a copy lies in that of the method, where the versions of both are recorded
    return version_of("visioncore", Path(__file__).parents[1], "visioncore")
