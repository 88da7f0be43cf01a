"""SQLite files: made by the first write, private, and errors that name the file and a remedy."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from andon.errors import ConfigError, StoreError
from andon.stores import open_documents, open_signals
from tests.series import awkward

AT = datetime(2026, 3, 1, tzinfo=UTC)


def test_nothing_is_made_before_the_first_write(tmp_path: Path) -> None:
    documents = open_documents(f"sqlite:///{tmp_path}/a/b/documents.db")
    signals = open_signals(f"sqlite:///{tmp_path}/a/b/signals.db")
    assert (documents.list_alerts(), signals.list_lines()) == ([], [])
    documents.close()
    assert not list(tmp_path.iterdir())
    documents.put_state("a", {})
    assert (tmp_path / "a/b/documents.db").is_file()
    assert documents.get_state("a") == {}


def test_files_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    documents = open_documents(f"sqlite:///{tmp_path}/documents.db")
    documents.put_state("a", {})
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["documents.db", "documents.db-shm", "documents.db-wal"]
    assert [file.stat().st_mode & 0o077 for file in files] == [0, 0, 0]


def _text(path: Path) -> None:
    path.write_text("time,a\n2026-01-01,1\n" * 100)


def _empty(path: Path) -> None:
    path.touch()


def _folder(path: Path) -> None:
    path.mkdir()


def _other_database(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE songs (name TEXT)")
    connection.close()


def _newer_schema(path: Path) -> None:
    open_documents(f"sqlite:///{path}").put_state("a", {})
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()


def _cut(path: Path) -> None:
    documents = open_documents(f"sqlite:///{path}")
    for number in range(200):
        documents.put_state(str(number), {"text": "x" * 1000})
    documents.close()
    path.write_bytes(path.read_bytes()[:8192])


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_text, r"not a database; this is another kind of file"),
        (_empty, r"is empty and no store; delete it"),
        (_folder, r"unable to open.*; make the file"),
        (_other_database, r"holds schema 0.*name another file"),
        (_newer_schema, r"holds schema 99.*use the version that wrote it"),
        (_cut, r"malformed; the file is damaged; restore it"),
    ],
)
def test_a_file_that_is_no_store_is_an_error(tmp_path: Path, spoil: Callable[[Path], None], says: str) -> None:
    path = tmp_path / "documents.db"
    spoil(path)
    documents = open_documents(f"sqlite:///{path}")
    with pytest.raises(StoreError, match=f"{path}: .*{says}"):
        documents.put_state("0", {"text": "y"}) or documents.get_state("199")


def test_a_folder_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(StoreError, match="check the file and its folder"):
        open_documents(f"sqlite:///{tmp_path}/home/documents.db").put_state("a", {})


FULL = """
import resource, signal, sys
from andon.errors import StoreError
from andon.stores import open_documents
documents = open_documents(sys.argv[1])
documents.put_state("small", {})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    documents.put_state("big", {"text": "x" * 10_000_000})
except StoreError as error:
    print(error)
documents.put_state("after", {})
"""


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/documents.db"
    done = subprocess.run([sys.executable, "-c", FULL, url], capture_output=True, text=True, timeout=60, check=True)
    assert "documents.db" in done.stdout
    assert "disk" in done.stdout
    documents = open_documents(url)
    assert [documents.get_state(key) for key in ("small", "big", "after")] == [{}, None, {}]


@pytest.mark.parametrize("url", ["redis://me:hunter2@h/db", "http://h", "file:///x", "sqlite://", "/x/y.db", ""])
def test_a_scheme_that_is_not_known_is_refused_with_those_that_are(url: str) -> None:
    for open_store, name in ((open_documents, "DOCUMENTS"), (open_signals, "SIGNALS")):
        with pytest.raises(ConfigError, match=rf"ANDON_{name}_URL: scheme .* is not known; write sqlite:////") as error:
            open_store(url)
        assert "hunter2" not in str(error.value)


def test_the_file_of_another_store_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/one.db"
    open_documents(url).put_state("key", {})
    with pytest.raises(StoreError, match="give each store a file of its own"):
        open_signals(url).list_lines()


def test_a_file_of_an_earlier_version_is_brought_forward(tmp_path: Path) -> None:
    path = tmp_path / "signals.db"
    signals = open_signals(f"sqlite:///{path}")
    signals.append_signals(awkward(np.random.default_rng(0), 200))
    before, span = signals.read_signals("press-07"), signals.reading_span("press-07")
    signals.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE hours")
        connection.execute("PRAGMA user_version = 1")
        connection.commit()
    again = open_signals(f"sqlite:///{path}")
    assert again.read_signals("press-07").data.equals(before.data)
    assert again.reading_span("press-07") == span
    assert span is not None
    assert again.digest("press-07", span[0], span[1] + timedelta(hours=1))
    assert again.append_signals(before).added == 0
