"""The plan of the Serve application: what ``andon serve`` and ``serve deploy`` start."""

from __future__ import annotations

from pydantic import Field

from configs.definitions import Closed


class ServingPlan(Closed):
    """Where the stores are, how many replicas, and who may ask; JSON only, so that it can be sent to a replica."""

    documents: str
    signals: str
    models: str
    token_sha256: str = Field(pattern=r"[0-9a-f]{64}", description="SHA-256 of the bearer token, in hexadecimal")
    replicas: int = Field(default=1, ge=1)
    max_rows: int = Field(default=50_000, ge=1, description="Most rows in one request")
    max_bytes: int = Field(default=20_000_000, ge=1, description="Largest request body")
