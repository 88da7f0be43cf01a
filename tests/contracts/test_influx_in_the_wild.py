"""Readings that other programs write to InfluxDB, in layouts of their own."""

from __future__ import annotations

from datetime import timedelta

import pytest

from andon.errors import DataError
from andon.ports import Appended
from andon.stores import open_signals
from andon.stores.addresses import influx_address
from andon.stores.influx_http import InfluxHttp
from tests.contracts.test_signals_contract import MINUTE, START, forecast, frame_of
from tests.servers import adapters

AT = 1_767_225_600_000_000
"""`START`, in microseconds."""


def write(url: str, *lines: str) -> None:
    http = InfluxHttp(influx_address(url))
    http.write("\n".join(lines).encode())
    http.close()


def test_readings_of_a_gateway_are_found_typed_and_told_apart(influx: tuple[int, int]) -> None:
    url = adapters.fresh_influx_url(*influx, "influx-a-measurement-a-variable")
    write(
        url,
        f"oil,machine=press-07,site=lyon,host=gw1 value=71.5 {AT}",
        f"count,machine=press-07,site=lyon,host=gw1 value=3i {AT}",
        f"open,machine=press-07,site=lyon,host=gw1 value=true {AT + 1}",
        f'product,machine=press-07,site=lyon,host=gw1 value="A7" {AT}',
        f"oil,machine=press-07,site=nantes value=9 {AT}",
        f"oil,machine=oven,site=lyon value=200 {AT}",
        f"cpu,host=gw1 load=0.5 {AT}",
    )
    signals = open_signals(url)
    assert signals.list_lines() == ["oven", "press-07"]
    frame = signals.read_signals("press-07")
    assert frame.types == {"count": "number", "oil": "number", "open": "boolean", "product": "category"}
    assert frame.data.drop("time").rows() == [(3.0, 71.5, None, "A7"), (None, None, 1.0, None)]


def test_a_field_of_integers_takes_whole_numbers_and_refuses_others(influx: tuple[int, int]) -> None:
    url = adapters.fresh_influx_url(*influx)
    write(url, f"press-07 count=3i,oil=70 {AT}")
    signals = open_signals(url)
    assert signals.append_signals(frame_of(count=[3, 4], oil=[70.5, 71.0])) == Appended(2, 1, 1)
    assert signals.read_signals("press-07").data["count"].to_list() == [3.0, 4.0]
    with pytest.raises(DataError, match="count: is a field of integers in InfluxDB"):
        signals.append_signals(frame_of(start=START + 5 * MINUTE, count=[4.5], oil=[1.0]))
    assert signals.count_readings("press-07") == 2


def test_what_others_write_is_seen_by_digests_and_windows(influx: tuple[int, int]) -> None:
    url = adapters.fresh_influx_url(*influx)
    signals = open_signals(url)
    signals.append_signals(frame_of(a=[1.0, 2.0, 3.0]))
    span = (START, START + timedelta(hours=1))
    before = signals.digest("press-07", *span)
    assert signals.latest_signals("press-07", 2).data["a"].to_list() == [2.0, 3.0]
    write(url, f"press-07 a=9 {AT + 60_000_000}")
    changed = signals.digest("press-07", *span)
    assert changed != before
    assert signals.latest_signals("press-07", 2).data["a"].to_list() == [9.0, 3.0]
    write(url, f"press-07 a=4 {AT + 180_000_000}", f"press-07 a=0 {AT - 60_000_000}")
    assert signals.latest_signals("press-07", 2).data["a"].to_list() == [3.0, 4.0]
    stored = signals.describe_line("press-07")
    assert stored is not None
    assert (stored.first, stored.last) == (START - MINUTE, START + 3 * MINUTE)
    write(url, f"press-07 late=1,a=4 {AT + 180_000_000}")
    assert signals.latest_signals("press-07", 1, ["late"]).data["late"].to_list() == [1.0]


def test_several_points_of_a_time_count_once(influx: tuple[int, int]) -> None:
    url = adapters.fresh_influx_url(*influx)
    write(
        url,
        *(f"press-07,host=gw{host} a={row + host / 10} {AT + row * 1000}" for row in range(6) for host in (1, 2, 3)),
    )
    signals = open_signals(url)
    assert signals.count_readings("press-07") == 6
    newest = signals.latest_signals("press-07", 4)
    assert [int(value) for value in newest.data["a"]] == [2, 3, 4, 5]


def test_forecasts_may_lie_in_a_bucket_of_their_own(influx: tuple[int, int]) -> None:
    url, other = adapters.fresh_influx_url(*influx), adapters.fresh_influx_url(*influx)
    bucket = influx_address(other).bucket
    signals = open_signals(f"{url}?forecasts_bucket={bucket}&forecasts=expected")
    signals.append_signals(frame_of("expected", a=[1.0]))
    assert signals.append_forecasts([forecast(1)]) == 1
    assert (signals.list_lines(), signals.forecast_lines()) == (["expected"], ["press-07"])
    assert open_signals(other).list_lines() == ["expected"]
    with pytest.raises(DataError, match="measurement 'andon_forecasts' is Andon's own"):
        open_signals(url).append_signals(frame_of("andon_forecasts", a=[1.0]))
