"""The weights that a run hands out, in its folders ``last`` and ``best``."""

from __future__ import annotations

import shutil
from pathlib import Path

from torch import nn

from ..files import partial_folder, replace_folder, writing


def save_weights(model: nn.Module, folder: Path) -> None:
    """Write the weights of ``model`` to ``folder``, replaced as a whole.

    By the model's own ``save_pretrained`` if it has one, else as ``model.safetensors``.

    Raises:
        InputError: if the system refuses the write.
    """
    from safetensors.torch import save_model

    with writing(folder):
        partial = partial_folder(folder)
        shutil.rmtree(partial, ignore_errors=True)
        save_pretrained = getattr(model, "save_pretrained", None)
        if save_pretrained is not None:
            save_pretrained(partial)
        else:
            partial.mkdir(parents=True)
            save_model(model, str(partial / "model.safetensors"))
        replace_folder(folder, partial)
