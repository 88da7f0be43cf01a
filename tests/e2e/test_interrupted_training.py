"""Ctrl-C in a training: it ends, says so, leaves no process, and the search waits to be gone on with."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import numpy as np
import pytest

from andon.services.definitions import apply_definitions
from andon.stores import open_documents, open_models, open_signals
from configs.settings import load_settings
from tests.processes import processes_of
from tests.series import awkward

DEFINITION = """
kind: Monitor
name: normal
lines: {names: [press-1]}
learners: [linear]
"""


@pytest.mark.ray
def test_a_training_that_is_interrupted_is_not_finished(andon, tmp_path):
    settings = load_settings(home=andon.home)
    signals = open_signals(settings.signals)
    signals.append_signals(awkward(np.random.default_rng(1), 1500, line="press-1"))
    (tmp_path / "normal.yaml").write_text(DEFINITION)
    apply_definitions([tmp_path / "normal.yaml"], open_documents(settings.documents), signals, datetime.now(UTC))
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines", "train", "--trials", "1000000", "--time", "1h"],
        env=andon.environment(ANDON_WORKERS="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        while not any(andon.home.glob("searches/**/configurations.jsonl")):
            assert process.poll() is None, process.stdout.read()
            time.sleep(0.1)  # until the search has begun
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=120)[0]
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130, said
    assert "stopped\n" in said
    assert "failed" not in said and "Traceback" not in said
    assert not any(andon.home.glob("searches/*/finished"))
    assert open_models(settings.models).list_models() == []
    deadline = time.monotonic() + 30
    while left := processes_of(andon.home):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)  # until Ray's own processes have ended
