"""The widget "Segment organs (H-SAM)": an image in, a layer of labels out, in a thread that can be stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from visioncore.errors import InputError, one_line

from ..data.intensity_windows import WINDOWS
from ..method import METHOD
from .layers import organs_layer, scan_of
from .segmenting import known_organs, segment

if TYPE_CHECKING:
    from ..data.scans import Volume
    from ..inference.result import Segmentation

DEVICES = ("auto", "cpu", "cuda", "mps")


def segment_widget() -> Any:
    """Return the widget, for the viewer that is in use."""
    from napari import current_viewer

    return Panel(current_viewer()).container


class Panel:
    """The widget and what happens in it.

    Args:
        viewer: the viewer, or its model, whose images are offered and which gets the labels.

    Attributes:
        container: the widget.
        worker: the thread at work; None while there is none.
    """

    def __init__(self, viewer: Any) -> None:
        from magicgui import widgets

        self.viewer = viewer
        self.worker: Any = None
        self.image = widgets.ComboBox(label="image", choices=self._images)
        self.weights = widgets.FileEdit(
            label="weights",
            value="demo",
            filter="*.safetensors *.pth",
            tooltip="demo, a name of hsam-medseg weights list, a file, a folder, or an id on the Hugging Face Hub",
        )
        windows = [("as the weights", ""), *((name, name) for name in WINDOWS)]
        self.window = widgets.ComboBox(label="window", choices=windows, tooltip="intensities from black to white")
        self.organs = widgets.Select(
            label="organs", choices=self._organs, value=[], allow_multiple=True, tooltip="none chosen: all"
        )
        self.organs.max_height = 150
        self.largest = widgets.CheckBox(text="largest piece of each organ alone")
        self.device = widgets.ComboBox(label="device", choices=DEVICES)
        self.start, self.cancel = widgets.PushButton(text="Segment"), widgets.PushButton(text="Cancel", enabled=False)
        self.slices = widgets.ProgressBar(label="slices", min=0, max=1, value=0)
        self.told = widgets.Label(value=METHOD.notice)
        self.told.native.setWordWrap(True)  # or a long line makes the widget wide
        buttons = widgets.Container(widgets=[self.start, self.cancel], layout="horizontal", labels=False)
        self.container = widgets.Container(
            widgets=[
                self.image,
                self.weights,
                self.window,
                self.organs,
                self.largest,
                self.device,
                buttons,
                self.slices,
                self.told,
            ]
        )
        # functions, for bound methods would let go of this object
        self.weights.changed.connect(lambda: self.organs.reset_choices())
        self.start.changed.connect(lambda: self.run())
        self.cancel.changed.connect(lambda: self.stop())

    def run(self) -> None:
        """Segment the chosen image; what is wrong with it is told at once."""
        from napari.qt.threading import create_worker
        from napari.utils.notifications import notification_manager

        layer = self.image.value
        if self.worker is not None:
            return
        if layer is None:
            self.told.value = "no image: open a scan first"
            return
        try:
            scan = scan_of(layer)
        except InputError as error:
            self.told.value = str(error)
            return
        self._busy(True)
        weights = self.weights.line_edit.value.strip()
        self.told.value = f"loading weights: {weights}"
        self.worker = create_worker(
            segment,
            scan,
            weights,
            window=self.window.value or None,
            organs=tuple(self.organs.value),
            largest_component=self.largest.value,
            device=self.device.value,
            _start_thread=False,
            _ignore_errors=True,  # for they are told
        )
        self.worker.yielded.connect(self._show)
        self.worker.returned.connect(lambda result: self._add(layer, scan, result))
        self.worker.errored.connect(lambda error: self._fail(error))
        # napari's own threads would show warnings too, but with PyQt6 they never get to it
        self.worker.warned.connect(lambda warning: notification_manager.receive_warning(*warning))
        self.worker.finished.connect(lambda: self._finish())
        self.worker.start()

    def stop(self) -> None:
        """Stop after the slices at work; nothing is added then."""
        if self.worker is not None:
            self._tell("stopping after these slices")
            self.worker.quit()

    def _images(self, _: Any) -> list[Any]:
        return [layer for layer in self.viewer.layers if layer.as_layer_data_tuple()[2] == "image"]

    def _organs(self, _: Any) -> tuple[str, ...]:
        return known_organs(self.weights.line_edit.value.strip())

    def _fail(self, error: Exception) -> None:
        from napari.utils.notifications import notification_manager

        self._tell(one_line(error))
        notification_manager.receive_error(type(error), error, error.__traceback__)

    def _finish(self) -> None:
        if self.worker.abort_requested:
            self._tell("cancelled; nothing was added")
        self._busy(False)
        self.worker = None

    def _busy(self, busy: bool) -> None:
        self.start.enabled, self.cancel.enabled = not busy, busy
        self.slices.value = 0

    def _show(self, step: tuple[int, int]) -> None:
        self.slices.value, self.slices.max = 0, step[1]
        self.slices.value = step[0]
        self._tell("segmenting")

    def _add(self, layer: Any, scan: Volume, result: Segmentation) -> None:
        from napari.layers import Layer

        if self.worker.abort_requested:  # when all but this was done
            return
        self.viewer.add_layer(Layer.create(*organs_layer(layer, scan, result)))
        self._tell(str(result))

    def _tell(self, text: str) -> None:
        self.told.value = text
