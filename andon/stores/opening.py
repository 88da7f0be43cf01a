"""Open a store from its URL. Nothing is created until first use."""

from __future__ import annotations

from pathlib import Path

from andon.errors import ConfigError
from andon.ports import Documents, Models, Signals


def open_documents(url: str) -> Documents:
    """Open the documents store.

    Raises
    ------
    ConfigError
        If the URL's scheme is not known.
    """
    from andon.stores.documents_sqlite import SqliteDocuments

    return SqliteDocuments(sqlite_path(url, "documents"))


def open_signals(url: str) -> Signals:
    """Open the signals store.

    Raises
    ------
    ConfigError
        If the URL's scheme is not known.
    """
    from andon.stores.signals_sqlite import SqliteSignals

    return SqliteSignals(sqlite_path(url, "signals"))


def open_models(url: str) -> Models:
    """Open the registry: ``sqlite:///file`` with artifacts beside it, or the address of an MLflow tracking server.

    Raises
    ------
    ConfigError
        If the URL's scheme is not known.
    """
    from andon.stores.models_mlflow import MlflowModels

    return MlflowModels(*mlflow_address(url))


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
