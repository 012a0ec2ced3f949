#!/bin/sh
# Builds wheels of visioncore and of methods in the folder at hand, and installs them into an environment of their own.
# Dockerfile and apptainer.def call it; it runs in a shell as well, where pip and uv are.
#
#   METHODS   packages, separated by blanks, or all
#   EXTRAS    of visioncore, separated by commas
#   TORCH     cpu, a version of CUDA such as cu130, or index for the torch of the package index
#   TARGET    the environment that is made
set -eu

if [ "$METHODS" = all ]; then
    METHODS=$(ls packages)
fi
wheels=$(mktemp -d)
pip wheel --quiet --no-deps --wheel-dir "$wheels" ./shared/visioncore
core=$(echo "$wheels"/visioncore-*.whl)
for name in $METHODS; do
    pip wheel --quiet --no-deps --wheel-dir "$wheels/methods" "./packages/$name"
done

if [ "$TORCH" != index ]; then
    export UV_TORCH_BACKEND="$TORCH"
fi
python3 -m venv --without-pip "$TARGET"
# all at once, so that the core is the one that was built here
uv pip install --python "$TARGET" --no-cache --compile-bytecode "$core[$EXTRAS]" "$wheels"/methods/*.whl
rm -r "$wheels"
