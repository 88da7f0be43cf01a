"""Where e-mails are handed in. Passwords and what webhooks are signed with come from the environment only."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from configs.durations import PositiveDuration
from configs.fields import Closed, FieldError
from configs.routes import check_address

_PORTS = {"starttls": 587, "ssl": 465, "none": 25}


class SmtpSettings(Closed):
    """A mail server, and who sends."""

    host: str = Field(min_length=1)
    sender: Annotated[str, AfterValidator(check_address)]
    port: int | None = Field(default=None, ge=1, le=65535, description="587 with starttls, 465 with ssl, 25 with none")
    security: Literal["starttls", "ssl", "none"] = "starttls"
    user: str | None = Field(default=None, description="who logs in, with ANDON_SMTP_PASSWORD; none: nobody does")
    name: str = Field(default="Andon", description="shown beside the sender's address")
    certificates: Path | None = Field(default=None, description="PEM file of the server's authority")
    timeout: PositiveDuration = timedelta(seconds=20)

    @model_validator(mode="after")
    def _no_password_in_the_clear(self) -> Self:
        if self.user is not None and self.security == "none":
            raise FieldError("security", "would send the password in the clear", "set starttls or ssl, or no user")
        return self

    @property
    def number(self) -> int:
        """The port."""
        return self.port or _PORTS[self.security]


class NotifySecrets(BaseSettings):
    """What senders need. Read where they are made, in each process, and never sent to another."""

    model_config = SettingsConfigDict(env_prefix="ANDON_", extra="ignore", frozen=True)

    smtp_password: SecretStr | None = Field(default=None, description="of the user that smtp.user names")
    webhook_secret: SecretStr | None = Field(default=None, description="what webhooks are signed with")
