"""The bytes of a text table: unpacked, and proven to be text in UTF-8."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from andon.errors import DataError

GZIP_MAGIC = b"\x1f\x8b"
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HEAD = 1 << 20


def read_text(path: Path, encoding: str | None, check_head: Callable[[bytes], None] | None = None) -> bytes:
    """Return a text file's content as UTF-8, without byte order mark, its lines ended by a line feed.

    Parameters
    ----------
    encoding
        What the file is written in; by default what its byte order mark says, else UTF-8.
    check_head
        Called with the first line before the rest is read, so that a hopeless table costs little.

    Raises
    ------
    DataError
        If it is empty, cannot be unpacked, or is not text in that encoding; line and byte are named.
    """
    try:
        with _open(path) as file:
            head = file.read(_HEAD)
            while check_head is not None and b"\n" not in head[-_HEAD:] and (more := file.read(_HEAD)):
                head += more
                if len(head) > 64 * _HEAD:
                    break
            if check_head is not None and not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                check_head(head.split(b"\n", 1)[0])
            data = head + file.read()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(str(path), f"cannot be unpacked: {error}", "copy or compress the file again") from None
    data = _as_utf8(path, data, encoding)
    if not data.strip():
        raise DataError(str(path), "is empty", "export it again with its data")
    nul = data.find(b"\0")
    if nul >= 0:
        problem = "holds a NUL byte, so it is no text in UTF-8"
        raise DataError(_place(path, data, nul), problem, "save it as CSV in UTF-8 (or give --encoding utf-16)")
    if b"\r" in data and b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    return data


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        packed = file.read(2) == GZIP_MAGIC
    return gzip.open(path, "rb") if packed else path.open("rb")  # type: ignore[return-value]


def _as_utf8(path: Path, data: bytes, encoding: str | None) -> bytes:
    found = encoding or next((name for bom, name in _BOMS if data.startswith(bom)), "utf-8")
    if found == "utf-8" and data.isascii():
        return data
    name = codecs.lookup(found).name
    try:
        text = data.decode(found)
    except UnicodeDecodeError as error:
        if name not in ("utf-8", "utf-8-sig"):
            problem = f"is not text in {name}: byte {error.start + 1} is 0x{data[error.start]:02x}"
            raise DataError(str(path), problem, "save it as CSV in UTF-8") from None
        problem = f"is not UTF-8: the byte is 0x{data[error.start]:02x}"
        remedy = "save it as CSV in UTF-8, or say what it is, for example --encoding cp1252"
        raise DataError(_place(path, data, error.start), problem, remedy) from None
    except UnicodeError as error:
        raise DataError(str(path), f"is not text in {name}: {error}", "save it as CSV in UTF-8") from None
    return data if name == "utf-8" else text.encode("utf-8").removeprefix(codecs.BOM_UTF8)


def _place(path: Path, data: bytes, at: int) -> str:
    start = data.rfind(b"\n", 0, at) + 1
    line = data.count(b"\n", 0, at) + 1
    return f"{path}: line {line}, byte {at - start + 1}"
