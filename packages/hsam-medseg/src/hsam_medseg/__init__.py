"""H-SAM: segment organs in CT and MR without prompts, from few labels (CVPR 2024)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
