"""One row through LightGBM's C interface, prepared once: its Python interface takes longer than the trees."""

from __future__ import annotations

import ctypes
import weakref
from typing import Any

import numpy as np

from andon.errors import ModelError
from andon.frames import Floats

_NORMAL, _FLOAT64 = 0, 1
"""``C_API_PREDICT_NORMAL`` and ``C_API_DTYPE_FLOAT64`` of LightGBM's ``c_api.h``."""


class RowScorer:
    """Scores one row at a time, for any thread.

    The interpreter's lock is kept during the call, which is shorter than to hand it over, and which keeps two threads
    from one prepared call.
    """

    def __init__(self, booster: Any) -> None:
        from lightgbm.basic import _LIB

        self._booster = booster  # its handle lives as long as it does
        self._columns = int(booster.num_feature())
        self._library = ctypes.PyDLL(_LIB._name)
        self._call = self._library.LGBM_BoosterPredictForMatSingleRowFast
        self._call.argtypes = [ctypes.c_void_p] * 4
        prepared = ctypes.c_void_p()
        failed = self._library.LGBM_BoosterPredictForMatSingleRowFastInit(
            booster._handle,
            ctypes.c_int(_NORMAL),
            ctypes.c_int(0),
            ctypes.c_int(booster.best_iteration if booster.best_iteration > 0 else -1),
            ctypes.c_int(_FLOAT64),
            ctypes.c_int32(self._columns),
            ctypes.c_char_p(b"num_threads=1"),
            ctypes.byref(prepared),
        )
        if failed:
            raise ModelError("model", "LightGBM cannot prepare it for single rows", "train it again")
        self._prepared = prepared
        weakref.finalize(self, self._library.LGBM_FastConfigFree, prepared)

    def predict(self, values: Floats) -> Floats:
        """Return the probability, float64 (1,), of a C-ordered finite or NaN row, float64 (1, n_features).

        Raises
        ------
        ModelError
            If it has another number of features.
        """
        if values.shape != (1, self._columns):
            raise ModelError("model", f"needs {self._columns} features a row, got shape {values.shape}", "train again")
        score, length = np.empty(1), ctypes.c_int64()
        if self._call(self._prepared, values.ctypes.data, ctypes.addressof(length), score.ctypes.data):
            raise ModelError("model", "LightGBM could not score a row", "train it again")
        return score
