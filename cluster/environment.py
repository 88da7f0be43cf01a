"""The environment of every worker: so many threads, no usage reports, no noise."""

from __future__ import annotations

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "CUDA_VISIBLE_DEVICES": "",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "POLARS_MAX_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
}
"""Environment of every worker: one thread, no usage reports."""

_THREADS = tuple(name for name in QUIET if name.endswith("_THREADS"))


def worker_environment(threads: int = 1) -> dict[str, str]:
    """Return the variables of a worker process whose numerical libraries may use so many threads.

    Examples
    --------
    >>> worker_environment(4)["OMP_NUM_THREADS"], worker_environment()["RAY_USAGE_STATS_ENABLED"]
    ('4', '0')
    """
    return QUIET | dict.fromkeys(_THREADS, str(threads))
