"""Recommendations as they are stored, asked for, judged by what happened, and withdrawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from andon.alerts.life_cycle import open_alert
from andon.errors import ConfigError
from andon.frames import SignalFrame, from_microseconds
from andon.ports import Documents, Signals
from andon.records import Feedback, MoveOption, Recommendation
from andon.scoring.alerts import score_alert
from andon.services.advice import review_advice
from andon.services.bounds import check_moves
from andon.services.recommended import (
    from_state,
    recommendations_of,
    state_key,
    stored_recommendation,
    to_state,
    withdrawn,
)
from andon.services.recommending import Advisor
from andon.stores import open_documents, open_signals
from configs.definitions import Alert, Line
from pipelines.recommending import Recommender
from tests.advised_line import JAM, LINE, MINUTE, NAME, START, TRAINED, bundle, rows
from tests.watched_stores import FolderModels

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)


@dataclass
class House:
    documents: Documents
    signals: Signals
    advisor: Advisor

    def alert(self, moment: datetime, definition: str = JAM.name, **more: Any) -> str:
        """Open an alert."""
        opened = open_alert(NAME, definition, "high", moment, more.pop("evidence", {}), **more)
        assert self.documents.open_alert(opened)
        return opened.id


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    documents = open_documents(f"sqlite:///{tmp_path}/documents.db")
    signals = open_signals(f"sqlite:///{tmp_path}/signals.db")
    models = FolderModels(tmp_path / "models")
    models.put(bundle())
    signals.append_signals(rows())
    documents.put_definitions([LINE.to_json(), JAM.to_json()], NOW)
    yield House(documents, signals, Advisor(documents, signals, models, tmp_path / "advice"))  # type: ignore[arg-type]
    documents.close()
    signals.close()


def flagged() -> list[datetime]:
    scores = score_alert(bundle(), rows(), START + TRAINED * MINUTE)
    return [from_microseconds(int(time)) for time in scores.times[scores.flag]]


def test_an_alert_is_explained_once_and_the_same_for_everybody(house: House) -> None:
    moment = flagged()[0]
    alert = house.alert(moment, score=0.5, threshold=0.1, version=1)
    assert recommendations_of(alert, house.documents) == []
    found = house.advisor.advise(alert)
    assert found.time == moment and found.version == 1 and found.options
    assert stored_recommendation(alert, house.documents) == found == from_state(to_state(found))
    fresh = Advisor(house.documents, house.signals, house.advisor.models, house.advisor.folder)
    assert fresh.advise(alert) == found and not fresh.bundles
    assert fresh.advise(alert, anew=True) == found
    (told,) = recommendations_of(alert, house.documents)
    change = told["options"][0]["changes"][0]
    assert (change["variable"], change["unit"]) == ("speed", "1/min") and change["to"] < change["from"]
    assert told["options"][0]["risk_after"] < told["threshold"] <= told["risk"]
    assert house.advisor.folder is not None and len(list(house.advisor.folder.iterdir())) == 1


def test_versions_before_the_newest_that_was_asked_for_are_let_go(house: House) -> None:
    first, second = (house.alert(moment, version=1) for moment in flagged()[:2])
    house.advisor.advise(first)
    house.advisor.models.put(bundle(), 2)  # type: ignore[attr-defined]
    newest = house.advisor.explain_at(JAM, NAME, flagged()[1])
    assert newest.version == 2
    assert [version for _, version in house.advisor.bundles] == [2]
    assert [version for _, version, _ in house.advisor.experiences] == [2]
    assert house.advisor.advise(second).version == 1, "what raised an alert explains it, read again"


def test_experience_of_so_many_lines_is_kept_in_memory(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("andon.services.recommending.MOST_KEPT", 2)
    moment = flagged()[0]
    first = house.advisor.explain_at(JAM, NAME, moment)
    (kept,) = house.advisor.experiences.items()
    house.advisor.experiences = {(kept[0][0], 1, "longest ago"): None, (kept[0][0], 1, "lately"): None}
    assert house.advisor.explain_at(JAM, NAME, moment) == first
    assert [line for _, _, line in house.advisor.experiences] == ["lately", NAME]


def test_an_alert_without_a_classifier_has_its_own_blame(house: House) -> None:
    body = {"name": "abnormal", "lines": {"names": [NAME]}, "type": "anomaly", "monitor": "normal"}
    house.documents.put_definitions([Alert.model_validate(body).to_json()], NOW)
    alert = house.alert(flagged()[0], "abnormal", evidence={"shares": {"hall": 0.2, "shaking": 0.7}})
    found = house.advisor.advise(alert)
    assert [one.variable for one in found.blame] == ["shaking", "hall"]
    assert not found.options and "type anomaly" in found.reason
    with pytest.raises(ConfigError, match="does not exist"):
        house.advisor.advise("nothing")


def test_the_recommender_explains_what_is_open_and_survives_what_cannot_be(house: House) -> None:
    good = house.alert(flagged()[0])
    bad = house.alert(START + MINUTE)
    recommender = Recommender(house.advisor, clock=lambda: flagged()[0] + timedelta(hours=1))
    assert recommender.run() == 1 and recommender.run() == 0
    assert stored_recommendation(good, house.documents) is not None
    assert stored_recommendation(bad, house.documents) is None and recommender.find(bad) is None


def test_advice_that_did_not_hold_when_followed_is_withdrawn_and_given_again_once_it_holds(house: House) -> None:
    """Six alerts were followed, and the jam came all the same; of six that were not, none came."""
    begin = START + (ROWS_STORED + 600) * MINUTE
    moments = [begin + place * timedelta(hours=2) for place in range(12)]
    house.signals.append_signals(after_alerts(moments, followed=6, jammed=6))
    for moment in moments:
        advised(house, house.alert(moment), moment)
    (outcome,) = review_advice(moments[0], moments[-1] + MINUTE, house.documents, house.signals)
    assert (outcome.holds.followed, outcome.holds.followed_away) == (6, 0)
    assert (outcome.holds.ignored, outcome.holds.ignored_away) == (6, 6)
    assert withdrawn(JAM.name, NAME, house.documents) == [("speed", -1)]
    alert = house.alert(flagged()[0])
    assert "did not hold" in house.advisor.advise(alert).reason
    for one in house.documents.list_alerts(start=moments[0])[:6]:
        house.documents.add_feedback(Feedback(one.id, "avoided", "ann", NOW))
    (outcome,) = review_advice(moments[0], moments[-1] + MINUTE, house.documents, house.signals)
    assert outcome.holds.followed_away == 6 and not withdrawn(JAM.name, NAME, house.documents)
    assert house.advisor.advise(alert, anew=True).options


ROWS_STORED = len(rows())


def after_alerts(moments: list[datetime], followed: int, jammed: int) -> SignalFrame:
    """Readings from before the first alert on: slower after the first of them, and a jam ten minutes after some."""
    begin = moments[0] - timedelta(hours=1)
    count = int((moments[-1] + timedelta(hours=1) - begin) / MINUTE)
    speed, jam = np.full(count, 70.0), np.zeros(count)
    for place, moment in enumerate(moments):
        row = int((moment - begin) / MINUTE)
        if place < followed:
            speed[row + 3 : row + 60] = 55.0
        if place < jammed:
            jam[row + 10 : row + 13] = 1.0
    data = pl.DataFrame(
        {"time": [begin + row * MINUTE for row in range(count)], "speed": speed, "jam": jam},
        schema_overrides={"time": rows().data.schema["time"]},
    )
    return SignalFrame(NAME, data.select("time", "jam", "speed"), {"jam": "boolean", "speed": "number"}, MINUTE)


def advised(house: House, alert: str, moment: datetime) -> None:
    """Store advice to go from 70 to 55."""
    changes = (("speed", 70.0, 55.0),)
    option = MoveOption(changes, moment - 10 * MINUTE, 0.4, 0.05, 1.0, 0.6)
    found = Recommendation(alert, changes, 0.4, 0.05, 0.1, moment, (option,))
    house.documents.put_state(state_key(alert), to_state(found))


@pytest.mark.parametrize(
    ("bounds", "said"),
    [({"min": 900, "max": 990}, r"variables\[0\].min: 900 contradicts history: 'speed' was read at"), ({}, "")],
)
def test_bounds_that_history_contradicts_are_refused(house: House, bounds: dict[str, float], said: str) -> None:
    body = LINE.to_json()
    body["variables"][0] |= bounds
    line = Line.model_validate(body)
    if not said:
        assert check_moves(line, "Line", house.signals) == []
        return
    with pytest.raises(ConfigError, match=said):
        check_moves(line, "Line", house.signals)


def test_a_step_of_zero_is_refused() -> None:
    body = LINE.to_json()
    body["variables"][0]["step"] = 0
    with pytest.raises(ValueError, match="step"):
        Line.model_validate(body)


def test_a_setting_that_was_never_moved_is_told_of(house: House) -> None:
    still = rows().data.with_columns(pl.lit(60.0).alias("speed"))
    house.signals.append_signals(replace(rows(), line="press-2", data=still))
    (warning,) = check_moves(LINE.model_copy(update={"name": "press-2"}), "Line", house.signals)
    assert "'speed' was never moved" in warning
