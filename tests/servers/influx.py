"""InfluxDB 1.6 from Debian's package ``influxdb``, behind a forwarder for the write path of 2.x."""

from __future__ import annotations

import contextlib
import json
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tests.servers.waiting import Server, free_port, running

INFLUXD = shutil.which("influxd") or ""
_CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:{backup}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
[continuous_queries]
  enabled = false
[logging]
  level = "error"
  suppress-logo = true
"""


@contextlib.contextmanager
def influxdb(folder: Path, port: int | None = None) -> Iterator[Server]:
    """Run InfluxDB until the block ends. What it stores stays in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    config = folder / "influxdb.conf"
    config.write_text(_CONFIG.format(folder=folder, port=port, backup=free_port()))
    with running([INFLUXD, "-config", str(config)], port, folder / "influxdb.log", lambda: _is_up(port)) as server:
        yield server


def query(port: int, statement: str, database: str = "") -> list[dict[str, object]]:
    """Run an InfluxQL statement; return its series."""
    body = urllib.parse.urlencode({"q": statement, "db": database}).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/query", body, timeout=30) as answer:
        result = json.loads(answer.read())["results"][0]
    assert "error" not in result, result
    series: list[dict[str, object]] = result.get("series", [])
    return series


def _is_up(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=1):
            return True
    except OSError:
        return False
