"""The description of ``visioncore serve`` in OpenAPI, made of the same signatures as the commands."""

from __future__ import annotations

from typing import Any

from ..commands.option_list import Option, summary_of
from ..methods import Method, find_methods, load
from ..versions import version_of
from .calls import APART, PREDICT, predict_options
from .uploads import FILE

TYPES = {"boolean": "boolean", "integer": "integer", "number": "number", "text": "string", "path": "string"}
ERRORS = {
    "400": "an option or a file is not what it should be",
    "404": "there is no such method",
    "413": "the request is longer than allowed",
    "415": "the request is no form",
    "422": "nothing could be predicted; the line says why",
    "503": "as many predictions wait as may",
    "504": "the time of the prediction was over",
}


def description() -> dict[str, Any]:
    """Return the description of the server with all installed methods."""
    json_answer = {"200": {"description": "as JSON", "content": {"application/json": {}}}}
    paths: dict[str, Any] = {
        "/methods": {"get": {"summary": "List the installed methods and their weights.", "responses": json_answer}}
    }
    for method in find_methods()[0]:
        explain = {"summary": f"Explain {method.name}: options and bundled weights.", "responses": json_answer}
        paths[f"/{method.name}"] = {"get": explain}
        paths[f"/{method.name}/{PREDICT}"] = {"post": _operation(method)}
    info = {"title": "visioncore", "version": version_of("visioncore"), "description": "Vision methods over HTTP."}
    return {"openapi": "3.1.0", "info": info, "paths": paths}


def _operation(method: Method) -> dict[str, Any]:
    options = predict_options(method)
    fields = {name: _schema(option) for name, option in options.items() if name not in APART}
    required = [name for name, option in options.items() if option.required and name not in APART]
    told = options["inputs"]
    files = {"type": "array", "items": {"type": "string", "format": "binary"}, "description": told.help}
    schema = {
        "type": "object",
        "properties": {FILE: files, **fields},
        "required": [*([FILE] if told.required else []), *required],
    }
    error = {"type": "object", "properties": {"error": {"type": "string"}}}
    failures = {
        code: {"description": said, "content": {"application/json": {"schema": error}}} for code, said in ERRORS.items()
    }
    result = {
        "description": "the result, or several and run.json as a ZIP file",
        "content": {"application/octet-stream": {}, "application/zip": {}},
    }
    return {
        "summary": summary_of(load(f"{method.module}.cli:COMMANDS")[PREDICT]),
        "operationId": f"{method.module}_{PREDICT}",
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}},
        "responses": {"200": result, **failures},
    }


def _schema(option: Option) -> dict[str, Any]:
    one: dict[str, Any] = {"type": TYPES[option.type]}
    if option.choices:
        one["enum"] = list(option.choices)
    elif option.also:
        one = {"anyOf": [one, {"enum": list(option.also)}]}
    if option.count != 1:
        length = {} if option.count is None else {"minItems": option.count, "maxItems": option.count}
        one = {"type": "array", "items": one, **length}
    default = {} if option.required or option.default is None else {"default": option.default}
    return {**one, "description": option.help, **default}
