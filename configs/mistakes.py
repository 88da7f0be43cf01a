"""What pydantic found wrong, as one `ConfigError` for people: place, value and remedy."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from configs.durations import format_duration
from configs.errors import ConfigError
from configs.expressions import did_you_mean

MAX_PROBLEM = 400
_EXAMPLES = {
    "actionable": "true",
    "clear": "oil_temperature < 75",
    "costs": "{missed: 5, false: 1}",
    "days": "[mon, tue]",
    "digest": "5",
    "email": "[shift-lead@plant.example]",
    "end": "2026-03-01",
    "events": "[firing, resolved]",
    "exclude": "[operator_note]",
    "family": "presses",
    "features": "{windows: [5m, 30m], stride: 5m}",
    "functions": "[mean, std]",
    "horizon": "30m",
    "hours": '["22:00-06:00"]',
    "include": "[oil_temperature, speed]",
    "learners": "[lightgbm]",
    "limit": "{messages: 20, per: 1h}",
    "lines": "{family: presses}",
    "max": "90",
    "messages": "20",
    "min": "40",
    "monitor": "normal-running",
    "move": "{cost: 1}",
    "name": "press-07",
    "names": "[press-07]",
    "per": "1h",
    "precision": "0.8",
    "rate": "1%",
    "report": '"0 6 * * *"',
    "retrain": '"0 2 * * 1"',
    "routes": "[maintenance]",
    "sampling": "60s",
    "search": "{trials: 30, time: 10m}",
    "shifts": '["06:00", "14:00"]',
    "start": "2026-01-01",
    "step": "1",
    "stride": "5m",
    "target": "jam == 1",
    "time": "10m",
    "timezone": "Europe/Paris",
    "train": "{start: 2026-01-01, end: 2026-03-01}",
    "trials": "30",
    "type": "threshold",
    "unit": '"1/min"',
    "validation": "{start: 2026-03-01, end: 2026-04-01}",
    "variables": "[{name: oil_temperature}]",
    "when": "oil_temperature > 80",
    "webhook": "https://hooks.plant.example/andon",
    "window": "30",
    "windows": "[5m, 30m]",
}
_KINDS = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "model_type": "must be a mapping of fields",
    "model_attributes_type": "must be a mapping of fields",
    "dict_type": "must be a mapping of fields",
    "finite_number": "must be a finite number",
}
_BOUNDS = {
    "greater_than": ("gt", "greater than", "longer than"),
    "greater_than_equal": ("ge", "at least", "at least"),
    "less_than": ("lt", "less than", "shorter than"),
    "less_than_equal": ("le", "at most", "at most"),
}


def show(value: Any) -> str:
    """Write a value as it would stand in YAML, at most 60 characters.

    Examples
    --------
    >>> show(None), show(True), show("a"), show({"start": 1})
    ('nothing', 'true', "'a'", '{start: 1}')
    """
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, float):
        return f"{value:g}" if abs(value) < 1e15 else repr(value)
    if isinstance(value, Mapping):
        text = "{" + ", ".join(f"{written(str(key))}: {show(inner)}" for key, inner in list(value.items())[:6]) + "}"
    elif isinstance(value, list | tuple):
        text = "[" + ", ".join(show(inner) for inner in value[:6]) + "]"
    else:
        text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def written(word: str) -> str:
    r"""Return a word of a file so that it can stand in a line of text: without line breaks, and not too long.

    Examples
    --------
    >>> print(written("horizn"), written("a\nb"))
    horizn 'a\nb'
    """
    return word if word.isprintable() and len(word) <= 60 else show(word)


def config_error(error: ValidationError, model: type[BaseModel], place: str) -> ConfigError:
    """Return the one `ConfigError` that says best what is wrong.

    An unknown field is told first, since a slip of the pen there often is why another is missing.
    """
    found = sorted(error.errors(include_url=False), key=lambda one: one["type"] != "extra_forbidden")
    first = found[0]
    path = [part for part in first["loc"] if part not in ("function-after", "function-before")]
    context = first.get("ctx", {})
    kind, value = first["type"], first["input"]
    last = next((str(part) for part in reversed(path) if isinstance(part, str)), "")
    example = f"write for example {last}: {_EXAMPLES[last]}" if last in _EXAMPLES else ""
    if kind == "extra_forbidden":
        known = [info.alias or name for name, info in _model_at(model, path[:-1]).model_fields.items()]
        problem, remedy = f"unknown field, got {show(value)}", did_you_mean(str(path[-1]), known)
    elif kind == "missing":
        problem, remedy = "is missing", example.replace("write for example", "add for example") or "add it"
    elif kind == "value_error":
        inner = context.get("error")
        if inner is not None and hasattr(inner, "field"):
            path += inner.field.split(".")
            problem, remedy = inner.problem, inner.remedy
        else:
            problem, _, remedy = str(inner).replace(repr(value), show(value)).rpartition("; ")
        if value is None:
            problem, remedy = "is empty", example or remedy
    elif kind == "literal_error":
        problem, remedy = _choice(str(context.get("expected", "")), value)
    elif kind in _BOUNDS:
        key, words, time_words = _BOUNDS[kind]
        limit = context.get(key)
        span = isinstance(limit, timedelta | str)
        bound = ("0" if span else show(float(limit))) if limit is not None else "?"
        got = value if span and isinstance(value, str) else show(value)
        problem = f"must be {time_words if span else words} {bound}, got {got}"
        remedy = f"try {_EXAMPLES[last]}" if last in _EXAMPLES else "write a value within its bounds"
    elif kind in _KINDS:
        problem, remedy = f"{_KINDS[kind]}, got {show(value)}", _plain(kind, value, last) or example or "mend it"
    elif kind in ("too_short", "string_too_short"):
        problem, remedy = f"must not be empty, got {show(value)}", example or "write one or more, or remove the field"
    elif kind in ("too_long", "string_too_long"):
        limit = context.get("max_length")
        problem, remedy = f"is longer than {limit}, got {show(value)}", "shorten it"
    else:
        problem, remedy = f"{first['msg'][:1].lower()}{first['msg'][1:]}, got {show(value)}", example or "mend it"
    problem = problem if len(problem) <= MAX_PROBLEM else problem[: MAX_PROBLEM - 3] + "..."
    return ConfigError(f"{place}: {_dotted(path)}" if path else place, problem, remedy)


def _dotted(path: Sequence[str | int]) -> str:
    text = ""
    for part in (written(part) if isinstance(part, str) else part for part in path):
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _choice(expected: str, value: Any) -> tuple[str, str]:
    words = re.findall(r"'([^']*)'", expected)
    listed = " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
    remedy = did_you_mean(value, words) if isinstance(value, str) else f"write {words[0]}"
    if not remedy.startswith("did"):
        remedy = f"write {words[0]}" if len(words) == 1 else "choose one of them"
    return f"must be {listed}, got {show(value)}", remedy


def _plain(kind: str, value: Any, last: str) -> str:
    if kind in ("int_type", "float_type", "int_from_float") and isinstance(value, str):
        try:
            float(value)
        except ValueError:
            return ""
        return f"write {last}: {value} without quotes"
    if kind == "bool_type" and isinstance(value, str) and value.lower() in ("yes", "on", "y", "no", "off", "n"):
        return f"write {last}: {'true' if value.lower() in ('yes', 'on', 'y') else 'false'}"
    if kind == "string_type" and isinstance(value, int | float):
        return f'put it in quotes: "{show(value)}"'
    if kind == "tuple_type" and isinstance(value, str | int | float):
        return f"write {last}: [{value}]"
    return ""


def _model_at(model: type[BaseModel], path: Sequence[str | int]) -> type[BaseModel]:
    for part in path:
        if isinstance(part, int):
            continue
        for name, info in model.model_fields.items():
            if part in (name, info.alias):
                model = _model_in(info.annotation) or model
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner))), None)
