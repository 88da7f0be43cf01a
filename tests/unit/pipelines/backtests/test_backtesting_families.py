"""Back-tests use the model that serves a line: its own, or else its family's, which also judges lines of no family."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from andon.errors import DataError
from andon.frames import SignalFrame
from andon.models.bundle import AlertBundle, write_bundle
from andon.stores import open_documents, open_models, open_signals
from configs.settings import Settings, load_settings
from pipelines.backtests.backtesting import BacktestRequest, run_backtest
from pipelines.terminal import Terminal
from tests.family_alert import (
    FAMILY_THRESHOLD,
    NEW_LINE,
    NOW,
    OWN_THRESHOLD,
    family_alert,
    family_bundle,
    fill,
    own_bundle,
)
from tests.watched_line import JAM


def promote(settings: Settings, bundle: AlertBundle, folder: Path) -> None:
    write_bundle(bundle, folder)
    models = open_models(settings.models)
    models.promote(bundle.key, models.publish(bundle.key, folder, bundle.card), "test", NOW)


def thresholds(settings: Settings, out: Path, *lines: str) -> dict[str, float]:
    request = BacktestRequest.of(
        lines=lines, family=None, alert=JAM.name, monitor=None, start=None, end=None, out=out / "rows.parquet"
    )
    run_backtest(settings, request, Terminal())
    table = pl.read_parquet(out / "rows.parquet").group_by("line").agg(pl.col("threshold").unique())
    return {line: threshold for line, (threshold,) in table.iter_rows()}


def test_a_line_is_judged_by_its_family_s_model_until_it_has_its_own(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path)
    signals = open_signals(settings.signals)
    rows = fill(open_documents(settings.documents), signals, [family_alert("pooled")])
    signals.append_signals(SignalFrame("stranger", rows.data, rows.types, rows.sampling))
    with pytest.raises(DataError, match=f"{JAM.name} on {NEW_LINE}: has no champion"):
        thresholds(settings, tmp_path, NEW_LINE)
    promote(settings, family_bundle(), tmp_path / "family")
    both = {NEW_LINE: FAMILY_THRESHOLD, "stranger": FAMILY_THRESHOLD}
    assert thresholds(settings, tmp_path, NEW_LINE, "stranger") == both
    promote(settings, own_bundle(), tmp_path / "own")
    assert thresholds(settings, tmp_path, NEW_LINE, "stranger") == both | {NEW_LINE: OWN_THRESHOLD}
