"""CLIPDenoising: an image denoiser that holds up under noise it was not trained on (CVPR 2024)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
