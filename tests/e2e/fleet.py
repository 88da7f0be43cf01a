"""Several assistants that share lines, killed or cut off from their databases, against one that is left alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from andon.alerts.line_state import state_key
from andon.frames import SignalFrame, from_microseconds
from andon.models.bundle import write_bundle
from andon.notify.relay import relay
from andon.ports import Documents, Models, Signals
from andon.records import ModelKey
from andon.services.assistant import Assistant
from andon.services.turns import Stores
from andon.stores import open_documents, open_models, open_signals
from configs.definitions import Alert, Monitor, Route
from configs.periods import format_time
from configs.routes import Limit
from configs.settings import Settings
from tests.watched_line import (
    ABNORMAL,
    DEFINED,
    HOT,
    JAM,
    NORMAL,
    SAMPLING,
    TYPES,
    jam_bundle,
    make_rows,
    normal_bundle,
)

BEFORE = 60
"""Rows of context before those that are judged."""
FAMILY = {"lines": {"family": "fryers"}}


@dataclass(frozen=True)
class Plan:
    """How many, for how long, and what befalls them; ``lease`` of each assistant."""

    assistants: int
    lines: int
    rows: int
    """That come to each line."""
    pause: float
    """Seconds from one row of all lines to the next."""
    lease: str = "10s"
    models: bool = True
    """Whether a classifier and a monitor watch each line beside the threshold."""

    @property
    def names(self) -> list[str]:
        return [f"fryer-{number:02d}" for number in range(self.lines)]

    def frames(self) -> dict[str, SignalFrame]:
        """Return the readings of every line."""
        return {
            name: SignalFrame(name, make_rows(BEFORE + self.rows, 100 + number, holes=False).data, TYPES, SAMPLING)
            for number, name in enumerate(self.names)
        }


def publish(models: Models, plan: Plan, folder: Path) -> None:
    """Give every line models of its own, one a definition."""
    for bundle in (jam_bundle(), normal_bundle()) if plan.models else ():
        for name in plan.names:
            key = ModelKey(bundle.key.definition, name)
            write_bundle(replace(bundle, key=key), folder / str(key))
            models.promote(key, models.publish(key, folder / str(key), bundle.card), "test", datetime.now(UTC))


def define(documents: Documents, plan: Plan) -> None:
    """Store the definitions: every alert is told of in the log."""
    alerts = [HOT, *([JAM, ABNORMAL] if plan.models else [])]
    bodies: list[Any] = [DEFINED.model_copy(update={"name": name}).to_json() for name in plan.names]
    bodies += [Alert.model_validate(one.to_json() | FAMILY | {"routes": ["shift"]}).to_json() for one in alerts]
    bodies += [Monitor.model_validate(NORMAL.to_json() | FAMILY).to_json()] if plan.models else []
    bodies.append(Route(name="shift", log=True, limit=Limit(messages=100_000)).to_json())
    documents.put_definitions(bodies, datetime.now(UTC))


def dump(documents: Documents, signals: Signals, plan: Plan) -> dict[str, list[Any]]:
    """Return all that was written, but for what only the clock knows."""
    return {
        "forecasts": [row for name in plan.names for row in signals.read_forecasts(name).rows()],
        "anomalies": documents.list_anomalies(),
        "alerts": [one for one in documents.list_alerts() if not one.definition.startswith("(")],
        "skips": [one for one in documents.list_skips() if not one.definition.startswith("(")],
        "messages": sorted(one.key for one in documents.list_messages() if not is_own(one.body)),
    }


def is_own(body: Mapping[str, Any]) -> bool:
    """Tell whether a message is of an alert that the assistant raises by itself, by the clock."""
    return str(body["alert"]["alert"]).startswith("(")


@dataclass
class Fleet:
    """Assistants, each a process of its own, on stores that rows come to."""

    folder: Path
    registry: str
    plan: Plan
    urls: Mapping[str, str] = field(default_factory=dict)
    processes: list[subprocess.Popen[bytes] | None] = field(default_factory=list)
    came: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = Settings(home=self.folder, **self.urls)  # type: ignore[arg-type]
        self.documents: Documents = open_documents(settings.documents)
        self.signals: Signals = open_signals(settings.signals)
        self.frames = self.plan.frames()
        self.since = format_time(from_microseconds(int(next(iter(self.frames.values())).times[BEFORE])))
        define(self.documents, self.plan)
        for frame in self.frames.values():
            self.signals.append_signals(SignalFrame(frame.line, frame.data[:BEFORE], frame.types, frame.sampling))
        self.processes = [None] * self.plan.assistants

    def start(self, number: int) -> None:
        """Start an assistant."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ANDON_")}
        own = {"ANDON_HOME": str(self.folder), "ANDON_MODELS_URL": self.registry}
        own |= {f"ANDON_{name.upper()}": url for name, url in self.urls.items()}
        own["ANDON_ASSISTANT"] = f'{{"lease": "{self.plan.lease}"}}'
        command = [sys.executable, "-m", "pipelines", "assistant", "--every", "5s", "--since", self.since]
        with (self.folder / f"assistant-{number}.log").open("ab") as log:
            self.processes[number] = subprocess.Popen(
                [*self.on(number), *command], env=kept | own, stdout=log, stderr=log
            )

    def on(self, number: int) -> list[str]:
        """Return what puts an assistant's command on another machine; here all are on this one."""
        return []

    def kill(self, number: int) -> None:
        """End an assistant as a loss of power would."""
        process = self.processes[number]
        if process is not None:
            process.kill()
            process.wait()
        self.processes[number] = None

    def bring(self) -> None:
        """Bring one row to every line."""
        begin = BEFORE + self.came
        for frame in self.frames.values():
            part = SignalFrame(frame.line, frame.data[begin : begin + 1], frame.types, frame.sampling)
            self.signals.append_signals(part)
        self.came += 1

    def behind(self) -> int:
        """Return how many lines were not judged up to the newest row that came."""
        states = self.documents.get_states([state_key(name) for name in self.plan.names])
        newest = {name: int(frame.times[BEFORE + self.came - 1]) for name, frame in self.frames.items()}
        return sum(states.get(state_key(name), {"last": -1})["last"] < newest[name] for name in newest)

    def wait(self, done: Callable[[], bool], seconds: float) -> float:
        """Wait for something; return how long it took."""
        began = time.monotonic()
        while not done():
            took = time.monotonic() - began
            assert took < seconds, f"after {took:.0f} s: {self.left()}\n{self.said()}"
            time.sleep(0.1)
        return time.monotonic() - began

    def told(self) -> bool:
        """Tell whether nothing is left to be told of, and every message was delivered."""
        return not self.documents.untold_alerts(1) and all(
            one.state == "sent" for one in self.documents.list_messages()
        )

    def left(self) -> str:
        """Say what is not done yet."""
        untold, waiting = self.documents.untold_alerts(1000), self.documents.list_messages()
        waiting = [one for one in waiting if one.state != "sent"]
        found = f"{self.behind()} lines are behind, {len(untold)} alerts untold, {len(waiting)} messages not sent"
        return f"{found} {untold[:1]} {waiting[:1]}"

    def said(self) -> str:
        """Return the last words of every assistant."""
        return "\n".join(
            path.read_text(errors="replace")[-1500:] for path in sorted(self.folder.glob("assistant-*.log"))
        )

    def stop(self) -> None:
        """End all assistants as an operator would."""
        for process in self.processes:
            if process is not None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            if process is not None:
                try:
                    process.wait(60)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def dump(self) -> dict[str, list[Any]]:
        """Return what was written."""
        return dump(self.documents, self.signals, self.plan)


