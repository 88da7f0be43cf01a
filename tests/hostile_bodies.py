"""Bodies, paths and headers that nobody means well: huge, deep, not a number, badly encoded, out of their folder."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

LINE, MODEL = "press-07", "jam-soon~press-07"
_TIME = "2026-01-01T06:00:00Z"
_NUMBERS = ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" + 400 * "0", "0x10", "1_000", "--1", "01", "1e-999")
_NAMES = (
    "..", "../..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "....//", "%00", "a%00b", "%ff%fe", "\u202eline",
    "{{7*7}}", "${jndi:ldap://x}", "<script>", "a" * 3000, "con", "~", "~~", ".", " ", "%20", "\\..\\..",
    "'; DROP TABLE", "file:///etc/passwd",
)  # fmt: skip


@dataclass(frozen=True)
class Hostile:
    """One request."""

    method: str
    path: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


def hostile_requests(count: int = 500, seed: int = 0) -> list[Hostile]:
    """Return requests, those of every kind first and random damage of good ones for the rest."""
    found = [*_numbers(), *_structures(), *_encodings(), *_names(), *_sizes(), *_heads(), *_types()]
    rng = random.Random(seed)
    while len(found) < count:
        found.append(_damaged(rng))
    return found


def _targets() -> tuple[str, ...]:
    return (f"/v1/lines/{LINE}/score", "/v1/score", f"/v2/models/{MODEL}/infer", "/v1/silences", "/v1/alerts/x/act")


def _numbers() -> Iterator[Hostile]:
    for number in _NUMBERS:
        text = f'{{"rows": [{{"time": "{_TIME}", "level": {number}}}]}}'
        yield Hostile("POST", f"/v1/lines/{LINE}/score", text.encode())
        tensor = f'{{"name": "features", "shape": [1, 1], "datatype": "FP64", "data": [{number}]}}'
        yield Hostile("POST", f"/v2/models/{MODEL}/infer", f'{{"inputs": [{tensor}]}}'.encode())
        shape = f'{{"name": "features", "shape": [{number}], "datatype": "FP64", "data": []}}'
        yield Hostile("POST", f"/v2/models/{MODEL}/infer", f'{{"inputs": [{shape}]}}'.encode())
        yield Hostile("GET", f"/v1/alerts?limit={number}")


def _structures() -> Iterator[Hostile]:
    for path in _targets():
        for depth in (100, 1_000, 100_000):
            yield Hostile("POST", path, b"[" * depth)
            yield Hostile("POST", path, b"[" * depth + b"]" * depth)
            yield Hostile("POST", path, b'{"a":' * depth + b"1" + b"}" * depth)
        many = b",".join(b'"k%d":%d' % (number, number) for number in range(50_000))
        yield Hostile("POST", path, b"{" + many + b"}")
        for body in (b"", b"null", b"3", b'"text"', b"true", b"[]", b"{}", b"[{}]", b'{"rows":{}}', b'{"inputs":{}}'):
            yield Hostile("POST", path, body)
    nested = [1.0]
    for _ in range(80):
        nested = [nested]
    tensor = {"name": "features", "shape": [1], "datatype": "FP64", "data": nested}
    yield Hostile("POST", f"/v2/models/{MODEL}/infer", json.dumps({"inputs": [tensor]}).encode())


def _encodings() -> Iterator[Hostile]:
    good = json.dumps({"rows": [{"time": _TIME, "level": 1.0, "product": "crème"}]}, ensure_ascii=False)
    for encoding in ("utf-16", "utf-32", "latin-1", "cp037"):
        for path in _targets():
            yield Hostile("POST", path, good.encode(encoding, "replace"))
    for body in (b"\xff\xfe\x00", b"\xc3\x28", b"\xed\xa0\x80", b'{"rows": "\xed\xa0\x80"}', rb'{"names": ["\ud800"]}'):
        for path in _targets():
            yield Hostile("POST", path, body)
    for bad in (r"\ud800", r"\udfff", r"\u0000", r"\uffff"):
        text = f'{{"author": "{bad}", "note": "{bad}", "reason": "{bad}", "end": "{bad}"}}'
        yield Hostile("POST", "/v1/silences", text.encode())
        yield Hostile("POST", "/v1/alerts/x/acknowledge", text.encode())
        rows = f'{{"rows": [{{"time": "{_TIME}", "product": "{bad}"}}]}}'
        yield Hostile("POST", f"/v1/lines/{LINE}/score", rows.encode())
        yield Hostile("PUT", "/v1/definitions/alert/x", f'{{"when": "{bad} > 1", "type": "threshold"}}'.encode())


def _names() -> Iterator[Hostile]:
    for name in _NAMES:
        for method, path in [
            ("POST", "/v1/lines/{}/score"),
            ("GET", "/v1/lines/{}"),
            ("GET", "/v1/lines/{}/signals"),
            ("POST", "/v2/models/{}/infer"),
            ("GET", "/v2/models/{}/versions/{}"),
            ("GET", "/v1/alerts/{}"),
            ("GET", "/v1/definitions/{}/{}"),
            ("GET", "/v1/alerts?line={}&state={}&start={}"),
            ("GET", "/readyz?line={}"),
        ]:
            written = "".join(one if one.isascii() and one.isprintable() and one != " " else "%20" for one in name)
            yield Hostile(method, path.format(*[written] * path.count("{}")), b"{}" if method == "POST" else None)
    for name in _NAMES:
        yield Hostile("POST", "/v1/score", json.dumps({"lines": [{"line": name}]}).encode())
        yield Hostile("POST", f"/v1/lines/{LINE}/score", json.dumps({"names": [name]}).encode())


def _sizes() -> Iterator[Hostile]:
    for path in _targets():
        yield Hostile("POST", path, b" " * 2_000_000)
        yield Hostile("POST", path, b'{"rows": [' + b"0," * 400_000 + b"0]}")
    tensor = {"name": "features", "shape": [100_000, 1], "datatype": "FP64", "data": [0.5] * 100_000}
    yield Hostile("POST", f"/v2/models/{MODEL}/infer", json.dumps({"inputs": [tensor]}).encode())
    yield Hostile("POST", "/v1/score", json.dumps({"lines": [{"line": LINE}] * 30_000}).encode())


def _heads() -> Iterator[Hostile]:
    infer = f"/v2/models/{MODEL}/infer"
    for length in ("-1", "0", "99999999999999999999999", "1e3", "ten", "5"):
        yield Hostile("POST", infer, b'{"inputs": []}', {"Inference-Header-Content-Length": length})
    for value in ("a" * 8_000, "\x7f", "../../x", "<b>", "%s%n"):
        yield Hostile("POST", infer, b"{}", {"X-Request-ID": value})
        yield Hostile("GET", "/v1/lines", None, {"Authorization": f"Bearer {value}"})
    for encoding in ("gzip", "br", "deflate, gzip", "zstd"):
        yield Hostile("POST", infer, b"\x1f\x8b\x08\x00", {"Content-Encoding": encoding})
    for kind in ("text/xml", "multipart/form-data; boundary=x", "application/json; charset=utf-7", ""):
        for path in _targets():
            yield Hostile("POST", path, b"{}", {"Content-Type": kind})
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "OPTIONS"):
        yield Hostile(method, infer, b"{}")


def _types() -> Iterator[Hostile]:
    for value in (None, True, 3, 3.5, "text", [], {}, [[]], [None], {"a": 1}):
        text = json.dumps(value)
        for body in (
            f'{{"rows": {text}}}', f'{{"rows": [{text}]}}', f'{{"names": {text}}}', f'{{"lines": {text}}}',
            f'{{"lines": [{{"line": {text}}}]}}', f'{{"rows": [{{"time": {text}, "level": 1}}]}}',
            f'{{"rows": [{{"time": "{_TIME}", "level": {text}}}]}}',
        ):  # fmt: skip
            yield Hostile("POST", f"/v1/lines/{LINE}/score", body.encode())
            yield Hostile("POST", "/v1/score", body.encode())
        for part in ("name", "shape", "datatype", "data", "parameters"):
            tensor = {"name": "features", "shape": [1, 1], "datatype": "FP64", "data": [1.0], part: value}
            yield Hostile("POST", f"/v2/models/{MODEL}/infer", json.dumps({"inputs": [tensor]}).encode())
        for part in ("id", "outputs", "parameters", "inputs"):
            request = {"inputs": [{"name": "features", "shape": [0, 1], "datatype": "FP64", "data": []}], part: value}
            yield Hostile("POST", f"/v2/models/{MODEL}/infer", json.dumps(request).encode())
        for part in ("when", "lines", "type", "for", "horizon", "train", "features"):
            body = {"lines": {"names": [LINE]}, "type": "threshold", "when": "level > 5", part: value}
            yield Hostile("PUT", "/v1/definitions/alert/hostile", json.dumps(body).encode())


def _damaged(rng: random.Random) -> Hostile:
    """Change a few bytes of a request that is good."""
    rows = {"rows": [{"time": _TIME, "level": 1.5, "product": "fries"}], "names": ["jam-soon"]}
    tensor = {"name": "features", "shape": [1, 3], "datatype": "FP64", "data": [1.5, None, 2]}
    path, good = rng.choice(
        [(f"/v1/lines/{LINE}/score", rows), (f"/v2/models/{MODEL}/infer", {"inputs": [tensor]}), ("/v1/score", rows)]
    )
    body = bytearray(json.dumps(good).encode())
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(body))
        what = rng.random()
        if what < 0.4:
            body[at] = rng.randrange(256)
        elif what < 0.7:
            del body[at : at + rng.randint(1, 9)]
        else:
            body[at:at] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 9)))
        body = body or bytearray(b"x")
    return Hostile("POST", path, bytes(body))
