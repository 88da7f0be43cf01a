"""What the URLs of stores say."""

from __future__ import annotations

from pathlib import Path

from andon.errors import ConfigError


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
