"""The pages: one that shows what there is, and one for each method."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from html import escape
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from ..errors import InputError, one_line
from ..extras import require
from ..jobs.limits import Limits
from ..methods import Method
from ..weights.places import DEMO
from . import shown
from .fields import MOST_TEXT, Field, fields_of, panel_of, sample_of
from .holdings import KEPT_SECONDS, Holdings
from .running import Runner
from .style import STYLE

TITLE = "Vision methods"
COLOURS = {
    "button_primary_background_fill": "#14665a",
    "button_primary_background_fill_hover": "#0f5249",
    "button_primary_background_fill_dark": "#1c7d6f",
    "button_primary_background_fill_hover_dark": "#239484",
    "block_info_text_color": "#55606f",
    "block_info_text_color_dark": "#a3adba",
    "body_text_color_subdued": "#55606f",
    "body_text_color_subdued_dark": "#a3adba",
}
"""Where those of the theme are too pale to be read with ease."""
RUNS = "runs"
"""Name under which the runs of all methods share one queue."""


def build(
    methods: Sequence[Method], limits: Limits, holdings: Holdings, folders: tuple[Path, ...]
) -> tuple[Any, dict[str, Any]]:
    """Return the pages as `gradio.Blocks`, and what ``launch`` must be told of their look.

    Args:
        methods: those to show.
        limits: what users may ask for.
        holdings: where their files are kept.
        folders: in which they may name weights.

    Raises:
        InputError: if gradio is missing, or a method's panel does not fit its command.
    """
    gr = require("gradio", "web")
    blocks = gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(KEPT_SECONDS // 6, KEPT_SECONDS))
    with blocks:
        gr.Navbar(visible=False)
        gr.HTML(_front(methods), padding=False)
    for method in methods:
        with blocks.route(method.title, method.name, show_in_navbar=False):
            gr.Navbar(visible=False)
            _MethodPage(gr, Runner(method, fields_of(method), limits, holdings, folders)).build()

    def leave(request: Any) -> None:
        holdings.close(request.session_hash)
        holdings.remove_older(KEPT_SECONDS)

    with blocks:
        blocks.unload(_with_request(gr, leave))
    blocks.queue(default_concurrency_limit=1, max_size=max(limits.waiting, 1), api_open=False)
    hues = {"primary_hue": "teal", "secondary_hue": "teal", "neutral_hue": "slate"}
    # fonts of the user's own system: those of the default theme are fetched
    fonts = {"font": ("system-ui", "sans-serif"), "font_mono": ("ui-monospace", "monospace")}
    theme = gr.themes.Default(**hues, **fonts).set(**COLOURS)
    return blocks, {"theme": theme, "css": STYLE}


def _front(methods: Sequence[Method]) -> str:
    cards = "".join(
        f'<a class="card" href="{escape(method.name)}"><strong>{escape(panel_of(method).verb)}</strong>'
        f"<span>{escape(_sentence(method.task))} Takes {escape(panel_of(method).takes)}.</span>"
        f"<em>{escape(method.title)} · {escape(method.venue)}</em></a>"
        for method in methods
    )
    return (
        f'<div class="top"><h1>{TITLE}</h1><p>Try each one on a file of your own or on its example. Everything runs on '
        f'this machine, and files are deleted when you leave a page.</p></div><div class="cards">{cards}</div>'
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."


def _with_request(gr: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    """Let gradio hand the request to a function: it looks for an argument of that type."""
    function.__annotations__["request"] = gr.Request
    return function


class _MethodPage:
    """Builds the page of one method."""

    def __init__(self, gr: Any, runner: Runner) -> None:
        self.gr, self.runner = gr, runner
        self.method, self.fields, self.limits = runner.method, runner.fields, runner.limits
        self.panel = panel_of(runner.method)

    def build(self) -> None:
        """Place the components of the page and what happens when they are used."""
        gr, panel = self.gr, self.panel
        gr.HTML(self._head(), padding=False)
        with gr.Row(equal_height=False):
            with gr.Column(scale=4, min_width=300):
                upload = _upload(gr, label=f"Your file: {panel.takes}", several=panel.gathers)
                chosen = gr.HTML(elem_classes=["result", "chosen"], padding=False)
                inputs = [upload, *self._options(), *self._weights()]
                with gr.Row():
                    example = gr.Button("Try the example", min_width=120)
                    run = gr.Button("Run", variant="primary", min_width=120)
                gr.HTML(f'<p class="about">{escape(self._limits())}</p>', padding=False)
            with gr.Column(scale=6, min_width=300):
                slider = gr.ImageSlider(
                    label="Before and after", type="filepath", interactive=False, visible=False, buttons=["fullscreen"]
                )
                result = gr.HTML(self._waiting(), elem_classes=["result"], padding=False)
                command = gr.Textbox(
                    label="The same on the command line",
                    interactive=False,
                    visible=False,
                    lines=2,
                    buttons=["copy"],
                    elem_classes=["command"],
                )
        gr.HTML(self._about(), padding=False)
        outputs, private = [slider, result, command], {"api_visibility": "private"}
        queued = {"concurrency_id": RUNS, "concurrency_limit": 1, "show_progress": "minimal"} | private
        run.click(_with_request(gr, self.run), inputs, outputs, **queued)
        upload.change(_with_request(gr, self.show_chosen), [upload], [chosen], queue=False, **private)
        for other in inputs[1:]:
            if isinstance(other, gr.File):
                other.change(_with_request(gr, self.hold), [other], [], queue=False, **private)
        example.click(
            _with_request(gr, self.take_example), [], inputs, queue=False, show_progress="hidden", **private
        ).success(_with_request(gr, self.run), inputs, outputs, **queued)

    def run(self, request: Any, upload: Any, *values: Any) -> Iterator[tuple[Any, ...]]:
        """Yield what slider, result and command line show while a run goes on and when it has ended."""
        gr = self.gr
        *values_of_fields, name, own = values
        given = {field.option.name: value for field, value in zip(self.fields, values_of_fields, strict=True)}
        weights = _paths(own) or str(name or "")
        hidden, unknown = gr.update(visible=False, value=None), gr.update(visible=False)
        try:
            for run in self.runner.run(request.session_hash, _paths(upload), given, weights):
                line = gr.update(visible=True, value=run.command)
                if run.outcome is None:
                    yield hidden, shown.working(run), line
                    continue
                both = None if run.fault else shown.sliding(self.panel, run)
                slider = gr.update(visible=True, value=both) if both else hidden
                yield slider, shown.result(self.panel, run), line
        except (InputError, OSError) as error:
            yield hidden, shown.wrong(one_line(error)), unknown

    def show_chosen(self, request: Any, upload: Any) -> str:
        """Return HTML with the file that was chosen, and keep it until the page is left."""
        self.hold(request, upload)
        return "".join(shown.preview(path) for path in _paths(upload) if path.suffix.lower() in shown.VISIBLE)

    def hold(self, request: Any, upload: Any) -> None:
        """Keep files that were chosen until the page is left."""
        for path in _paths(upload):
            self.runner.holdings.hold(request.session_hash, path)

    def take_example(self, request: Any) -> list[Any]:
        """Return the sample and the values that go with it."""
        folder = self.runner.holdings.new_folder(request.session_hash)
        return [
            self._sample(sample_of(self.method), folder),
            *(self._example_of(field, folder) for field in self.fields),
            DEMO,
            None,
        ]

    def _example_of(self, field: Field, folder: Path) -> Any:
        if field.kind == "file":
            return self._sample(field.option.example, folder) if field.option.example else None
        value = field.default if field.option.example is None else field.option.example
        return list(value) if field.kind == "several" else value

    def _sample(self, place: str, folder: Path) -> str:
        with as_file(files(self.method.module) / place) as sample:
            return str(shutil.copy(sample, folder / Path(place).name))

    def _options(self) -> list[Any]:
        """Place the options: the first few at sight, the others folded."""
        first = [self._component(field) for field in self.fields[:3]]
        if not self.fields[3:]:
            return first
        with self.gr.Accordion("More options", open=False):
            return first + [self._component(field) for field in self.fields[3:]]

    def _weights(self) -> list[Any]:
        """Place the two ways to other weights, folded."""
        gr, folders = self.gr, ", ".join(map(str, self.runner.folders))
        told = "demo, a name that weights list shows, or a hub id: whatever was fetched before, by the command"
        with gr.Accordion("Weights of your own", open=False):
            name = gr.Textbox(
                DEMO,
                label="Weights",
                lines=1,
                max_length=MOST_TEXT,
                interactive=True,
                info=(f"{told}; or a path in {folders}" if folders else told),
            )
            own = _upload(
                gr, "Or send them: the authors' file, or config.json with model.safetensors", 110, several=True
            )
        return [name, own]

    def _component(self, field: Field) -> Any:
        gr, option = self.gr, field.option
        shared = {"label": field.label[:1].upper() + field.label[1:], "interactive": True}
        told = {"info": field.help} if field.help else {}
        if field.kind == "file":
            return _upload(gr, label=f"{shared['label']}: {field.help}", height=110)
        if field.kind == "switch":
            return gr.Checkbox(value=field.default, **shared, **told)
        if field.kind == "number":
            bounds = {"minimum": option.low, "maximum": option.high, "step": field.step}
            return gr.Slider(value=field.default, **bounds, **shared, **told)
        if field.kind == "choice":
            named = [(str(value) if value != "" else "as the weights say", value) for value in field.values]
            return gr.Dropdown(named, value=field.default, **shared, **told)
        if field.kind == "several":
            return gr.CheckboxGroup(list(field.values), value=list(field.default), **shared, **told)
        return gr.Textbox(value=field.default, lines=1, max_length=MOST_TEXT, **shared, **told)

    def _head(self) -> str:
        hint = f" {escape(self.panel.hint)}" if self.panel.hint else ""
        return (
            f'<div class="top"><a class="back" href="./">← All methods</a><h1>{escape(self.panel.verb)}</h1>'
            f"<p>{escape(self.method.title)}: {escape(_sentence(self.method.task))}{hint}</p></div>"
        )

    def _waiting(self) -> str:
        return (
            '<p class="state working">The result appears here. Choose a file and press Run, or try the example.</p>'
            f'<p class="note">{escape(_sentence(self.method.demo_notice))}</p>'
        )

    def _limits(self) -> str:
        minutes, limits = self.limits.seconds / 60, self.limits
        return (
            f"Files of up to {limits.megabytes:g} MB, runs of up to {minutes:g} minutes, one at a time. Your file and "
            "the result are deleted when you leave this page."
        )

    def _about(self) -> str:
        method = self.method
        notice = f" {escape(method.notice)}" if method.notice else ""
        return (
            f'<p class="about">{escape(method.paper)}. {escape(method.authors)}. {escape(method.venue)}.{notice} '
            f"More: <code>{escape(method.name)} --help</code></p>"
        )


def _paths(upload: str | list[str] | None) -> list[Path]:
    """Return the places of what a browser sent; a component for one file gives no list."""
    return [Path(each) for each in ([upload] if isinstance(upload, str) else upload or [])]


def _upload(gr: Any, label: str, height: int = 150, *, several: bool = False) -> Any:
    """Return a component for a file that takes what a browser sent, and no address from which the server would fetch.

    The kind of a file is checked when it runs, as browsers do not know all of them.
    """
    upload = gr.File(label=label, interactive=True, height=height, file_count="multiple" if several else "single")
    store = upload.async_move_resource_to_block_cache

    async def checked(place: Any) -> Any:
        if isinstance(place, str) and "://" in place:
            raise gr.Error("addresses are not taken; upload the file")
        return await store(place)

    # a subclass would count as a component with files of its own for the browser
    upload.async_move_resource_to_block_cache = checked
    return upload
