"""The registries that the contracts of models run on."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.tracking_server import tracking_server


@pytest.fixture(scope="session", params=["embedded", "server"])
def models_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An embedded registry, and a tracking server: one of our own, or ANDON_TEST_MODELS_URL."""
    # One for all tests: MLflow takes seconds to make one. Blanks and accents are part of the test.
    folder = tmp_path_factory.mktemp("models") / "ma maison é"
    if request.param == "embedded":
        yield f"sqlite:///{folder}/mlflow.db"
    elif given := os.environ.get("ANDON_TEST_MODELS_URL"):
        yield given
    else:
        with tracking_server(folder) as address:
            yield address
