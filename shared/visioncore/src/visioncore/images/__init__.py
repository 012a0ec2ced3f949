"""Images in files: read as RGB with alpha, profile and EXIF, written back in the same depth."""

from .image import (
    IMAGE_SUFFIXES,
    WRITTEN_SUFFIXES,
    Image,
    from_pillow,
    from_tensor,
    image_size,
    read_image,
    to_tensor,
    write_image,
)
from .opaque import on_white
from .png import Compression
from .sixteen_bit import Pixels, eight_bit

__all__ = [
    "IMAGE_SUFFIXES",
    "WRITTEN_SUFFIXES",
    "Compression",
    "Image",
    "Pixels",
    "eight_bit",
    "from_pillow",
    "from_tensor",
    "image_size",
    "on_white",
    "read_image",
    "to_tensor",
    "write_image",
]
