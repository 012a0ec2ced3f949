#!/usr/bin/env bash
# The header extension in which Connectome Workbench keeps the names of labels (code 30) can no longer be asked for its
# content: since nibabel 5.3 get_content() of an extension that was read from a file raises NotImplementedError for the
# codes that the library lists but has no class for. Code 0, which TotalSegmentator writes its names with, gives bytes
# as before. Programs that go through all extensions of a label file end at the first of Workbench's.
#
#   nibabel    code 0    code 30                   .content of code 30
#   5.2.1      bytes     bytes                     no such attribute
#   5.4.2      bytes     NotImplementedError       bytes
#
# Seen with nibabel 5.2.1 and 5.4.2. Ask for .content where it is there.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/ask.py" <<'PY'
import sys

import nibabel
import numpy as np
from nibabel.nifti1 import Nifti1Extension

table = b"<CaretExtension><VolumeInformation Index='0'/></CaretExtension>"
found = []
for code in (0, 30):
    image = nibabel.Nifti1Image(np.zeros((2, 2, 2), np.uint8), np.eye(4))
    image.header.extensions.append(Nifti1Extension(code, table))
    nibabel.save(image, f"{sys.argv[1]}/labels.nii")
    extension = nibabel.load(f"{sys.argv[1]}/labels.nii").header.extensions[0]
    try:
        found.append(type(extension.get_content()).__name__)
    except NotImplementedError:
        found.append("NotImplementedError")
found.append(type(extension.content).__name__ if hasattr(extension, "content") else "none")
print("nibabel", nibabel.__version__, *found)
PY
for version in 5.2.1 5.4.2; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install --quiet "nibabel==$version" "numpy==1.26.4" packaging importlib-resources
    "$folder/$version/bin/python" "$folder/ask.py" "$folder"
done | tee "$folder/seen"
grep -qx "nibabel 5.2.1 bytes bytes none" "$folder/seen" || { echo "5.2.1 is not as it was"; exit 1; }
grep -qx "nibabel 5.4.2 bytes NotImplementedError bytes" "$folder/seen" || { echo "5.4.2 is not as it was"; exit 1; }
