"""What every test shares: where the real data is, and a home of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real data; without it a test skips, and where it is required it fails."""
    folder = os.environ.get("ANDON_TEST_DATA")
    if folder and Path(folder).is_dir():
        return Path(folder)
    reason = f"ANDON_TEST_DATA names no folder of real data (got {folder!r})"
    if os.environ.get("ANDON_TEST_DATA_REQUIRED"):
        pytest.fail(reason)
    pytest.skip(reason)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let those that start Ray, the longest, come first: two processes then end at about the same time."""
    items.sort(key=lambda item: item.get_closest_marker("ray") is None)
