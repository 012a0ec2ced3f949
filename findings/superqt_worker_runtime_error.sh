#!/usr/bin/env bash
# A worker of superqt, which is napari's thread_worker, never ends when its generator raises a RuntimeError: it emits
# neither "errored" nor "finished", so progress bars stay and buttons stay grey. PyTorch's errors are RuntimeErrors, that
# of a device out of memory among them. Any other error is told, and so is a RuntimeError of a function that yields nothing.
#
#   generator, ValueError     started, yielded, errored, finished
#   generator, RuntimeError   started, yielded
#   function, RuntimeError    started, errored, finished
#
# Seen with superqt 0.9.0, QtPy 2.4.3, PyQt6 6.11.0 (Qt needs its system libraries, such as libegl1; no display). In a
# generator worker catch RuntimeError and raise another error from it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet superqt==0.9.0 qtpy==2.4.3 PyQt6==6.11.0
cd "$folder"
QT_QPA_PLATFORM=offscreen venv/bin/python -W ignore - <<'PY'
import sys
import time

from qtpy.QtWidgets import QApplication
from superqt.utils import create_worker

sys.excepthook = lambda *_: None  # errors are raised again in the main thread, which would end it
app = QApplication([])
NAMES = ("started", "yielded", "errored", "returned", "finished")


def generator(error):
    yield 1
    raise error


def function(error):
    raise error


def seen(work, error):
    """Return the signals that a worker emits in two seconds."""
    found = []
    worker = create_worker(work, error, _start_thread=False)
    for name in NAMES:
        if signal := getattr(worker, name, None):
            signal.connect(lambda *_, name=name: found.append(name))
    worker.start()
    end = time.monotonic() + 2
    while time.monotonic() < end:
        app.processEvents()
        time.sleep(0.01)
    print(work.__name__, type(error).__name__, found)
    return found


assert seen(generator, ValueError("bad")) == ["started", "yielded", "errored", "finished"], "behaviour changed"
assert seen(generator, RuntimeError("bad")) == ["started", "yielded"], "behaviour changed"
assert seen(function, RuntimeError("bad")) == ["started", "errored", "finished"], "behaviour changed"
PY
echo "as described"