def alone(folder: Path, registry: str, plan: Plan, rows: int) -> dict[str, list[Any]]:
    """Return what one undisturbed pass over so many rows of each line writes, on embedded stores."""
    fleet = Fleet(folder, registry, replace(plan, assistants=0))
    for frame in fleet.frames.values():
        part = SignalFrame(frame.line, frame.data[BEFORE : BEFORE + rows], frame.types, frame.sampling)
        fleet.signals.append_signals(part)
    since = from_microseconds(int(next(iter(fleet.frames.values())).times[BEFORE]))
    stores = Stores(fleet.documents, fleet.signals, open_models(registry))
    for done in Assistant(stores, since=since).run_pass(datetime.now(UTC)):
        assert done.error == "", done.error
    relay(fleet.documents, datetime.now(UTC))
    return fleet.dump()


@dataclass(frozen=True)
class Compared:
    """Of one kind of record: how many there should be, and how many are lost, wrong or too many."""

    expected: int
    lost: int
    more: int


def compare(found: Mapping[str, list[Any]], expected: Mapping[str, list[Any]]) -> dict[str, Compared]:
    """Return, by kind, how what was found differs from what should be there."""
    compared = {}
    for kind, wanted in expected.items():
        lost = sum((Counter(map(_said, wanted)) - Counter(map(_said, found[kind]))).values())
        compared[kind] = Compared(len(wanted), lost, len(found[kind]) - (len(wanted) - lost))
    return compared


def _said(record: Any) -> str:
    """Return what a record says, the same for equal ones: evidence has its names in any order."""
    return json.dumps(asdict(record) if is_dataclass(record) else record, sort_keys=True, default=str)  # type: ignore[arg-type]


def random_victims(seed: int, assistants: int) -> Callable[[], int]:
    """Return what draws who is killed next."""
    rng = np.random.default_rng(seed)
    return lambda: int(rng.integers(assistants))
