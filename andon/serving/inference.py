"""Requests and answers of the Open Inference Protocol, version 2, with its extension for binary tensors.

https://github.com/kserve/open-inference-protocol and Triton's ``extension_binary_data``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from andon.errors import DataError

DATATYPES: dict[str, str] = {
    "BOOL": "?",
    "UINT8": "<u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "<i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}
"""The protocol's names of types, and NumPy's."""
_NAMES = {np.dtype(kind): name for name, kind in DATATYPES.items()}
LENGTH_HEADER = "Inference-Header-Content-Length"
"""How long the JSON part of a body is, where binary tensors follow it."""
_MOST_VALUES = 50_000_000


@dataclass(frozen=True, slots=True)
class Inference:
    """What is asked of a model: its inputs by name, and the outputs that are wanted (None: all)."""

    id: str | None
    inputs: dict[str, NDArray[Any]]
    outputs: tuple[str, ...] | None
    binary: frozenset[str]
    """Outputs that are wanted as bytes."""
    all_binary: bool = False


def read_request(body: bytes, header_length: int | None = None) -> Inference:
    """Read the body of a request.

    Parameters
    ----------
    header_length
        Length of the JSON part, if binary tensors follow it.

    Raises
    ------
    DataError
        Naming the field that is not as the protocol wants it.
    """
    if header_length is not None and not 0 < header_length <= len(body):
        raise DataError(LENGTH_HEADER, f"is {header_length} of {len(body)} bytes", "give the length of the JSON part")
    head = body if header_length is None else body[:header_length]
    try:
        request = orjson.loads(head)
    except orjson.JSONDecodeError as error:
        raise DataError("body", f"is not JSON: {error}", "send an inference request") from None
    if not isinstance(request, dict):
        raise DataError("body", "is not an object", "send an inference request")
    inputs = request.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise DataError("inputs", "is not a list of tensors", "give at least one")
    found: dict[str, NDArray[Any]] = {}
    at = len(head)
    for place, one in enumerate(inputs):
        name, tensor, at = _tensor(one, f"inputs[{place}]", body, at, header_length is not None)
        if name in found:
            raise DataError(f"inputs[{place}].name", f"names {name!r} twice", "give each input once")
        found[name] = tensor
    if at != len(body):
        raise DataError("body", f"has {len(body) - at} bytes that no tensor claims", "mend binary_data_size")
    return _asked(request, found)


def _asked(request: Mapping[str, Any], inputs: dict[str, NDArray[Any]]) -> Inference:
    identity, outputs, parameters = request.get("id"), request.get("outputs"), request.get("parameters")
    if identity is not None and (not isinstance(identity, str) or len(identity) > 1000):
        raise DataError("id", "is not a text of at most 1000 characters", "leave it out")
    if parameters is not None and not isinstance(parameters, dict):
        raise DataError("parameters", "is not an object", "leave it out")
    all_binary = bool((parameters or {}).get("binary_data_output", False))
    if outputs is None:
        return Inference(identity, inputs, None, frozenset(), all_binary)
    names, binary = [], set()
    if not isinstance(outputs, list):
        raise DataError("outputs", "is not a list", "leave it out for all")
    for place, one in enumerate(outputs):
        name = one.get("name") if isinstance(one, dict) else None
        if not isinstance(name, str):
            raise DataError(f"outputs[{place}].name", "is not a text", "name an output")
        wanted = one.get("parameters")
        if wanted is not None and not isinstance(wanted, dict):
            raise DataError(f"outputs[{place}].parameters", "is not an object", "leave it out")
        if (wanted or {}).get("binary_data", all_binary):
            binary.add(name)
        names.append(name)
    return Inference(identity, inputs, tuple(names) or None, frozenset(binary), all_binary and not names)


def _tensor(one: Any, place: str, body: bytes, at: int, binary: bool) -> tuple[str, NDArray[Any], int]:
    """Read one input; return its name, values and where the next one's bytes begin."""
    if not isinstance(one, dict):
        raise DataError(place, "is not an object", "give name, shape, datatype and data")
    name, shape, kind = one.get("name"), one.get("shape"), one.get("datatype")
    if not isinstance(name, str):
        raise DataError(f"{place}.name", "is not a text", "name the input")
    if kind.__class__ is not str or kind not in DATATYPES:
        known = ", ".join(DATATYPES)
        raise DataError(f"{place}.datatype", f"is {str(kind)[:40]!r}", f"give one of {known}")
    if (
        not isinstance(shape, list)
        or len(shape) > 8
        or not all(type(size) is int and 0 <= size <= _MOST_VALUES for size in shape)
        or math.prod(shape) > _MOST_VALUES
    ):
        raise DataError(f"{place}.shape", "is not a list of sizes", "give for example [1, 60]")
    parameters = one.get("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        raise DataError(f"{place}.parameters", "is not an object", "leave it out")
    length = (parameters or {}).get("binary_data_size")
    if length is None:
        values = _from_json(one.get("data"), kind, place)
    else:
        if not binary or type(length) is not int or not 0 <= length <= len(body) - at:
            raise DataError(f"{place}.parameters.binary_data_size", "does not fit the body", f"send {LENGTH_HEADER}")
        dtype = np.dtype(DATATYPES[kind])
        if length % dtype.itemsize:
            raise DataError(f"{place}.parameters.binary_data_size", f"is no multiple of {dtype.itemsize}", "mend it")
        values = np.frombuffer(body, dtype, length // dtype.itemsize, at)
        at += length
    if values.size != math.prod(shape):
        problem = f"has {values.size} values, the shape {shape} wants {math.prod(shape)}"
        raise DataError(f"{place}.data", problem, "make them agree")
    return name, values.reshape(shape), at


def _from_json(data: Any, kind: str, place: str) -> NDArray[Any]:
    if not isinstance(data, list):
        raise DataError(f"{place}.data", "is not a list", "give the values, row by row")
    try:
        if kind.startswith("FP"):
            values = np.array(data, np.float64)  # null becomes NaN: a missing value
            if not _are_numbers(data):
                raise ValueError("holds something that is no number")
            return values
        values = np.array(data)
        if values.size == 0:
            return values.astype(DATATYPES[kind])
        if values.dtype.kind not in ("b" if kind == "BOOL" else "iu"):
            raise ValueError(f"does not hold values of {kind}")
        if kind != "BOOL":
            limits = np.iinfo(np.dtype(DATATYPES[kind]))
            if int(values.min()) < limits.min or int(values.max()) > limits.max:
                raise ValueError(f"holds values that are no {kind}")
        return values.astype(DATATYPES[kind])
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        text = str(error) if "holds" in str(error) or "hold " in str(error) else "is ragged, or holds no numbers"
        raise DataError(f"{place}.data", text, "give numbers, row by row") from None


def _are_numbers(data: list[Any]) -> bool:
    """Whether nested lists hold numbers and nulls only: NumPy would take the text of a number for one."""
    kinds = set(map(type, data))
    if list in kinds:
        return kinds == {list} and all(_are_numbers(part) for part in data)
    return kinds <= {float, int, type(None)}


def write_answer(
    model: str, version: int, asked: Inference, outputs: Mapping[str, NDArray[Any]]
) -> tuple[bytes, int | None]:
    """Write the body of an answer; return it and, if binary tensors follow it, the length of its JSON part.

    Raises
    ------
    DataError
        If an output is asked for that the model has not.
    """
    names: Sequence[str] = asked.outputs or tuple(outputs)
    told, tail = [], []
    for name in names:
        values = outputs.get(name)
        if values is None:
            raise DataError("outputs", f"there is no {name[:100]!r}", f"ask for {', '.join(outputs)}")
        one: dict[str, Any] = {"name": name, "datatype": _NAMES[values.dtype], "shape": list(values.shape)}
        if asked.all_binary or name in asked.binary:
            raw = np.ascontiguousarray(values).tobytes()
            one["parameters"] = {"binary_data_size": len(raw)}
            tail.append(raw)
        else:
            one["data"] = values.ravel().tolist()
        told.append(one)
    answer: dict[str, Any] = {"model_name": model, "model_version": str(version), "outputs": told}
    if asked.id is not None:
        answer["id"] = asked.id
    head = orjson.dumps(answer)
    return (head, None) if not tail else (b"".join((head, *tail)), len(head))
