"""Files in and out: what inputs name, and outputs that are written whole or not at all."""

from __future__ import annotations

from .finding import check_regular, duplicates, expand_inputs, first_bytes, matching, natural_key, once, walk
from .folders import partial_folder, recover_folders, remove_folder, replace_folder
from .json_lines import read_json, read_json_lines
from .lists import check_listed, read_list
from .lock import FolderLock
from .partial import clear_partials, hidden_beside, partial_path
from .text_lines import read_text_lines
from .writing import atomic_path, check_writable, whole_folder, writable_folder, write_text, writing

__all__ = [
    "FolderLock",
    "atomic_path",
    "check_listed",
    "check_regular",
    "check_writable",
    "clear_partials",
    "duplicates",
    "expand_inputs",
    "first_bytes",
    "hidden_beside",
    "matching",
    "natural_key",
    "once",
    "partial_folder",
    "partial_path",
    "read_json",
    "read_json_lines",
    "read_list",
    "read_text_lines",
    "recover_folders",
    "remove_folder",
    "replace_folder",
    "walk",
    "whole_folder",
    "writable_folder",
    "write_text",
    "writing",
]
