"""Open a store from its URL. Nothing is created until first use."""

from __future__ import annotations

from andon.ports import Documents, Models, Signals
from andon.stores.addresses import mlflow_address, sqlite_path


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
