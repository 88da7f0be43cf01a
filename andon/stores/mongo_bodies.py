"""JSON values as BSON and back, whatever they hold: what BSON or MongoDB cannot take is wrapped, as ASCII JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_WRAPPED = "$json"
_INT64 = 2**63


def to_bson(value: Any) -> Any:
    r"""Return a value that MongoDB stores: itself, but for halves of characters, integers beyond 64 bits, odd names.

    Examples
    --------
    >>> to_bson({"speed": 1.5, "unit": "1/min"})
    {'speed': 1.5, 'unit': '1/min'}
    >>> to_bson({"note": "\ud83d", "a.b": 1})
    {'$json': '{"note": "\\ud83d", "a.b": 1}'}
    """
    if isinstance(value, Mapping):
        if all(_is_name(name) for name in value):
            return {name: to_bson(one) for name, one in value.items()}
        return {_WRAPPED: json.dumps(value)}
    if isinstance(value, list | tuple):
        return [to_bson(one) for one in value]
    if (isinstance(value, str) and not _is_text(value)) or (isinstance(value, int) and not -_INT64 <= value < _INT64):
        return {_WRAPPED: json.dumps(value)}
    return value


def from_bson(value: Any) -> Any:
    """Inverse of `to_bson`; tuples come back as lists.

    Examples
    --------
    >>> from_bson(to_bson({"x": [2**70, "a"], "": None}))
    {'x': [1180591620717411303424, 'a'], '': None}
    """
    if isinstance(value, dict):
        if _WRAPPED in value:
            return json.loads(value[_WRAPPED])
        return {name: from_bson(one) for name, one in value.items()}
    return [from_bson(one) for one in value] if isinstance(value, list) else value


def _is_name(name: object) -> bool:
    return isinstance(name, str) and bool(name) and name[0] != "$" and not set(name) & {".", "\0"} and _is_text(name)


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
