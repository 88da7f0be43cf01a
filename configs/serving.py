"""The plan of the Serve application: what ``andon serve`` and ``serve deploy`` start."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from configs.definitions import Closed
from configs.durations import PositiveDuration

Role = Literal["score", "operate", "admin"]
"""``score`` reads and scores; ``operate`` also answers alerts and silences them; ``admin`` also changes definitions."""
ROLES: tuple[Role, ...] = ("score", "operate", "admin")
"""Each may do what those before it may."""
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class TokenDigest(Closed):
    """A bearer token as it is kept: what its bearer may do, and its SHA-256; the token itself is nowhere."""

    name: str = Field(min_length=1, max_length=100, description="Whose it is; stands in the access log")
    role: Role
    sha256: Digest = Field(description="SHA-256 of the token, in hexadecimal")


class ServingLimits(Closed):
    """How a server is run, and what it takes on; the defaults fit a machine of two cores."""

    replicas: int = Field(default=1, ge=1, description="Processes that answer, each with all models")
    shards: int = Field(default=1, ge=1, le=100, description="Applications that share the lines, each with replicas")
    cpus: float = Field(default=0.5, gt=0, description="Ray's CPUs of a replica")
    refresh: PositiveDuration = Field(
        default=timedelta(seconds=1), description="Between two looks at definitions and champions"
    )
    patience: PositiveDuration = Field(
        default=timedelta(seconds=10),
        description="That a new replica waits for its models before it answers; the rest load while it does",
    )
    loaders: int = Field(default=2, ge=1, description="Threads that load models")
    workers: int = Field(default=4, ge=1, description="Threads that read stores and score lines")
    max_rows: int = Field(default=50_000, ge=1, description="Most rows in one request")
    max_lines: int = Field(default=1_000, ge=1, description="Most lines in one request")
    max_bytes: int = Field(default=20_000_000, ge=1, description="Largest request body")
    max_ongoing: int = Field(default=128, ge=1, description="Requests in work and waiting; more get 503 at once")
    timeout: PositiveDuration = Field(default=timedelta(seconds=30), description="Longest answer")
    open_metrics: bool = Field(default=False, description="Whether /metrics needs no token")
    access_log: str | None = Field(default=None, description="Folder of the access log; none: there is none")


class ServingPlan(ServingLimits):
    """Where the stores are, who may ask, and the limits; JSON only, so that it reaches a replica."""

    documents: str
    signals: str
    models: str
    shard: int = Field(default=0, ge=0, description="Which one this is")
    tokens: tuple[TokenDigest, ...] = ()
    tokens_file: str | None = Field(
        default=None, description="JSON list of further tokens; read anew when it changes, so that one can be withdrawn"
    )

    @model_validator(mode="after")
    def _somebody_may_ask(self) -> Self:
        if not self.tokens and self.tokens_file is None:
            raise ValueError("has neither tokens nor a tokens_file: nobody could ask")
        if self.shard >= self.shards:
            raise ValueError(f"has no shard {self.shard}: there are {self.shards}")
        names = [token.name for token in self.tokens]
        if len(set(names)) < len(names):
            raise ValueError("has two tokens of one name")
        return self
