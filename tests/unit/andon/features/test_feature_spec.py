"""What a definition leaves open, which variables are chosen, and the specification as JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from andon.errors import ConfigError, DataError, ModelError
from andon.features.spec import FeatureSpec, VariableSpec, declared_bounds, feature_spec, resolve_features
from andon.frames import SignalFrame, signal_frame
from configs.definitions import Features, Line
from configs.durations import format_duration, parse_duration
from configs.expressions import parse

MINUTE = timedelta(minutes=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
JAM = parse("jam == 1")
TYPES: dict[str, Any] = {"jam": "boolean", "speed": "number", "product": "category", "note": "category"}


def line(name: str = "press-07", types: dict[str, Any] = TYPES, **columns: list[Any]) -> SignalFrame:
    given = {"jam": [0, 1, 0], "speed": [1.0, 2.0, 3.0], "product": ["bun", "tart", "bun"], "note": ["", "a", "b"]}
    given = {one: columns.get(one, given.get(one, [1, 0, 1])) for one in types}
    rows = {"time": pl.Series([START + minute * MINUTE for minute in range(3)], dtype=pl.Datetime("us", "UTC"))}
    return signal_frame(name, pl.DataFrame({**rows, **given}), types, MINUTE)


def chosen(frames: list[SignalFrame], include: list[str] | None = None, exclude: tuple[str, ...] = ()) -> list[str]:
    spec = feature_spec(Features(), frames, 30 * MINUTE, include, exclude, JAM)
    return [variable.name for variable in spec.variables]


@pytest.mark.parametrize(
    ("sampling", "horizon", "stride", "windows"),
    [
        ("1m", "30m", "1m", "5m 15m 30m"),
        ("1s", "30m", "1m", "5m 15m 30m"),
        ("10s", "10m", "20s", "1m40s 5m 10m"),
        ("1m", "5m", "1m", "3m 5m"),
        ("1m", "1m", "1m", "3m"),
        ("7s", "30s", "7s", "21s 28s"),
        ("1s", "45s", "1s", "8s 22s 45s"),
        ("2s", "2m", "4s", "20s 1m 2m"),
        ("4s", "4m", "8s", "40s 2m 4m"),
        ("1h", "2d", "1h", "8h 1d 2d"),
    ],
)
def test_defaults_follow_sampling_and_horizon(sampling: str, horizon: str, stride: str, windows: str) -> None:
    resolved = resolve_features(Features(), parse_duration(sampling), parse_duration(horizon))
    assert format_duration(resolved.stride or timedelta(0)) == stride
    assert " ".join(format_duration(window) for window in resolved.windows or ()) == windows


def test_given_fields_are_kept() -> None:
    given = Features(windows=("10m", "2h"), functions=("mean",), stride="5m")
    assert resolve_features(given, MINUTE, 30 * MINUTE) == given
    # A stride by the horizon (2m) would not divide the window given: the sampling does.
    assert resolve_features(Features(windows=("5m",)), MINUTE, 60 * MINUTE).stride == MINUTE
    assert resolve_features(Features(stride="10m"), MINUTE, 60 * MINUTE).windows == (
        10 * MINUTE,
        30 * MINUTE,
        60 * MINUTE,
    )


def test_windows_that_are_no_multiple_of_the_stride_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"features.windows: 1m30s is not a multiple of the stride 1m; try 2m"):
        resolve_features(Features(windows=("90s",)), MINUTE, 30 * MINUTE)
    with pytest.raises(
        ConfigError, match=r"features.stride: 1s goes 2,592,000 times into 30d; give a stride of at least"
    ):
        resolve_features(Features(windows=("30d",), stride="1s"), timedelta(seconds=1), 30 * MINUTE)


def test_everything_but_the_excluded_and_the_targets_own() -> None:
    assert chosen([line()]) == ["note", "product", "speed"]
    assert chosen([line()], exclude=("note",)) == ["product", "speed"]
    assert chosen([line()], include=["speed", "jam"]) == ["jam", "speed"]
    assert chosen([line()], include=["speed", "jam"], exclude=("jam",)) == ["speed"]


def test_lines_share_their_variables() -> None:
    more = line("press-08", TYPES | {"heat": "number"})
    fewer = line("press-09", {"jam": "boolean", "speed": "number"})
    assert chosen([line(), more]) == ["note", "product", "speed"]
    assert chosen([more, line(), fewer]) == ["speed"]
    with pytest.raises(ConfigError, match="include: line press-07 has no variable 'heat'"):
        chosen([more, line()], include=["heat"])
    with pytest.raises(DataError, match="variable speed: is boolean and number on different lines"):
        chosen([line(), line("press-08", TYPES | {"speed": "boolean"}, speed=[0, 1, 0])])


def test_variables_without_readings_or_functions_are_dropped() -> None:
    assert chosen([line(speed=[None] * 3)]) == ["note", "product"]
    assert chosen([line(speed=[None] * 3), line("press-08")]) == ["note", "product", "speed"]
    spec = feature_spec(Features(functions=("mean",)), [line()], 30 * MINUTE, None, (), JAM)
    assert spec.names == ("speed.mean.5m", "speed.mean.15m", "speed.mean.30m")
    with pytest.raises(ConfigError, match="of 2 variables none has readings that mean can be made of"):
        feature_spec(Features(functions=("mean",)), [line()], 30 * MINUTE, ["note", "product"], (), JAM)
    with pytest.raises(ConfigError, match="no variable is left to learn from"):
        chosen([line()], exclude=("note", "product", "speed"))
    with pytest.raises(DataError, match="there is no line"):
        chosen([])


def test_categories_are_the_most_frequent_of_all_lines() -> None:
    lines = [line(), line("press-08", product=["tart", "tart", "(other)"])]
    spec = feature_spec(Features(functions=("share",)), lines, 30 * MINUTE, ["product"], (), JAM)
    assert spec.variables == (VariableSpec("product", "category", ("tart", "bun")),)
    assert spec == feature_spec(Features(functions=("share",)), lines[::-1], 30 * MINUTE, ["product"], (), JAM)
    many = [line(str(number), product=[f"p{number:02d}", f"p{number:02d}", f"q{number}"]) for number in range(25)]
    spec = feature_spec(Features(), many, 30 * MINUTE, ["product"], (), JAM)
    assert spec.variables[0].categories == tuple(f"p{number:02d}" for number in range(20))


def test_bounds_are_declared_or_found_in_the_training_rows() -> None:
    asked = Features(functions=("out_of_bounds", "mean"))
    lines = [line(speed=[0.0, 1.0, 2.0]), line("press-08", speed=[3.0, 4.0, None])]

    def bounds(*given: tuple[float | None, float | None]) -> tuple[float, float] | None:
        named = dict(zip(["speed"], given, strict=False))
        return feature_spec(asked, lines, 30 * MINUTE, ["speed"], (), JAM, named).variables[0].bounds

    assert bounds() == pytest.approx((0.04, 3.96))
    assert bounds((1.0, None)) == pytest.approx((1.0, 3.96))
    assert bounds((1.0, 2.5)) == (1.0, 2.5)
    # A least value above all that was read leaves nothing within.
    assert bounds((9.0, None)) == (9.0, 9.0)
    plain = feature_spec(Features(functions=("mean",)), lines, 30 * MINUTE, ["speed"], (), JAM)
    assert plain.variables[0].bounds is None


def test_lines_together_declare_the_widest_bounds() -> None:
    one = Line(name="press-07", variables=[{"name": "speed", "min": 10, "max": 20}, {"name": "heat", "min": 1}])
    two = Line(name="press-08", variables=[{"name": "speed", "min": 5, "max": 15}, {"name": "heat"}])
    assert declared_bounds([one, two]) == {"speed": (5.0, 20.0), "heat": (None, None)}


def test_names_are_readable_stable_and_unique() -> None:
    spec = FeatureSpec(
        (VariableSpec("oil", "number"), VariableSpec("product", "category", ("croissant",))),
        (30 * MINUTE, 5 * MINUTE),
        ("mean", "last", "share", "since_change"),
        MINUTE,
        MINUTE,
    )
    assert spec.names == (
        *("oil.mean.5m", "oil.mean.30m", "oil.last", "oil.since_change"),
        *("product.share.croissant.5m", "product.share.(other).5m"),
        *("product.share.croissant.30m", "product.share.(other).30m", "product.since_change"),
    )
    met = replace(spec, variables=(VariableSpec("a", "category", ("b", "b.5m")), VariableSpec("a.share", "boolean")))
    odd = replace(met, variables=(VariableSpec("a", "category", ("share",)), VariableSpec("a.share", "boolean")))
    assert len(set(met.names)) == len(met.names)
    assert len(set(odd.names)) == len(odd.names)
    assert "a.share.share.5m'" in odd.names


def test_features_say_what_they_are_made_of() -> None:
    spec = feature_spec(Features(), [line()], 30 * MINUTE, None, (), JAM)
    by_name = {feature.name: feature for feature in spec.features}
    share = by_name["product.share.bun.15m"]
    assert (share.variable, share.function, share.window, share.category) == ("product", "share", 15 * MINUTE, "bun")
    assert by_name["speed.last"].window == spec.longest == 30 * MINUTE
    assert spec.rows_needed == 30
    assert tuple(by_name) == spec.names


def test_a_specification_survives_json() -> None:
    spec = feature_spec(Features(), [line()], 30 * MINUTE, None, (), JAM)
    assert FeatureSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec
    # What was stored before there were bounds is what a specification without them still stores.
    assert all(len(variable) == 3 for variable in spec.to_json()["variables"])
    bounded = replace(spec, variables=(VariableSpec("speed", "number", bounds=(-0.5, 2.0)),))
    assert FeatureSpec.from_json(json.loads(json.dumps(bounded.to_json()))) == bounded


@pytest.mark.parametrize(
    "damage",
    [
        {"windows": []},
        {"windows": [60_000_001]},
        {"windows": ["5m"]},
        {"stride": 0},
        {"stride": 1},
        {"sampling": -5},
        {"sampling": None},
        {"functions": ["mode"]},
        {"variables": []},
        {"variables": [["speed", "text", []]]},
        {"variables": [["product", "category", [1]]]},
        {"variables": [["speed"]]},
        {"variables": [["speed", "number", [], [2.0, 1.0]]]},
        {"variables": [["speed", "number", [], [1.0]]]},
        {"variables": [["speed", "number", [], ["a", "b"]]]},
        {"variables": 3},
    ],
)
def test_a_damaged_specification_is_refused(damage: dict[str, Any]) -> None:
    body = feature_spec(Features(), [line()], 30 * MINUTE, None, (), JAM).to_json()
    with pytest.raises(ModelError, match="feature specification: is damaged"):
        FeatureSpec.from_json(body | damage)
