"""How alerts could have been avoided: made once, beside the scoring loop, and told wherever people look."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from andon.errors import AndonError, ConfigError
from andon.explain.blame import shares_blamed
from andon.explain.experience import Experience, gather_experience, load_experience, save_experience
from andon.explain.recommending import context_needed, recommend
from andon.frames import MICROSECOND
from andon.models.bundle import AlertBundle, read_bundle
from andon.ports import Documents, Models, Signals
from andon.records import AlertRecord, Blame, ModelKey, Recommendation, make_id
from andon.services.alerts import find_alert
from andon.services.reading import read_with_context
from andon.services.recommended import state_key, stored_recommendation, to_state, withdrawn
from andon.services.watching import champion_of
from configs.definitions import Alert, Line

log = logging.getLogger(__name__)

HISTORY = timedelta(days=120)
"""The newest of what a model was trained on that experience is gathered from."""
MOST_KEPT = 32
"""Lines whose experience stays in memory, of some megabytes each; others' is read again."""


@dataclass(slots=True)
class Advisor:
    """One process that explains alerts: its stores, and what it keeps in memory.

    ``folder`` keeps what history teaches, one file a line and model version; None: it is gathered by each process.
    """

    documents: Documents
    signals: Signals
    models: Models
    folder: Path | None = None
    bundles: dict[tuple[ModelKey, int], AlertBundle] = field(default_factory=dict)
    experiences: dict[tuple[ModelKey, int, str], Experience | None] = field(default_factory=dict)

    def advise(self, alert_id: str, *, anew: bool = False) -> Recommendation:
        """Return how an alert could have been avoided; made and stored at the first call, and read after that.

        Raises
        ------
        ConfigError
            If there is no such alert.
        DataError
            If the readings before it are no longer there.
        """
        alert = find_alert(alert_id, self.documents)
        known = None if anew else stored_recommendation(alert_id, self.documents)
        if known is not None:
            return known
        made = self.explain(alert)
        self.documents.put_state(state_key(alert_id), to_state(made))
        return made

    def explain(self, alert: AlertRecord) -> Recommendation:
        """Return how an alert could have been avoided, and store nothing."""
        stored = self.documents.get_definition("Alert", alert.definition)
        definition = None if stored is None else Alert.model_validate(stored.body)
        if definition is None or definition.type != "classifier":
            return _unmovable(alert, definition)
        return self.explain_at(definition, alert.line, alert.opened_at, alert.id, alert.version)

    def explain_at(
        self, definition: Alert, line: str, at: datetime, alert_id: str = "", version: int | None = None
    ) -> Recommendation:
        """Return what would have brought a classifier alert's risk down at the newest row at or before ``at``.

        Raises
        ------
        ConfigError
            If the alert has no champion, or no definition says what the line's settings are.
        DataError
            If the row has no full window.
        """
        key, bundle, used = self._bundle(definition, line, version)
        declared = self._line(line)
        frame = read_with_context(
            self.signals, line, at, at + MICROSECOND, span=context_needed(bundle), declared=declared
        )
        frame = frame.between(None, at + MICROSECOND)
        experience = self._experience(key, bundle, used, declared, definition)
        made = recommend(
            alert_id, frame, bundle, declared, experience, withdrawn=withdrawn(definition.name, line, self.documents)
        )
        return replace(made, version=used)

    def _line(self, line: str) -> Line:
        stored = self.documents.get_definition("Line", line)
        if stored is None:
            problem = "has no definition, so nobody said which settings may be moved"
            raise ConfigError(f"line {line}", problem, "apply a Line: `andon init` proposes one")
        return Line.model_validate(stored.body)

    def _bundle(self, definition: Alert, line: str, version: int | None) -> tuple[ModelKey, AlertBundle, int]:
        found = champion_of(definition, line, self.models)
        if found is None:
            raise ConfigError(
                f"{definition.name} on {line}", "has no champion", f"andon train --alert {definition.name}"
            )
        key, champion = found
        # The version that raised the alert explains it, as long as the registry has it.
        for used in dict.fromkeys((champion if version is None else version, champion)):
            if (key, used) not in self.bundles:
                published = self.models.get(key, used)
                if published is None:
                    continue
                bundle = read_bundle(Path(published.path))
                if not isinstance(bundle, AlertBundle):
                    raise ConfigError(f"{definition.name} on {line}", "is a monitor's model", "train the alert again")
                self._forget(key, used)
                self.bundles[key, used] = bundle
            return key, self.bundles[key, used], used
        raise ConfigError(f"{definition.name} on {line}", f"version {champion} is gone", "train it again")

    def _forget(self, key: ModelKey, version: int) -> None:
        """Let go what is kept of a model's versions before this one; whoever asks for them again reads them again."""
        self.bundles = {one: kept for one, kept in self.bundles.items() if one[0] != key or one[1] >= version}
        self.experiences = {one: kept for one, kept in self.experiences.items() if one[0] != key or one[1] >= version}

    def _experience(
        self, key: ModelKey, bundle: AlertBundle, version: int, line: Line, definition: Alert
    ) -> Experience | None:
        name = (key, version, line.name)
        found = (
            self.experiences.pop(name) if name in self.experiences else self._gathered(name, bundle, line, definition)
        )
        self.experiences[name] = found
        if len(self.experiences) > MOST_KEPT:
            del self.experiences[next(iter(self.experiences))]
        return found

    def _gathered(
        self, name: tuple[ModelKey, int, str], bundle: AlertBundle, line: Line, definition: Alert
    ) -> Experience | None:
        path = None
        if self.folder is not None:
            roles = [[one.name, one.role] for one in line.variables]
            path = self.folder / f"{make_id('experience', *name, bundle.card.data_end, roles)}.npz"
            if path.exists():
                try:
                    return load_experience(path)
                except AndonError as error:
                    log.warning("%s; it is made anew", error)
        start = max(bundle.card.data_start, bundle.card.data_end - HISTORY)
        frame = self.signals.read_signals(line.name, None, start, bundle.card.data_end)
        if definition.target is None or len(frame) < bundle.features.rows_needed:
            return None
        made = gather_experience(frame, line, bundle, definition.target, bundle.horizon)
        if path is not None:
            save_experience(made, path)
        return made


def _unmovable(alert: AlertRecord, definition: Alert | None) -> Recommendation:
    """Return the blame that an alert without a classifier carries itself; its risk cannot be computed anew."""
    evidence = alert.events[0].evidence if alert.events else {}
    blame = shares_blamed(evidence.get("shares") or {})
    if not blame:
        names = [str(name) for name in evidence.get("blamed") or ()]
        blame = tuple(Blame(name, 0.0, f"{name} is not as the monitor expects") for name in names)
    kind = "an alert without a definition" if definition is None else f"an alert of type {definition.type}"
    reason = f"{kind} has no risk that could be computed with other settings"
    score, threshold = alert.score or 0.0, alert.threshold or 0.0
    return Recommendation(alert.id, (), score, score, threshold, alert.opened_at, (), reason, blame, alert.version)
