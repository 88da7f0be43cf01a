"""Where the stores are, and the secrets: from ``ANDON_*`` and ``andon.toml``; secrets from the environment only."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from configs.assistant import AssistantPlan
from configs.cluster import ClusterPlan
from configs.errors import ConfigError
from configs.influx import InfluxLayout, with_layout
from configs.notifying import SmtpSettings
from configs.serving import ServingLimits

_SECRETS = ("api_token", "smtp_password", "webhook_secret", "influx_token", "mongo_password")
_SECRET_WORDS = ("password", "secret", "token")
_URLS = ("documents_url", "signals_url", "models_url")
_PASSWORD = re.compile(r"//[^/@]*:[^/@]+@")


class Settings(BaseSettings):
    """Settings of one process. The embedded stores live in the folder ``home``."""

    model_config = SettingsConfigDict(env_prefix="ANDON_", toml_file="andon.toml", extra="forbid", frozen=True)

    home: Path = Path(".andon")
    documents_url: str | None = Field(default=None, description="sqlite:///path or mongodb://host/database")
    signals_url: str | None = Field(default=None, description="sqlite:///path or influx(s)://host:8086/bucket?org=...")
    models_url: str | None = Field(default=None, description="sqlite:///path or http(s)://tracking-server")
    influx: InfluxLayout | None = Field(default=None, description="how readings lie in InfluxDB; see docs/stores.md")
    ray_address: str | None = None
    cluster: ClusterPlan = Field(
        default=ClusterPlan(), description="what this machine gives to Ray; see docs/cluster.md"
    )
    assistant: AssistantPlan = Field(
        default=AssistantPlan(), description="how the assistant goes about its lines; see docs/assistant.md"
    )
    workers: int | None = Field(default=None, ge=1, description="processes of a search; default: the cores there are")
    worker_bytes: int = Field(
        default=2 * 1024**3, ge=1024**2, description="rows of a pooled model that one process should hold, in bytes"
    )
    serving: ServingLimits = Field(default=ServingLimits(), description="how the server is run; see docs/serving.md")
    serve_host: str = "127.0.0.1"
    serve_port: int = Field(default=8000, ge=1, le=65535)
    api_token: SecretStr | None = None
    smtp: SmtpSettings | None = Field(default=None, description="mail server; see docs/notifications.md")
    smtp_password: SecretStr | None = None
    alert_link: str | None = Field(
        default=None, description="where people see an alert, with {id}: https://powerop.example/alerts/{id}"
    )
    reports: Path | None = Field(default=None, description="folder in which reports are kept; default: below home")

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @property
    def documents(self) -> str:
        """URL of the documents store."""
        return self.documents_url or f"sqlite:///{self.home}/documents.db"

    @property
    def signals(self) -> str:
        """URL of the signals store; that of InfluxDB says how readings lie in it."""
        return self.in_layout(self.signals_url or f"sqlite:///{self.home}/signals.db")

    def in_layout(self, url: str) -> str:
        """Return a URL that says how readings lie, where it is one of InfluxDB; any other as it is."""
        return url if self.influx is None or not url.startswith("influx") else with_layout(url, self.influx)

    @property
    def archive(self) -> Path:
        """Folder in which reports are kept."""
        return (self.reports or self.home / "reports").expanduser().absolute()

    @property
    def models(self) -> str:
        """URL of the models store."""
        return self.models_url or f"sqlite:///{self.home}/mlflow.db"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over the environment, which wins over ``andon.toml``."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


class StoreSecrets(BaseSettings):
    """What opens the servers of stores. Read where a store is opened, in each process, and never sent to another."""

    model_config = SettingsConfigDict(env_prefix="ANDON_", extra="ignore", frozen=True)

    influx_token: SecretStr | None = Field(default=None, description="of 2.x and 3.x; user:password of 1.x")
    mongo_password: SecretStr | None = Field(default=None, description="of the user that the URL names")


def revealed(secret: SecretStr | None) -> str | None:
    """Return a secret, to be handed to the client that needs it."""
    return None if secret is None else secret.get_secret_value()


def load_settings(**given: Any) -> Settings:
    """Read the settings; ``given`` wins over the environment and ``andon.toml``.

    Raises
    ------
    ConfigError
        Naming the setting. Values of secrets are never shown.
    """
    try:
        in_file = tomllib.loads(Path("andon.toml").read_text("utf-8")) if Path("andon.toml").is_file() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError("andon.toml", f"cannot be read: {error}", "write it as TOML in UTF-8") from None
    for secret in _SECRETS:
        if secret in in_file:
            raise ConfigError(
                f"andon.toml: {secret}", "is a secret", f"remove it and set ANDON_{secret.upper()} in the environment"
            )
    for name in _URLS:
        if _PASSWORD.search(str(in_file.get(name, ""))):
            raise ConfigError(
                f"andon.toml: {name}", "holds a password", f"remove it and set ANDON_{name.upper()} in the environment"
            )
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        shown = repr(first["input"])
        hidden = field in _SECRETS + _URLS or any(word in f"{field} {shown}".lower() for word in _SECRET_WORDS)
        value = "(hidden)" if hidden else shown
        raise ConfigError(
            f"settings: {field}",
            f"{first['msg']}, got {value}",
            f"set ANDON_{field.partition('.')[0].upper()} or andon.toml right",
        ) from None
