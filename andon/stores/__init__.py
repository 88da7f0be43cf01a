"""Adapters of the stores, one a file, opened from a URL."""

from andon.stores.opening import open_documents, open_models, open_signals

__all__ = ["open_documents", "open_models", "open_signals"]
