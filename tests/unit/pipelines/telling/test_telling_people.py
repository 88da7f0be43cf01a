"""From events and reports to people: stores, archive, mail server and webhooks are real."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import openpyxl
import polars as pl
import pytest

from andon.errors import ConfigError
from andon.frames import signal_frame
from andon.ports import Documents, Signals
from andon.records import AlertEvent, AlertRecord, AlertState, Blame, MoveOption, Recommendation, make_id
from andon.services.recommending import state_key, to_state
from andon.stores import open_documents, open_models, open_signals
from configs.definitions import Alert, Monitor
from configs.notifying import SmtpSettings
from configs.settings import Settings
from pipelines.reports.archiving import ReportOrder, deliver_report, order_of
from pipelines.telling.notifying import Notifier
from pipelines.telling.outbox_listing import list_messages, message_json, probe_route, retry_messages
from tests.servers.hooks import HookServer, hook_server
from tests.servers.mail import MailServer, answering, mail_server, make_certificate

AT = datetime(2026, 3, 1, 6, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@dataclass
class Plant:
    """Stores, servers and settings of one test."""

    documents: Documents
    signals: Signals
    settings: Settings
    mail: MailServer
    hooks: HookServer
    now: datetime = AT
    alerts: list[AlertRecord] = field(default_factory=list)

    def clock(self) -> datetime:
        return self.now

    def notifier(self) -> Notifier:
        return Notifier(self.documents, self.signals, self.settings, self.advise, self.clock)

    def advise(self, alert_id: str) -> Recommendation | None:
        changes = (("speed", 62.0, 55.0),)
        option = MoveOption(changes, AT - 20 * MINUTE, 0.87, 0.31, 0.9, 1.0)
        blame = (Blame("oil", 0.4, "oil, mean of 30 min: 80 °C, pushed the risk up by .4"),)
        return Recommendation(alert_id, changes, 0.87, 0.31, 0.42, AT, (option,), "", blame)

    def fire(self, minute: int, line: str = "press-07") -> AlertRecord:
        at = AT + minute * MINUTE
        evidence = {
            "when": "oil > 80",
            "values": {"oil": 81.53, "speed": 62.0},
            "top": [{"variable": "oil", "share": 0.8}],
        }
        event = AlertEvent(make_id(line, minute), at, AlertState.FIRING, "assistant", "", evidence)
        alert = AlertRecord(line, "hot", at, AlertState.FIRING, "high", (event,), 3, 0.87, 0.42)
        self.documents.open_alert(alert)
        return alert

    def report(self, routes: tuple[str, ...] = ("quality",)) -> dict:
        order = ReportOrder("anomalies", "", AT - 60 * MINUTE, AT + MINUTE, routes=routes)
        models = open_models(self.settings.models)
        return deliver_report(order, self.documents, self.signals, models, self.settings.archive, self.now)


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plant]:
    monkeypatch.setenv("ANDON_WEBHOOK_SECRET", "any text")
    documents, signals = open_documents(f"sqlite:///{tmp_path}/d.db"), open_signals(f"sqlite:///{tmp_path}/s.db")
    times = [AT - number * MINUTE for number in range(120)][::-1]
    data = pl.DataFrame({"time": times, "oil": np.linspace(70, 82, 120), "speed": np.full(120, 62.0)})
    signals.append_signals(signal_frame("press-07", data, {"oil": "number", "speed": "number"}))
    with mail_server() as mail, hook_server() as hooks:
        variables = [{"name": "oil", "unit": "°C"}, {"name": "speed", "unit": "1/min"}]
        line = {"kind": "Line", "name": "press-07", "timezone": "Europe/Paris", "variables": variables}
        hot = {"kind": "Alert", "name": "hot", "lines": {"names": ["press-07"]}}
        hot |= {"type": "classifier", "target": "oil > 80", "horizon": "30m"}
        quality = {"kind": "Route", "name": "quality", "email": ["quality@plant.example"]}
        floor = {"kind": "Route", "name": "floor", "email": ["lead@plant.example"], "webhook": hooks.url, "log": True}
        documents.put_definitions([line, {**hot, "routes": ["floor"]}, quality, floor], AT)
        server = {"host": "127.0.0.1", "port": mail.port, "security": "none", "sender": "andon@plant.example"}
        settings = Settings(
            home=tmp_path / "home", smtp=server, reports=tmp_path / "archive", alert_link="https://op.example/{id}"
        )
        yield Plant(documents, signals, settings, mail, hooks)


def test_an_alert_reaches_people_by_mail_webhook_and_log_once(plant: Plant, caplog: pytest.LogCaptureFixture) -> None:
    alert = plant.fire(0)
    caplog.set_level("INFO", "andon.notifications")
    done = plant.notifier().run()
    assert (done.parcels, done.messages, done.dead, done.troubles) == (3, 3, [], [])
    assert plant.notifier().run().parcels == 0
    (mail,) = plant.mail.mails
    plain, page = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert page is not None
    assert mail["Subject"] == "[high] press-07: hot is firing"
    for said in (
        "07:30:00 (Europe/Paris)",
        "81.53 °C",
        "80 %",
        "from 62 to 55 1/min",
        f"https://op.example/{alert.id}",
    ):
        assert said in plain.get_content()
        assert said in page.get_content()
    pictures = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert [part["Content-ID"] for part in pictures] == ["<chart>", "<blame>"]
    assert all(part.get_content().startswith(b"\x89PNG") for part in pictures)
    ((headers, body),) = plant.hooks.posts
    assert headers["webhook-id"]
    assert json.loads(body)["data"]["alert"]["id"] == alert.id
    (record,) = [one for one in caplog.records if one.name == "andon.notifications"]
    assert (record.levelname, alert.id in record.getMessage()) == ("ERROR", True)


def test_without_readings_or_advice_the_mail_goes_all_the_same(plant: Plant) -> None:
    plant.documents.put_definitions(
        [{"kind": "Route", "name": "all", "alerts": "all", "email": ["boss@plant.example"]}], AT
    )
    plant.fire(0, line="press-08")
    notifier = Notifier(plant.documents, plant.signals, plant.settings, clock=plant.clock)
    notifier.run()
    mail = dict(zip(plant.mail.recipients, plant.mail.mails, strict=True))["boss@plant.example"]
    assert [part.get_content_type() for part in mail.walk() if not part.is_multipart()] == ["text/plain", "text/html"]


@pytest.mark.parametrize("where", ["on_recipient", "on_mail"])
@pytest.mark.parametrize("answer", ["451 try later", "drop"])
def test_what_fails_in_passing_arrives_once(plant: Plant, where: str, answer: str) -> None:
    setattr(plant.mail, where, answering(answer, answer, answer))
    plant.fire(0)
    notifier = plant.notifier()
    tries = 0
    while list_messages(plant.documents, "waiting", 10) or not tries:
        notifier.run()
        plant.now += timedelta(minutes=2)
        tries += 1
    assert tries == 4
    assert len(plant.mail.mails) == 1


def test_a_wrong_password_is_told_and_nothing_is_lost(
    plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path)
    with mail_server(login=("andon", "right"), certificate=certificate) as server:
        known = {"host": "127.0.0.1", "port": server.port, "sender": "andon@plant.example", "user": "andon"}
        smtp = SmtpSettings.model_validate({**known, "certificates": certificate})
        settings = plant.settings.model_copy(update={"smtp": smtp})
        plant.fire(0)
        monkeypatch.setenv("ANDON_SMTP_PASSWORD", "wr0ng")
        (trouble,) = Notifier(plant.documents, plant.signals, settings, clock=plant.clock).run().troubles
        assert "ANDON_SMTP_PASSWORD" in trouble
        (waiting,) = list_messages(plant.documents, None, 10)
        assert waiting.error == trouble
        assert "wr0ng" not in trouble
        monkeypatch.setenv("ANDON_SMTP_PASSWORD", "right")
        plant.now += timedelta(minutes=2)
        Notifier(plant.documents, plant.signals, settings, clock=plant.clock).run()
        assert len(server.mails) == 1
    assert list_messages(plant.documents, None, 10) == []


def test_a_storm_comes_as_a_digest(plant: Plant) -> None:
    for minute in range(130):
        plant.fire(minute)
    done = plant.notifier().run()
    assert (done.parcels, done.messages) == (3, 390)
    (mail,) = plant.mail.mails
    assert mail["Subject"] == "[high] 130 events on press-07: 130 firing"
    plain = mail.get_body(("plain",))
    assert plain is not None
    assert "and 30 more" in plain.get_content()
    assert len(json.loads(plant.hooks.posts[0][1])["data"]["events"]) == 130


def test_what_is_given_up_is_listed_without_secrets_and_can_be_tried_again(plant: Plant) -> None:
    plant.mail.on_recipient = answering("550 nobody here")
    plant.hooks.answers = [(410, {})]
    plant.fire(0)
    assert len(plant.notifier().run().dead) == 2
    told = [message_json(one) for one in list_messages(plant.documents, "dead", 10)]
    assert {one["to"] for one in told} == {"floor: lead@plant.example", "floor: webhook at 127.0.0.1"}
    assert "s3cret" not in json.dumps(told)
    assert told[0]["about"] == "press-07: hot firing"
    assert retry_messages(plant.documents, [], plant.now) == 2
    assert plant.notifier().run().parcels == 2
    assert list_messages(plant.documents, None, 10) == []
    with pytest.raises(ConfigError, match="neither waits"):
        retry_messages(plant.documents, [told[0]["key"]], plant.now)
    with pytest.raises(ConfigError, match="dead"):
        list_messages(plant.documents, "dea", 10)


def test_a_route_can_be_tried_out(plant: Plant) -> None:
    plant.hooks.answers = [(503, {})]
    rows = probe_route("floor", plant.documents, plant.settings, plant.clock)
    assert [(to, bool(why)) for to, why in rows] == [
        ("floor: lead@plant.example", False),
        ("floor: webhook at 127.0.0.1", True),
        ("floor: andon.notifications", False),
    ]
    assert plant.mail.mails[0]["Subject"] == "Test of route floor"
    with pytest.raises(ConfigError, match="did you mean 'floor'"):
        probe_route("flor", plant.documents, plant.settings, plant.clock)


def test_a_report_is_archived_and_sent_once_a_period_also_when_nothing_happened(plant: Plant) -> None:
    first = plant.report()
    assert (first["messages"], first["verdict"]) == (1, "Nothing abnormal.")
    workbook = Path(first["files"][0])
    assert workbook.is_relative_to(plant.settings.archive)
    written = workbook.stat().st_mtime_ns
    plant.notifier().run()
    plant.now += timedelta(hours=1)
    assert plant.report()["messages"] == 0
    plant.notifier().run()
    assert workbook.stat().st_mtime_ns == written
    assert len(plant.documents.list_reports()) == 1
    (mail,) = plant.mail.mails
    assert plant.mail.recipients == ["quality@plant.example"]
    assert mail["Subject"] == "Anomalies and alerts"
    book, page = list(mail.iter_attachments())
    assert openpyxl.load_workbook(io.BytesIO(book.get_content())).sheetnames[0] == "Summary"
    assert "Nothing abnormal was found" in page.get_content()
    plain = mail.get_body(("plain",))
    assert plain is not None
    assert "Nothing abnormal." in plain.get_content()


def test_what_was_found_for_an_alert_goes_with_its_mail_and_into_the_report(plant: Plant) -> None:
    alert = plant.fire(0)
    found = plant.advise(alert.id)
    assert found is not None
    plant.documents.put_state(state_key(alert.id), to_state(found))
    Notifier(plant.documents, plant.signals, plant.settings, clock=plant.clock).run()
    plain = plant.mail.mails[0].get_body(("plain",))
    assert plain is not None
    assert "speed from 62 to 55 1/min" in plain.get_content()
    sheet = openpyxl.load_workbook(plant.report()["files"][0])["Alerts"]
    header, row = sheet.iter_rows(values_only=True)
    assert dict(zip(header, row, strict=True))["would have avoided it"] == "speed from 62 to 55 1/min"


def test_a_report_that_a_kill_cut_off_is_finished(plant: Plant) -> None:
    Path(plant.report(routes=())["files"][1]).unlink()
    again = plant.report()
    assert again["messages"] == 1
    assert all(Path(one).exists() for one in again["files"])
    assert len(plant.documents.list_reports()) == 1


def test_a_report_goes_by_webhook_without_paths(plant: Plant) -> None:
    plant.report(routes=("floor",))
    plant.notifier().run()
    said = json.loads(plant.hooks.posts[0][1])
    assert said["type"] == "report.anomalies"
    assert str(plant.settings.archive) not in json.dumps(said)


def test_a_report_whose_file_is_out_of_reach_waits_and_says_why(plant: Plant) -> None:
    Path(plant.report()["files"][0]).unlink()
    done = plant.notifier().run()
    assert (done.parcels, done.deferred) == (0, 1)
    assert "share the archive" in list_messages(plant.documents, None, 10)[0].error


def test_what_a_definitions_schedule_asks_for(plant: Plant) -> None:
    alert = Alert.model_validate(
        {
            "name": "hot",
            "lines": {"names": ["press-07"]},
            "type": "threshold",
            "when": "oil > 80",
            "routes": ["quality"],
        }
    )
    order = order_of(alert, ("press-07",), AT - timedelta(days=7), AT)
    assert (order.kind, order.routes) == ("performance", ("quality",))
    plant.fire(-60)
    models = open_models(plant.settings.models)
    sent = deliver_report(order, plant.documents, plant.signals, models, plant.settings.archive, AT)
    assert sent["verdict"] == "1 alerts, 1 of them without a verdict."
    monitor = Monitor.model_validate({"name": "normal", "lines": {"names": ["press-07"]}})
    assert order_of(monitor, ("press-07",), AT, AT + MINUTE).kind == "anomalies"
    with pytest.raises(ConfigError, match="route qality"):
        plant.report(routes=("qality",))
