"""Units are fast and know nothing of Ray: a unit test that makes Ray be imported fails."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _no_ray() -> Iterator[None]:
    before = "ray" in sys.modules
    yield
    assert before or "ray" not in sys.modules, "a unit test imported Ray; move it to tests/on_ray"
