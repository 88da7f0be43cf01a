"""Malformed definitions through the command: each gives one clear error, exit code 2, and nothing is stored."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from andon.frames import signal_frame
from andon.stores import open_documents, open_signals
from configs.settings import Settings
from pipelines.cli import app

START = datetime(2026, 1, 1, tzinfo=UTC)

# A plant that is sound: press-07 has two days of readings, press-08 none yet.
PLANT = """
kind: Line
name: press-07
family: presses
sampling: 60s
variables:
  - {name: oil_temperature}
  - {name: oil_level}
  - {name: jam}
  - {name: product}
---
kind: Line
name: press-08
family: presses
variables:
  - {name: oil_temperature, type: number}
  - {name: oil_level, type: number}
  - {name: jam, type: boolean}
  - {name: product, type: category}
---
kind: Monitor
name: normal-running
lines: {names: [press-07]}
variables: {exclude: [oil_level]}
"""

LINE = "kind: Line\nname: oven-1\nvariables:\n  - {name: heat}\n"
THRESHOLD = "kind: Alert\nname: too-hot\nlines: {names: [press-07]}\ntype: threshold\n"
CLASSIFIER = "kind: Alert\nname: jam-soon\nlines: {names: [press-07]}\ntype: classifier\ntarget: jam == 1\n"
JAM = CLASSIFIER + "horizon: 30m\n"
MONITOR = "kind: Monitor\nname: calm\nlines: {names: [press-07]}\n"
FORECAST = "kind: Alert\nname: will-run-hot\nlines: {names: [press-07]}\ntype: forecast\nhorizon: 10m\n"


@dataclass(frozen=True)
class Wrong:
    """A text, and what its error must say: where, what, and what to do."""

    name: str
    text: str | bytes
    place: str
    problem: str
    remedy: str


WRONG = [
    # The file.
    Wrong("empty file", "", "wrong.yaml", "holds no definition", "kind: Line"),
    Wrong("comments only", "# nothing\n---\n", "wrong.yaml", "holds no definition", "kind: Line"),
    Wrong("latin-1", "name: é".encode("latin-1"), "wrong.yaml: line 1", "byte 0xe9 is not UTF-8", "save the file as"),
    Wrong("utf-16", "kind: Line".encode("utf-16"), "wrong.yaml", "UTF-16", "save it as UTF-8"),
    Wrong("mixed encodings", b"# \xc3\xa9\n# \xe9\n", "wrong.yaml: line 2", "0xe9", "UTF-8"),
    Wrong("binary", b"\x00\x01\x02", "wrong.yaml: line 1", "control characters", "remove what is not text"),
    Wrong("too long", b"#" * 5_000_001, "wrong.yaml", "5,000,001 bytes", "split the file"),
    Wrong("too many values", "- a\n" * 200_001, "wrong.yaml: document 1", "more than 200,000 values", "split the file"),
    # YAML.
    Wrong("tab", "kind: Line\nvariables:\n\t- {name: a}\n", "wrong.yaml: line 3", "- {name: a}", "blanks, not tabs"),
    Wrong("open bracket", THRESHOLD + "routes: [a\n", "wrong.yaml: line", "is not YAML", "close the bracket"),
    Wrong("open quote", THRESHOLD + 'when: "x > 1\n', "wrong.yaml: line", "unexpected end", "close the quote"),
    Wrong("colon in text", THRESHOLD + "when: a: b\n", "wrong.yaml: line 5", "'when: a: b'", "in quotes"),
    Wrong("bare back-quote", THRESHOLD + "when: `a b` > 1\n", "wrong.yaml: line 5", "`a b`", "put the text in quotes"),
    Wrong("bare >", THRESHOLD + "when: > 80\n", "wrong.yaml: line 5", "> 80", "in quotes"),
    Wrong("ragged fields", "kind: Line\n  name: a\n", "wrong.yaml: line 2", "is not YAML", "quotes"),
    Wrong(
        "field twice", LINE + "name: oven-2\n", "wrong.yaml: document 1: line 5", "'name' is written twice", "keep one"
    ),
    Wrong(
        "tag", LINE + "unit: !!python/object:os.system ls\n", "line 5", "!!python/object:os.system", "remove the tag"
    ),
    Wrong("merge", "a: &a {b: 1}\nc:\n  <<: *a\n", "line 3", "<<", "write the fields out"),
    Wrong("unknown alias", LINE + "family: *f\n", "line 5", "*f has no &f", "write the value out"),
    Wrong("alias in itself", "a: &a [*a]\n", "line 1", "*a stands inside itself", "write the value out"),
    Wrong(
        "billion laughs",
        "a: &a [x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
        "document 1: line 6",
        "more than 200,000 values",
        "write aliases out",
    ),
    Wrong("deep nesting", "[" * 100_000, "document 1: line 1", "nests deeper than 30", "flatten"),
    Wrong("number as field", "kind: Line\n7: x\n", "document 1: line 2", "named by text, got 7", "write field: value"),
    # The document.
    Wrong("list", "- kind: Line\n", "wrong.yaml: document 1", "must be a mapping", "begin with kind"),
    Wrong("bare text", "hello", "wrong.yaml: document 1", "got 'hello'", "begin with kind"),
    Wrong("second document", LINE + "---\nname: x\n", "wrong.yaml: document 2: kind", "is missing", "write kind"),
    Wrong("unknown kind", "kind: Alrt\nname: a\n", "document 1: kind", "'Alrt'", "did you mean 'Alert'?"),
    Wrong("kind in small letters", "kind: line\n", "document 1: kind", "'line'", "did you mean 'Line'?"),
    Wrong("kind of number", "kind: 3\n", "document 1: kind", "unknown kind 3", "write kind: Line"),
    Wrong("no name", "kind: Line\nvariables: [{name: a}]\n", "document 1: name", "is missing", "name: press-07"),
    Wrong("number as name", "kind: Line\nname: 7\nvariables: [{name: a}]\n", "1: name", "got 7", 'in quotes: "7"'),
    Wrong("name with a slash", LINE.replace("oven-1", "a/b"), "Line a/b: name", "'a/b'", "try 'a-b'"),
    Wrong("empty name", LINE.replace("oven-1", ""), "document 1: name", "got nothing", "press-07"),
    Wrong("same twice", LINE + "---\n" + LINE, "Line oven-1", "twice, as documents 1 and 2", "keep one"),
    # Fields of a line.
    Wrong("unknown field", LINE + "familly: a\n", "Line oven-1: familly", "unknown field, got 'a'", "mean 'family'?"),
    Wrong("no variables", "kind: Line\nname: a\n", "Line a: variables", "is missing", "variables: [{name"),
    Wrong("empty variables", "kind: Line\nname: a\nvariables: []\n", "a: variables", "got []", "variables: [{name"),
    Wrong("variables as text", "kind: Line\nname: a\nvariables: x\n", "a: variables", "a list, got 'x'", "[x]"),
    Wrong("variable as text", "kind: Line\nname: a\nvariables: [x]\n", "a: variables[0]", "got 'x'", "variables"),
    Wrong("variable twice", LINE + "  - {name: heat}\n", "oven-1: variables", "named twice: heat", "keep one"),
    Wrong("variable named time", LINE + "  - {name: time}\n", "variables[1].name", "'time'", "rename"),
    Wrong("unknown field of variable", LINE + "  - {name: b, untis: K}\n", "variables[1].untis", "'K'", "mean 'unit'?"),
    Wrong("role", LINE + "  - {name: b, role: sensr}\n", "variables[1].role", "got 'sensr'", "did you mean 'sensor'?"),
    Wrong("type of variable", LINE + "  - {name: b, type: float}\n", "variables[1].type", "'float'", "choose one"),
    Wrong("yes", LINE + "  - {name: b, actionable: yes}\n", "[1].actionable", "got 'yes'", "actionable: true"),
    Wrong("text as bound", LINE + '  - {name: b, min: "3"}\n', "[1].min", "got '3'", "min: 3 without quotes"),
    Wrong("truth as bound", LINE + "  - {name: b, max: true}\n", "[1].max", "a number, got true", "max: 90"),
    Wrong("infinite bound", LINE + "  - {name: b, max: .inf}\n", "[1].max", "finite number, got inf", "max: 90"),
    Wrong("bounds swapped", LINE + "  - {name: b, min: 9, max: 4}\n", "[1].min", "9 is not below max 4", "swap"),
    Wrong(
        "bounds missing", LINE + "  - {name: b, role: setting, actionable: true}\n", "[1].min", "needs min", "add both"
    ),
    Wrong(
        "a sensor to move", LINE + "  - {name: b, actionable: true}\n", "[1].actionable", "role sensor", "role: setting"
    ),
    Wrong("negative step", LINE + "  - {name: b, step: -1}\n", "[1].step", "greater than 0, got -1", "try 1"),
    Wrong("sampling without unit", LINE + "sampling: 60\n", "oven-1: sampling", "got 60", "30m, 90s or 2d"),
    Wrong("no sampling", LINE + "sampling: 0s\n", "oven-1: sampling", "longer than 0, got 0s", "try 60s"),
    Wrong("time zone", LINE + "timezone: Paris\n", "oven-1: timezone", "'Paris'", "Europe/Paris"),
    Wrong("shift", LINE + 'shifts: ["6:00"]\n', "oven-1: shifts", "'6:00'", '"06:00"'),
    Wrong("shifts unsorted", LINE + 'shifts: ["14:00", "06:00"]\n', "oven-1: shifts", "14:00", "sort them"),
    # Fields of alerts and monitors.
    Wrong("no lines", "kind: Alert\nname: a\ntype: threshold\nwhen: x > 1\n", "Alert a: lines", "missing", "{family: "),
    Wrong("family and names", THRESHOLD.replace("{", "{family: f, ") + "when: jam\n", ": lines", "both", "or {names"),
    Wrong("neither", "kind: Monitor\nname: m\nlines: {}\n", "Monitor m: lines", "got nothing", "{family: presses}"),
    Wrong(
        "no blank after colon",
        "kind: Monitor\nname: m\nlines: {family:presses}\n",
        "lines.family:presses",
        "nothing",
        "'family'?",
    ),
    Wrong(
        "names as text", "kind: Monitor\nname: m\nlines: {names: press-07}\n", "lines.names", "'press-07'", "[press-07]"
    ),
    Wrong("no names", "kind: Monitor\nname: m\nlines: {names: []}\n", "lines.names", "[]", "{names: [press-07]}"),
    Wrong("number as line", "kind: Monitor\nname: m\nlines: {names: [7]}\n", "lines.names[0]", "got 7", "in quotes"),
    Wrong("no type", "kind: Alert\nname: a\nlines: {family: f}\n", "Alert a: type", "is missing", "type: threshold"),
    Wrong(
        "unknown type",
        THRESHOLD.replace("type: threshold", "type: treshold"),
        "too-hot: type",
        "'treshold'",
        "'threshold'?",
    ),
    Wrong("no condition", THRESHOLD, "too-hot: when", "type threshold needs it", "add when: oil_temperature > 80"),
    Wrong("empty condition", THRESHOLD + "when:\n", "too-hot: when", "is missing", "when: oil_temperature > 80"),
    Wrong("condition of truth", THRESHOLD + "when: true\n", "too-hot: when", "got true", "oil_temperature > 80"),
    Wrong("single equals", THRESHOLD + "when: jam = 1\n", "too-hot: when", "column 5: 'jam = 1'", "compare with =="),
    Wrong(
        "double ampersand", THRESHOLD + "when: jam && jam\n", "too-hot: when", "column 5", "join conditions with and"
    ),
    Wrong("half a condition", THRESHOLD + "when: oil_level >\n", "too-hot: when", "ends too early", "for example"),
    Wrong("code", THRESHOLD + "when: __import__('os')\n", "too-hot: when", "column", "for example"),
    Wrong(
        "deep condition",
        THRESHOLD + f"when: {'(' * 60}jam{')' * 60}\n",
        "too-hot: when",
        "nests deeper than 50: '(((",
        "simplify",
    ),
    Wrong("endless condition", THRESHOLD + f"when: {'+'.join(['jam'] * 400)} > 1\n", ": when", "50 terms", "split"),
    Wrong("long condition", THRESHOLD + f"when: {'x' * 3000} > 1\n", "too-hot: when", "3004 characters", "split"),
    Wrong("horizon of zero", CLASSIFIER + "horizon: 0s\n", "jam-soon: horizon", "longer than 0, got 0s", "try 30m"),
    Wrong("negative horizon", CLASSIFIER + "horizon: -5m\n", "jam-soon: horizon", "'-5m'", "30m, 90s or 2d"),
    Wrong("horizon of number", CLASSIFIER + "horizon: 30\n", "jam-soon: horizon", "got 30", "30m, 90s or 2d"),
    Wrong("horizon of a century", CLASSIFIER + "horizon: 40000d\n", "jam-soon: horizon", "century", "30m"),
    Wrong("no horizon", CLASSIFIER, "jam-soon: horizon", "type classifier needs it", "add horizon: 30m"),
    Wrong(
        "field of another type",
        THRESHOLD + "when: jam\ntarget: jam\n",
        "too-hot: target",
        "type threshold",
        "remove it",
    ),
    Wrong("severity", THRESHOLD + "when: jam\nseverity: hi\n", "too-hot: severity", "got 'hi'", "did you mean 'high'?"),
    Wrong("cron", JAM + 'retrain: "every day"\n', "jam-soon: retrain", "'every day'", '"0 2 * * 1"'),
    Wrong("learner", JAM + "learners: [lightgmb]\n", "learners[0]", "got 'lightgmb'", "did you mean 'lightgbm'?"),
    Wrong("learner twice", JAM + "learners: [xgboost, xgboost]\n", "learners", "'xgboost' twice", "keep one"),
    Wrong("costs", JAM + "costs: {missed: 0}\n", "costs.missed", "greater than 0, got 0", "within its bounds"),
    Wrong("costs and precision", JAM + "costs: {missed: 9}\nprecision: 0.9\n", "precision", "beside costs", "keep one"),
    Wrong("precision of percent", JAM + "precision: 90\n", "precision", "less than 1, got 90", "try 0.8"),
    Wrong("metric", JAM + "search: {metric: rmse}\n", "search.metric", "rmse", "use average_precision"),
    Wrong("trials", JAM + "search: {trials: 2.5}\n", "search.trials", "whole number, got 2.5", "trials: 30"),
    Wrong("pooled by names", JAM + "model: pooled\n", "jam-soon: model", "needs a family", "lines: {family"),
    Wrong(
        "window not of strides", JAM + "features: {windows: [7m], stride: 5m}\n", "features.windows", "7m", "change one"
    ),
    Wrong("include and exclude", JAM + "include: [jam]\nexclude: [jam]\n", "jam-soon: include", "'jam'", "remove it"),
    Wrong("text as window", MONITOR + 'window: "30"\n', "calm: window", "got '30'", "window: 30 without quotes"),
    Wrong("truth as window", MONITOR + "window: true\n", "calm: window", "whole number, got true", "window: 30"),
    Wrong("window of one", MONITOR + "window: 1\n", "calm: window", "at least 2, got 1", "try 30"),
    Wrong("rate", MONITOR + "rate: many%\n", "calm: rate", "'many%'", "1% or 0.01"),
    Wrong("rate too high", MONITOR + "rate: 60%\n", "calm: rate", "less than 0.5, got 0.6", "try 1%"),
    # Periods.
    Wrong(
        "period reversed", MONITOR + "train: {start: 2026-02-01, end: 2026-01-01}\n", "train", "not before", "later end"
    ),
    Wrong("period without end", MONITOR + "train: {start: 2026-02-01}\n", "train.end", "is missing", "add for example"),
    Wrong(
        "no such day", MONITOR + "train: {start: 2026-02-30, end: 2026-03-01}\n", "train.start", "2026-02-30", "write"
    ),
    Wrong("year as start", MONITOR + "train: {start: 2026, end: 2027}\n", "train.start", "got 2026", "2026-01-01T"),
    Wrong(
        "seconds as start",
        MONITOR + 'train: {start: "1767225600", end: 2027-01-01}\n',
        ".start",
        "'1767225600'",
        "2026",
    ),
    Wrong(
        "overlap",
        JAM + "train: {start: 2026-01-01, end: 2026-01-02}\nvalidation: {start: 2026-01-01T12:00, end: 2026-01-03}\n",
        "jam-soon: validation",
        "overlaps train, which ends at 2026-01-02T00:00:00Z",
        "end train where validation starts",
    ),
    Wrong(
        "validation alone",
        JAM + "validation: {start: 2026-01-01, end: 2026-01-02}\n",
        "jam-soon: validation",
        "without train",
        "give both",
    ),
    Wrong(
        "train emptied by the purge",
        JAM.replace("30m", "2d")
        + "train: {start: 2026-01-01, end: 2026-01-02}\nvalidation: {start: 2026-01-02, end: 2026-01-03}\n",
        "jam-soon: train",
        "nothing of its 1d is left after purging the horizon 2d",
        "longer than 2d",
    ),
    Wrong(
        "four fifths emptied by the purge",
        JAM.replace("30m", "20h") + "train: {start: 2026-01-01, end: 2026-01-02}\n",
        "jam-soon: train",
        "four fifths of it",
        "longer than",
    ),
    # Against the lines and data that are stored.
    Wrong(
        "unknown family",
        MONITOR.replace("names: [press-07]", "family: preses"),
        "lines.family",
        "'preses'",
        "'presses'?",
    ),
    Wrong(
        "unknown line",
        MONITOR.replace("press-07", "pres-07"),
        "calm: lines.names",
        "'pres-07'",
        "did you mean 'press-07'?",
    ),
    Wrong(
        "unknown variable",
        THRESHOLD + "when: oil_temprature > 80\n",
        "too-hot: when",
        "oil_temprature",
        "'oil_temperature'?",
    ),
    Wrong("unknown in clear", THRESHOLD + "when: jam\nclear: jan == 0\n", "too-hot: clear", "'jan'", "mean 'jam'?"),
    Wrong("unknown in target", JAM.replace("jam == 1", "jamm"), "jam-soon: target", "'jamm'", "mean 'jam'?"),
    Wrong(
        "type against data",
        THRESHOLD + "when: product > 3\n",
        "too-hot: when",
        "the category 'product'",
        "compare numbers",
    ),
    Wrong("text against data", THRESHOLD + 'when: oil_level == "low"\n', ": when", "the text 'low'", "compare numbers"),
    Wrong(
        "order of text", THRESHOLD + 'when: product > "a"\n', ": when", "> on the category 'product'", "use == or !="
    ),
    Wrong("truth against data", THRESHOLD + "when: jam > 3\n", "too-hot: when", "the number 3", "0, 1, true or false"),
    Wrong("no condition but a number", THRESHOLD + "when: oil_level\n", ": when", "is a number", "compare it"),
    Wrong("arithmetic on text", THRESHOLD + "when: product + 1 > 3\n", ": when", "'product'", "on numbers only"),
    Wrong(
        "joined number", THRESHOLD + "when: jam and oil_level\n", ": when", "the number 'oil_level'", "join conditions"
    ),
    Wrong(
        "clear is when", THRESHOLD + "when: oil_level > 3\nclear: oil_level>3\n", ": clear", "same as when", "is over"
    ),
    Wrong("unknown include", JAM + "include: [sped]\n", "jam-soon: include", "'sped'", "choose one of"),
    Wrong("unknown exclude", JAM + "exclude: [oil_lvl]\n", "jam-soon: exclude", "'oil_lvl'", "mean 'oil_level'?"),
    Wrong(
        "nothing left",
        JAM + "exclude: [oil_temperature, oil_level, product]\n",
        "jam-soon: exclude",
        "no variable of press-07 is left",
        "exclude less",
    ),
    Wrong(
        "monitor of text", MONITOR + "variables: {include: [product]}\n", "variables.include", "'product'", "remove it"
    ),
    Wrong(
        "monitor of nothing",
        MONITOR + "variables: {exclude: [oil_temperature, oil_level, jam]}\n",
        "calm: variables",
        "no number is left",
        "exclude less",
    ),
    Wrong(
        "unknown monitor",
        FORECAST + "monitor: normal\nwhen: oil_level < 1\n",
        ": monitor",
        "'normal'",
        "'normal-running'?",
    ),
    Wrong(
        "monitor of other lines",
        FORECAST.replace("press-07", "press-08") + "monitor: normal-running\nwhen: oil_level < 1\n",
        "will-run-hot: monitor",
        "does not watch 'press-08'",
        "the same lines",
    ),
    Wrong(
        "not forecast",
        FORECAST + "monitor: normal-running\nwhen: oil_level < 1\n",
        "will-run-hot: when",
        "does not forecast 'oil_level'",
        "include it",
    ),
    Wrong(
        "train without data",
        MONITOR + "train: {start: 2025-01-01, end: 2025-02-01}\n",
        "calm: train",
        "there are data from 2026-01-01T00:00:00Z to 2026-01-02T23:50:00Z",
        "choose a period that holds data",
    ),
    Wrong(
        "validation without data",
        JAM + "train: {start: 2026-01-01, end: 2026-01-02}\nvalidation: {start: 2026-03-01, end: 2026-04-01}\n",
        "jam-soon: validation",
        "holds no data from 2026-03-01T00:00:00Z to 2026-04-01T00:00:00Z",
        "choose a period that holds data",
    ),
    Wrong(
        "train emptied against data",
        JAM.replace("30m", "12h")
        + "train: {start: 2025-12-31, end: 2026-01-01T06:00}\nvalidation: {start: 2026-01-01T06:00, end: 2026-01-02}\n",
        "jam-soon: train",
        "holds no data from 2025-12-31T00:00:00Z to 2025-12-31T18:00:00Z",
        "choose a period that holds data",
    ),
    Wrong(
        "window between readings", JAM + "features: {windows: [90s]}\n", "features.windows", "1m30s", "multiple of 1m"
    ),
    Wrong("horizon between readings", JAM.replace("30m", "20s"), "jam-soon: horizon", "20s is shorter", "1m or longer"),
    Wrong(
        "declared against data",
        PLANT.split("---")[0].replace("{name: product}", "{name: product, type: number}"),
        "Line press-07: variables[3].type",
        "declared a number, its data are a category",
        "write type: category",
    ),
    Wrong(
        "breaks what is stored",
        MONITOR.replace("calm", "normal-running").replace("press-07", "press-08"),
        "wrong.yaml: Monitor normal-running",
        "would break the stored Alert abnormal: monitor: 'normal-running' does not watch 'press-07'",
        "change both at once",
    ),
    Wrong(
        "pooled types differ",
        "kind: Line\nname: press-09\nfamily: presses\n"
        "variables: [{name: jam, type: boolean}, {name: oil_level, type: category}]\n"
        "---\n" + JAM.replace("names: [press-07]", "family: presses") + "model: pooled\n",
        "jam-soon: model",
        "'oil_level' is a number on press-07 and a category on press-09",
        "give it one type",
    ),
    Wrong("good then bad", LINE + "---\n" + MONITOR + "windw: 3\n", "Monitor calm: windw", "got 3", "mean 'window'?"),
]


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANDON_HOME", str(tmp_path / "home"))
    settings = Settings()
    documents, signals = open_documents(settings.documents), open_signals(settings.signals)
    rows = 288
    times = pl.Series("time", [START + timedelta(minutes=10 * row) for row in range(rows)], pl.Datetime("us", "UTC"))
    data = pl.DataFrame(
        {
            "time": times,
            "oil_temperature": [60.0 + row % 7 for row in range(rows)],
            "oil_level": [40.0 - row / 10 for row in range(rows)],
            "jam": [float(row % 50 == 49) for row in range(rows)],
            "product": ["penne" if row % 100 < 50 else "fusilli" for row in range(rows)],
        }
    )
    types = {"oil_temperature": "number", "oil_level": "number", "jam": "boolean", "product": "category"}
    signals.append_signals(signal_frame("press-07", data, types))  # type: ignore[arg-type]
    sound = tmp_path / "plant.yaml"
    abnormal = "kind: Alert\nname: abnormal\nlines: {names: [press-07]}\ntype: anomaly\nmonitor: normal-running\n"
    sound.write_text(PLANT + "---\n" + abnormal, encoding="utf-8")
    result = CliRunner().invoke(app, ["apply", str(sound)])
    assert result.exit_code == 0, result.output
    yield documents
    documents.close()
    signals.close()


@pytest.mark.parametrize("wrong", [pytest.param(one, id=one.name) for one in WRONG])
def test_it_is_refused_clearly(wrong: Wrong, plant: Any, tmp_path: Path) -> None:
    before = plant.list_definitions()
    path = tmp_path / "wrong.yaml"
    path.write_bytes(wrong.text if isinstance(wrong.text, bytes) else wrong.text.encode())

    result = CliRunner().invoke(app, ["apply", str(path)])

    assert result.exit_code == 2
    assert result.stdout == ""
    message = result.stderr
    assert "Traceback" not in message
    assert message.startswith("error: ")
    assert message.count("\n") == 1, message
    assert len(message) < 600, message
    after_place = message.find(wrong.place) + len(wrong.place)
    assert wrong.place in message, message
    assert wrong.problem in message[after_place:], message
    head, _, remedy = message.rpartition("; ")
    assert wrong.remedy in remedy, message
    assert head
    assert plant.list_definitions() == before


@pytest.mark.parametrize(
    ("make", "problem", "remedy"),
    [
        (lambda folder: folder / "missing.yaml", "does not exist", "check the path"),
        (lambda folder: folder / "empty", "holds no *.yaml or *.yml", "name a folder"),
    ],
    ids=["missing file", "empty folder"],
)
def test_a_path_without_definitions_is_refused(
    make: Any, problem: str, remedy: str, plant: Any, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    result = CliRunner().invoke(app, ["apply", str(make(tmp_path))])
    assert result.exit_code == 2
    assert problem in result.stderr
    assert remedy in result.stderr


def test_there_are_sixty_or_more() -> None:
    assert len({one.name for one in WRONG}) == len(WRONG) >= 60


def test_two_places_are_named_for_one_name(plant: Any, tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    for name in ("a.yaml", "b.yml"):
        (tmp_path / "two" / name).write_text(LINE, encoding="utf-8")
    result = CliRunner().invoke(app, ["apply", str(tmp_path / "two")])
    assert result.exit_code == 2
    assert "b.yml: Line oven-1" in result.stderr
    assert "a.yaml: document 1" in result.stderr
