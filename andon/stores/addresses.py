"""What the URLs of stores say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import ValidationError

from andon.errors import ConfigError
from configs.influx import TAG, InfluxLayout

_INFLUX = {"influx": "http", "influxs": "https", "influx+http": "http", "influx+https": "https"}
_MONGO = ("mongodb", "mongodb+srv")


def scheme_of(url: str) -> str:
    """Return what kind of server a URL names: ``sqlite``, ``mongodb``, ``influx``, or its own scheme.

    Examples
    --------
    >>> scheme_of("influx+https://influx:8086/factory")
    'influx'
    """
    scheme = url.partition(":")[0]
    if scheme in _INFLUX:
        return "influx"
    return "mongodb" if scheme in _MONGO else scheme


def without_secrets(url: str) -> str:
    """Return a URL that may be shown: no password, no parameters.

    Examples
    --------
    >>> without_secrets("mongodb://andon:secret@db-1,db-2/andon?tls=true")
    'mongodb://andon@db-1,db-2/andon'
    """
    scheme, parted, rest = url.partition("://")
    rest = rest.partition("?")[0].partition("#")[0]
    credentials, at, place = rest.rpartition("@")
    user = credentials.partition(":")[0]
    return f"{scheme}{parted}{user}{'@' if at and user else ''}{place}"


def mlflow_address(url: str) -> tuple[str, Path | None]:
    """Return MLflow's own address for the registry's URL and, where there is no server, the folder of its artifacts.

    Raises
    ------
    ConfigError
        If the URL's scheme is not known.

    Examples
    --------
    >>> mlflow_address("sqlite:////data/mlflow.db")
    ('sqlite:////data/mlflow.db', PosixPath('/data/models'))
    """
    if url.startswith(("http://", "https://")):
        return url, None
    path = sqlite_path(url, "models", "or http(s)://tracking-server")
    return f"sqlite:///{path}", path.parent / "models"


def sqlite_path(url: str, store: str, others: str = "") -> Path:
    """Return the absolute path in ``sqlite:///path``.

    Raises
    ------
    ConfigError
        If it is another URL; what is known is sqlite and ``others``.

    Examples
    --------
    >>> sqlite_path("sqlite:////data/signals.db", "signals")
    PosixPath('/data/signals.db')
    """
    scheme, _, path = url.partition(":///")
    if scheme != "sqlite" or not path:
        raise ConfigError(
            f"ANDON_{store.upper()}_URL",
            f"scheme {url.partition(':')[0]!r} is not known",
            f"write sqlite:////folder/file.db {others}".rstrip(),
        )
    return Path(path).absolute()


@dataclass(frozen=True, slots=True)
class InfluxAddress:
    """Where InfluxDB is, and how readings lie in it."""

    base: str
    """``http(s)://host:port``."""
    bucket: str
    """Bucket of 2.x, database of 1.x and 3.x; ``database/retention-policy`` names both of 1.x."""
    org: str
    layout: InfluxLayout
    certificates: str | None = None
    """File of the certificates that are trusted; None: the system's."""

    def __str__(self) -> str:
        return f"influx {self.base}/{self.bucket}"


def influx_address(url: str) -> InfluxAddress:
    """Return what ``influx://host:port/bucket?org=...`` says; ``influxs://`` is over TLS.

    Parameters are those of `InfluxLayout`, tags as ``tag.NAME``, and ``certificates``.

    Raises
    ------
    ConfigError
        If it lacks a host or a bucket, holds a password, or its layout is none.

    Examples
    --------
    >>> found = influx_address("influx://plant:8086/factory?field=value&tag.id={variable}")
    >>> found.base, found.bucket, dict(found.layout.tags)
    ('http://plant:8086', 'factory', {'id': '{variable}'})
    """
    place = "ANDON_SIGNALS_URL"
    try:
        parts = urlsplit(url)
        port = parts.port or 8086
    except ValueError as error:
        raise ConfigError(place, str(error), "write influx://host:8086/bucket?org=...") from None
    if parts.username or parts.password:
        raise ConfigError(place, "holds a user or a password", "set ANDON_INFLUX_TOKEN in the environment instead")
    bucket = unquote(parts.path.strip("/"))
    if not parts.hostname or not bucket:
        raise ConfigError(place, f"{without_secrets(url)!r} names no bucket", "write influx://host:8086/bucket?org=...")
    named = dict(parse_qsl(parts.query, keep_blank_values=True))
    org, certificates = named.pop("org", ""), named.pop("certificates", None)
    tags = {name.removeprefix(TAG): value for name, value in named.items() if name.startswith(TAG)}
    rest = {name: value for name, value in named.items() if not name.startswith(TAG)}
    try:
        layout = InfluxLayout.model_validate({**rest, "tags": tags})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "layout"
        said = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{place}: {where}", said, "see docs/stores.md") from None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return InfluxAddress(f"{_INFLUX[parts.scheme]}://{host}:{port}", bucket, org, layout, certificates)


@dataclass(frozen=True, slots=True)
class MongoAddress:
    """Where MongoDB is."""

    url: str
    """As it was given; it may hold a password."""
    database: str

    def __str__(self) -> str:
        return without_secrets(self.url)

    @property
    def user(self) -> str | None:
        """The user that the URL names."""
        user, at, _ = self.url.partition("://")[2].partition("/")[0].rpartition("@")
        return unquote(user.partition(":")[0]) if at else None


def mongo_address(url: str) -> MongoAddress:
    """Return what ``mongodb://user@host/database?tls=true`` says; its parameters are MongoDB's own.

    Raises
    ------
    ConfigError
        If it names no database.

    Examples
    --------
    >>> found = mongo_address("mongodb://andon:secret@db-1,db-2/factory?replicaSet=rs")
    >>> found.database, found.user, str(found)
    ('factory', 'andon', 'mongodb://andon@db-1,db-2/factory')
    """
    database = unquote(url.partition("://")[2].partition("?")[0].partition("/")[2])
    if not database or set(database) & set('/\\. "$'):
        raise ConfigError(
            "ANDON_DOCUMENTS_URL", f"{without_secrets(url)!r} names no database", "write mongodb://host:27017/andon"
        )
    return MongoAddress(url, database)
