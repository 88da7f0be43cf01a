"""Event files as TensorBoard itself reads them: its HParams backend and its scalars."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tensorboard import context
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.plugins import base_plugin
from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups

from tune_jobs.tensorboard import write_best, write_configuration


def runs_in(folder: Path) -> Any:
    runs = plugin_event_multiplexer.EventMultiplexer()
    runs.AddRunsFromDirectory(str(folder))
    runs.Reload()
    return runs


def rows_of_the_hparams_page(folder: Path) -> list[Any]:
    provider = data_provider.MultiplexerDataProvider(runs_in(folder), str(folder))
    backend = backend_context.Context(base_plugin.TBContext(data_provider=provider))
    asked, where = context.RequestContext(), ""
    experiment = backend.experiment_from_metadata(
        asked,
        where,
        True,
        backend.hparams_metadata(asked, where),
        backend.hparams_from_data_provider(asked, where, limit=None),
    )
    columns = [api_pb2.ColParams(hparam=info.name) for info in experiment.hparam_infos]
    columns += [api_pb2.ColParams(metric=info.name) for info in experiment.metric_infos]
    request = api_pb2.ListSessionGroupsRequest(
        slice_size=1000,
        col_params=columns,
        allowed_statuses=[api_pb2.STATUS_SUCCESS, api_pb2.STATUS_FAILURE, api_pb2.STATUS_RUNNING],
    )
    answer = list_session_groups.Handler(asked, backend, where, request).run()
    assert answer.total_size == len(answer.session_groups)
    return list(answer.session_groups)


def params_of(row: Any) -> dict[str, Any]:
    return {name: getattr(value, value.WhichOneof("kind")) for name, value in row.hparams.items()}


def metrics_of(row: Any) -> dict[str, float]:
    return {one.name.tag: one.value for one in row.metric_values}


def test_every_configuration_is_a_row_of_the_hparams_page(tmp_path):
    for line in ("press-1", "press 2.b"):
        for definition in ("jam-soon", "normal"):
            for number in range(3):
                write_configuration(
                    tmp_path,
                    f"{definition} on {line}",
                    "lightgbm" if number else "linear",
                    {"rounds": 10 + number, "rate": 0.25, "balanced": True, "shape": [4, 2], "limit": None},
                    None if number == 2 else 0.5 + number / 4,
                    1.5,
                    number,
                    at=1_790_000_000.0 + number,
                    source="default" if number == 0 else "transfer",
                )
    write_best(tmp_path, "jam-soon on press-1", 0, 0.5)
    rows = {row.name: row for row in rows_of_the_hparams_page(tmp_path)}
    assert len(rows) == 12
    row = rows["jam-soon on press 2.b lightgbm-1"]
    assert params_of(row) == {
        "Line": "press 2.b",
        "Definition": "jam-soon",
        "Learner": "lightgbm",
        "source": "transfer",
        "pruned": False,
        "lightgbm.rounds": 11,
        "lightgbm.rate": 0.25,
        "lightgbm.balanced": True,
        "lightgbm.shape": "[4, 2]",
        "lightgbm.limit": "null",
    }
    assert metrics_of(row) == {"metric": 0.75, "seconds": 1.5}
    (session,) = row.sessions
    assert (session.start_time_secs, session.end_time_secs) == (1_790_000_000.0 - 0.5, 1_790_000_001.0)
    failed = rows["normal on press-1 lightgbm-2"]
    assert metrics_of(failed) == {"seconds": 1.5}
    assert failed.sessions[0].status == api_pb2.STATUS_FAILURE


def test_a_configuration_written_again_takes_its_place(tmp_path):
    for metric in (0.25, 0.75):
        write_configuration(tmp_path, "jam-soon on family presses", "xgboost", {"depth": 3}, metric, 1.0, 7)
    (row,) = rows_of_the_hparams_page(tmp_path)
    assert metrics_of(row)["metric"] == 0.75
    assert params_of(row)["Line"] == "family presses"


@pytest.mark.parametrize("lane", ["", "lightgbm"])
def test_the_best_so_far_is_a_curve(tmp_path, lane):
    for number, best in enumerate((0.25, 0.25, 0.5)):
        run = write_best(tmp_path, "jam-soon on press-1", number, best, lane=lane)
    runs = runs_in(tmp_path)
    points = runs.Tensors(str(run.relative_to(tmp_path)), "best so far")
    assert [(one.step, one.tensor_proto.float_val[0]) for one in points] == [(0, 0.25), (1, 0.25), (2, 0.5)]
