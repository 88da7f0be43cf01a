"""Configurations for TensorBoard: an hparams entry each, written by the worker at once, and the best so far as a curve.

TensorBoard takes every folder with event files below its log directory for a run; a run with a session's start is a row
of its HParams page. The records are those of TFRecord files (length, masked CRC-32C, protobuf), written in one go: no
writer thread, no open file.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = "tensorboard"
"""Where a search keeps its event files."""

_FILE = "events.out.tfevents.0000000000.andon"


def write_configuration(
    folder: Path,
    title: str,
    learner: str,
    params: Mapping[str, Any],
    metric: float | None,
    seconds: float,
    number: int,
    *,
    at: float | None = None,
    source: str = "sampled",
    pruned: bool = False,
) -> Path:
    """Write one configuration as a run of its own and return the run's folder; written again, it takes its place.

    Parameters
    ----------
    folder
        The search's.
    title
        The study's: ``jam-soon on press-07``, or ``jam-soon on family presses``.
    learner, params, metric, seconds, number
        As in the journal. Parameters appear as ``learner.name``; a configuration that failed has no metric.
    at
        When it ended, in seconds since the Unix epoch; now by default.
    source, pruned
        As in the journal.
    """
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import metadata
    from tensorboard.plugins.hparams.api_pb2 import STATUS_FAILURE, STATUS_SUCCESS
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo

    ended = time.time() if at is None else at
    definition, line = _parts(title)
    run = _study_folder(folder, title) / f"{learner}-{number:04d}"
    start = SessionStartInfo(group_name=f"{title} {learner}-{number}", start_time_secs=ended - seconds)
    # Capitals come first in the order of names: the page shows its first columns unless told otherwise.
    shown = {"Line": line, "Definition": definition, "Learner": learner, "source": source, "pruned": pruned}
    for name, value in (shown | {f"{learner}.{name}": value for name, value in params.items()}).items():
        if isinstance(value, bool):
            start.hparams[name].bool_value = value
        elif isinstance(value, int | float):
            start.hparams[name].number_value = value
        else:
            start.hparams[name].string_value = value if isinstance(value, str) else json.dumps(value, default=str)
    end = SessionEndInfo(status=STATUS_FAILURE if metric is None else STATUS_SUCCESS, end_time_secs=ended)
    values = [
        Summary.Value(
            tag=tag, metadata=metadata.create_summary_metadata(HParamsPluginData(**body)), tensor=metadata.NULL_TENSOR
        )
        for tag, body in (
            (metadata.SESSION_START_INFO_TAG, {"session_start_info": start}),
            (metadata.SESSION_END_INFO_TAG, {"session_end_info": end}),
        )
    ]
    scalars = {"seconds": seconds} if metric is None else {"metric": metric, "seconds": seconds}
    values += [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
    run.mkdir(parents=True, exist_ok=True)
    temporary = run / "part"  # a name that TensorBoard does not take for events
    temporary.write_bytes(
        _record(Event(wall_time=ended, file_version="brain.Event:2").SerializeToString())
        + _record(Event(wall_time=ended, step=number, summary=Summary(value=values)).SerializeToString())
    )
    temporary.replace(run / _FILE)
    return run


def write_best(folder: Path, title: str, number: int, best: float, *, lane: str = "", at: float | None = None) -> Path:
    """Append the best metric after configuration ``number`` to the study's curve; return the curve's folder.

    Where several workers share a study, each has a ``lane`` (its learner) and a curve of its own.
    """
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    now = time.time() if at is None else at
    run = _study_folder(folder, title) / (f"best-{lane}" if lane else "best")
    run.mkdir(parents=True, exist_ok=True)
    point = Summary(value=[Summary.Value(tag="best so far", simple_value=best)])
    with (run / _FILE).open("ab") as file:
        if not file.tell():
            file.write(_record(Event(wall_time=now, file_version="brain.Event:2").SerializeToString()))
        file.write(_record(Event(wall_time=now, step=number, summary=point).SerializeToString()))
    return run


def _parts(title: str) -> tuple[str, str]:
    definition, _, line = title.partition(" on ")
    return definition, line


def _study_folder(folder: Path, title: str) -> Path:
    definition, line = _parts(title)
    return folder / FOLDER / line / definition


def _record(data: bytes) -> bytes:
    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

    length = len(data).to_bytes(8, "little")
    return b"".join(
        (length, masked_crc32c(length).to_bytes(4, "little"), data, masked_crc32c(data).to_bytes(4, "little"))
    )
