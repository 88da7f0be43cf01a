"""What URLs and settings of stores say, and never tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from andon.errors import ConfigError
from andon.stores.addresses import influx_address, mongo_address, without_secrets
from configs.influx import InfluxLayout, with_layout
from configs.settings import load_settings

WILD = InfluxLayout(measurement="{variable}", field="value", tags={"machine id": "{line}", "site": "lyon, FR"})


def test_a_layout_travels_in_the_url() -> None:
    url = with_layout("influxs://plant:443/factory/autogen?org=a%20b&certificates=/ca.pem", WILD)
    found = influx_address(url)
    assert (found.base, found.bucket, found.org, found.certificates) == (
        "https://plant:443", "factory/autogen", "a b", "/ca.pem",
    )  # fmt: skip
    assert found.layout == WILD


def test_settings_put_the_layout_into_the_url_of_influx_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "andon.toml").write_text(
        'signals_url = "influx://plant/factory?org=o"\n'
        '[influx]\nmeasurement = "{variable}"\nfield = "value"\ntags = {"machine id" = "{line}", site = "lyon, FR"}\n'
    )
    settings = load_settings()
    assert influx_address(settings.signals).layout == WILD
    assert load_settings(signals_url="sqlite:////a.db").signals == "sqlite:////a.db"
    assert settings.documents.startswith("sqlite:///")


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        ({"measurement": "x"}, "{line} must be used in one place, is in none"),
        ({"field": "value"}, "{variable} must be used in one place, is in none"),
        ({"tags": {"id": "{line}"}}, "{line} must be used in one place, is in measurement, tag id"),
        ({"measurement": "{line}.{variable}"}, "use a tag for one of them"),
        ({"measurement": "{machine}"}, "at most one {line} or {variable}"),
        ({"measurement": "m", "tags": {"l": "{line}"}, "forecasts": "m"}, "is the measurement of the readings"),
        ({"measurement": "{variable}", "field": "text", "tags": {"l": "{line}"}}, "field, text and flag must differ"),
    ],
)
def test_a_layout_that_cannot_be_read_back_is_refused(layout: dict[str, object], said: str) -> None:
    url = with_layout("influx://plant/factory", InfluxLayout.model_construct(**layout))
    with pytest.raises(ConfigError) as error:
        influx_address(url)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("influx://me:hunter2@h/b", "holds a user or a password; set ANDON_INFLUX_TOKEN"),
        ("influx://h", "'influx://h' names no bucket"),
        ("influx:///b", "names no bucket"),
        ("influx://h:x/b", "Port could not be cast"),
        ("influx://h/b?measure=x", "measure: Extra inputs are not permitted"),
    ],
)
def test_an_address_of_influx_is_complete_and_holds_no_secret(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match="ANDON_SIGNALS_URL") as error:
        influx_address(url)
    assert said in str(error.value)
    assert "hunter2" not in str(error.value)


def test_a_password_is_never_shown() -> None:
    url = "mongodb+srv://andon:hunter2@db-1,db-2/factory?authSource=admin&password=hunter2"
    assert without_secrets(url) == str(mongo_address(url)) == "mongodb+srv://andon@db-1,db-2/factory"
    assert without_secrets("influx://h/b?token=hunter2") == "influx://h/b"
    with pytest.raises(ConfigError) as error:
        mongo_address("mongodb://andon:hunter2@db-1")
    assert "hunter2" not in str(error.value)
    assert "names no database" in str(error.value)


@pytest.mark.parametrize("line", ['influx_token = "hunter2"', 'documents_url = "mongodb://me:hunter2@h/d"'])
def test_a_secret_in_the_file_is_refused(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "andon.toml").write_text(line)
    with pytest.raises(ConfigError, match="in the environment") as error:
        load_settings()
    assert "hunter2" not in str(error.value)
