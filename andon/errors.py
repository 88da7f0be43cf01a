"""The errors of ``configs``, handed on."""

from configs.errors import AndonError, ConfigError, DataError, ModelError, StoreError

__all__ = ["AndonError", "ConfigError", "DataError", "ModelError", "StoreError"]
