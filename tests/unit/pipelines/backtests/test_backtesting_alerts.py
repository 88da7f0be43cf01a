"""A back-test of an alert on forecasts, anomalies or a threshold says what the assistant would have said."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from andon.alerts.line_state import LineState
from andon.assistant import LineView, tick
from andon.errors import ConfigError, DataError
from andon.frames import SignalFrame
from andon.labels import label_rows
from andon.models.bundle import write_bundle
from andon.stores import open_documents, open_models, open_signals
from configs.definitions import Alert
from configs.settings import Settings, load_settings
from pipelines.backtests.backtesting import BacktestRequest, run_backtest
from pipelines.backtests.labels import detection_table
from pipelines.terminal import Terminal
from tests.watched_line import (
    ABNORMAL,
    AHEAD,
    HOT,
    LINE,
    NORMAL,
    SAMPLING,
    START,
    define,
    make_rows,
    normal_bundle,
    watches,
)  # fmt: skip

FRAME = make_rows(500, seed=3)
NOW = START + 600 * SAMPLING


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = load_settings(home=tmp_path)
    define(open_documents(settings.documents), at=NOW)
    open_signals(settings.signals).append_signals(FRAME)
    return settings


def publish(settings: Settings, folder: Path) -> None:
    bundle, models = normal_bundle(), open_models(settings.models)
    write_bundle(bundle, folder)
    models.promote(bundle.key, models.publish(bundle.key, folder, bundle.card), "test", NOW)


def back_test(settings: Settings, out: Path, alert: Alert, start: datetime | None = None) -> pl.DataFrame:
    request = BacktestRequest.of(
        lines=(LINE,), family=None, alert=alert.name, monitor=None, out=out,
        start=None if start is None else start.isoformat(), end=None,
    )  # fmt: skip
    run_backtest(settings, request, Terminal())
    return pl.read_parquet(out)


@pytest.mark.parametrize("alert", [HOT, ABNORMAL, AHEAD], ids=lambda alert: alert.type)
def test_the_flag_is_that_the_assistant_s_alert_stands_open(settings: Settings, tmp_path: Path, alert: Alert) -> None:
    publish(settings, tmp_path / "bundle")
    rows = back_test(settings, tmp_path / "rows.parquet", alert)
    assert rows.height == len(FRAME) and rows["variable"].null_count() == rows.height
    flag = rows["flag"].to_numpy()
    result = tick(LineView(FRAME, watches()), LineState(last=-1))
    opened = [one.opened_at for one in result.opened if one.definition == alert.name]
    assert rows["time"].filter(pl.Series(flag & ~np.append(False, flag[:-1]))).to_list() == opened != []
    cut = START + 250 * SAMPLING
    part = back_test(settings, tmp_path / "part.parquet", alert, start=cut)
    assert part.equals(rows.filter(pl.col("time") >= cut))


def test_a_forecast_s_score_is_its_condition_and_its_actual_whether_it_came_true(
    settings: Settings, tmp_path: Path
) -> None:
    publish(settings, tmp_path / "bundle")
    rows = back_test(settings, tmp_path / "rows.parquet", AHEAD)
    assert set(rows["score"].unique()) == {None, 0.0, 1.0} and rows["threshold"].unique().to_list() == [1.0]
    assert AHEAD.when is not None and AHEAD.horizon is not None
    labels = label_rows(FRAME, AHEAD.when, AHEAD.horizon)
    np.testing.assert_array_equal(rows["actual"].to_numpy(), labels)
    known = ~np.isnan(labels) & rows["score"].is_not_null().to_numpy()
    said = rows["score"].to_numpy()[known] == 1
    assert labels[known][said].mean() > 3 * labels[known].mean() > 0, "it knows something of what is to come"


@pytest.mark.parametrize("alert", [ABNORMAL, AHEAD], ids=lambda alert: alert.type)
def test_an_alert_on_a_monitor_without_a_champion_says_what_to_train(
    settings: Settings, tmp_path: Path, alert: Alert
) -> None:
    with pytest.raises(DataError, match="run `andon train --monitor normal-frying`"):
        back_test(settings, tmp_path / "rows.parquet", alert)


def test_a_horizon_below_the_sampling_is_told(settings: Settings, tmp_path: Path) -> None:
    publish(settings, tmp_path / "bundle")
    short = Alert.model_validate(AHEAD.to_json() | {"horizon": "2s"})
    open_documents(settings.documents).put_definitions([short.to_json()], NOW + timedelta(hours=1))
    with pytest.raises(DataError, match="is 0 steps of its sampling"):
        back_test(settings, tmp_path / "rows.parquet", short)


def test_what_was_said_is_measured_against_labels(settings: Settings, tmp_path: Path) -> None:
    publish(settings, tmp_path / "bundle")
    out = tmp_path / "rows.parquet"
    request = BacktestRequest.of(
        lines=(LINE,), family=None, alert=None, monitor=NORMAL.name, start=None, end=None, out=out, labels="jam"
    )
    (summary,) = run_backtest(settings, request, Terminal())["lines"]
    own = pl.read_parquet(out).filter(pl.col("variable").is_null())
    np.testing.assert_array_equal(own["actual"].to_numpy(), FRAME.numbers("jam"))
    scored = own.filter(pl.col("score").is_not_null())
    found = summary["detection"]
    assert (found["rows"], found["anomalous"]) == (scored.height, scored["actual"].sum())
    normal = scored.filter(pl.col("actual") == 0)
    assert found["false_alarm_rate"] == normal["flag"].mean()
    columns, (row,) = detection_table([summary])
    assert len(columns) == len(row) and row[0] == LINE
    for name, problem in (("product", "is a category"), ("nothing", "is not a variable of the line")):
        wrong = replace(request, labels=name)
        with pytest.raises(DataError, match=f"--labels {name}: {problem}"):
            run_backtest(settings, wrong, Terminal())


def test_at_rolling_origins_no_row_is_judged_by_a_model_that_has_read_it(settings: Settings, tmp_path: Path) -> None:
    publish(settings, tmp_path / "bundle")
    asked = {"lines": (LINE,), "family": None, "start": None, "end": None}
    request = BacktestRequest.of(
        **asked, alert=None, monitor=NORMAL.name, origins=3, out=tmp_path / "rows.parquet"
    )  # fmt: skip
    run_backtest(settings, request, Terminal())
    rows = pl.read_parquet(request.out)
    times = FRAME.data["time"]
    middle = times[0] + (times[-1] - times[0]) / 2
    assert rows.filter(pl.col("variable").is_null())["time"].to_list() == times.filter(times >= middle).to_list()
    assert rows["score"].null_count() < 0.1 * rows.height
    # Readings of the last stretch cannot have changed what was said before it.
    last = times.filter(times >= times[0] + (times[-1] - times[0]) * 5 / 6)[1]
    changed = FRAME.data.with_columns(oil=pl.when(pl.col("time") > last).then(0.0).otherwise("oil"))
    open_signals(settings.signals).append_signals(SignalFrame(LINE, changed, FRAME.types, FRAME.sampling))
    again = replace(request, out=tmp_path / "again.parquet")
    run_backtest(settings, again, Terminal())
    before = pl.col("time") <= last
    assert pl.read_parquet(again.out).filter(before).equals(rows.filter(before))
    assert not pl.read_parquet(again.out).equals(rows)
    for wrong, problem in (({"origins": 0}, "must be 1 to 50, got 0"), ({"origins": 51}, "got 51")):
        with pytest.raises(ConfigError, match=problem):
            run_backtest(settings, replace(request, **wrong), Terminal())
    with pytest.raises(ConfigError, match="--origins: is for monitors only"):
        BacktestRequest.of(**asked, alert=AHEAD.name, monitor=None, origins=3, out=request.out)
