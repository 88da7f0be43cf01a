"""Open a store from its URL. Nothing is created until first use."""

from __future__ import annotations

from andon.ports import Documents, Models, Signals
from andon.stores.addresses import influx_address, mlflow_address, mongo_address, scheme_of, sqlite_path
from configs.settings import StoreSecrets, revealed


def open_documents(url: str) -> Documents:
    """Open the documents store: ``sqlite:///file`` or ``mongodb(+srv)://host/database``.

    The password of the URL's user may come from ``ANDON_MONGO_PASSWORD`` instead.

    Raises
    ------
    ConfigError
        If the URL's scheme is not known.
    """
    if scheme_of(url) == "mongodb":
        from andon.stores.documents_mongo import MongoDocuments

        return MongoDocuments(mongo_address(url), revealed(StoreSecrets().mongo_password))
    from andon.stores.documents_sqlite import SqliteDocuments

    return SqliteDocuments(sqlite_path(url, "documents", "or mongodb://host/database"))


def open_signals(url: str) -> Signals:
    """Open the signals store: ``sqlite:///file`` or ``influx(s)://host:8086/bucket``, with ``ANDON_INFLUX_TOKEN``.

    Raises
    ------
    ConfigError
        If the URL's scheme is not known.
    """
    if scheme_of(url) == "influx":
        from andon.stores.signals_influx import InfluxSignals

        return InfluxSignals(influx_address(url), revealed(StoreSecrets().influx_token))
    from andon.stores.signals_sqlite import SqliteSignals

    return SqliteSignals(sqlite_path(url, "signals", "or influx(s)://host:8086/bucket"))


def open_models(url: str) -> Models:
    """Open the registry: ``sqlite:///file`` with artifacts beside it, or the address of an MLflow tracking server.

    Raises
    ------
    ConfigError
        If the URL's scheme is not known.
    """
    from andon.stores.models_mlflow import MlflowModels

    return MlflowModels(*mlflow_address(url))
