"""One server of those that are measured side by side, as a process: ``python -m tests.benchmarks.serving_process``.

``andon HOME PORT`` serves as `andon serve` does; ``default HOME PORT`` the same application behind Serve's own proxy;
``bare HOME PORT`` FastAPI on uvicorn alone, with the same model.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from andon.frames import Floats


class Tensor(BaseModel):
    """An input."""

    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class Inference(BaseModel):
    """A request."""

    id: str | None = None
    inputs: list[Tensor]


def main() -> None:
    """Serve until SIGTERM."""
    kind, home, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if kind == "bare":
        bare(Path(home), port)
        return
    from configs.settings import load_settings
    from pipelines.running.serving import serving_plan, serving_plan_at

    stop = threading.Event()
    for which in (signal.SIGINT, signal.SIGTERM):
        signal.signal(which, lambda *_: stop.set())
    if kind == "default":
        for name in ("RAY_SERVE_ENABLE_HA_PROXY", "RAY_SERVE_THROUGHPUT_OPTIMIZED"):
            os.environ[name] = "0"
    settings = load_settings(home=Path(home), serve_port=port, workers=2)
    plan = serving_plan(settings).model_copy(update={"open_metrics": True})
    with serving_plan_at(settings, plan):
        for which in (signal.SIGINT, signal.SIGTERM):
            signal.signal(which, lambda *_: stop.set())
        stop.wait()


def bare(home: Path, port: int) -> None:
    """Serve the first line's model by FastAPI and pydantic on uvicorn, without a token or a limit."""
    import uvicorn
    from fastapi import FastAPI

    from andon.models.bundle import AlertBundle, read_bundle

    loaded = read_bundle(home / "made" / "line-000")
    assert isinstance(loaded, AlertBundle)

    app = FastAPI()

    @app.get("/ready")
    async def ready() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/v2/models/{model}/infer")
    async def infer(model: str, request: Inference) -> dict[str, Any]:
        tensor = request.inputs[0]
        values: Floats = np.array(tensor.data).reshape(tensor.shape)
        score = loaded.probabilities(values)
        output = {"name": "probability", "datatype": "FP64", "shape": list(score.shape), "data": score.tolist()}
        return {"model_name": model, "model_version": "1", "id": request.id, "outputs": [output]}

    gc.collect()
    gc.freeze()
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
