"""Definitions of lines, alerts and monitors: frozen pydantic models, used as they are everywhere."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from configs.durations import Duration, PositiveDuration, format_duration
from configs.expressions import Condition
from configs.fields import Closed as Closed
from configs.fields import FieldError, LineName, Name, Number, Truth, Whole, check_cron, check_zone, once
from configs.fields import Selector as Selector
from configs.fields import Severity as Severity
from configs.fields import check_line_name as check_line_name
from configs.periods import Period, format_time
from configs.routes import Route as Route

Role = Literal["sensor", "setting", "ingredient", "recipe", "quality"]
VariableType = Literal["number", "category", "boolean"]
ClassifierLearner = Literal["lightgbm", "xgboost", "random_forest", "logistic_regression"]
MonitorLearner = Literal["linear", "smoothing", "dense", "conv", "lstm", "autoencoder"]
Quantile = Literal["q05", "q25", "q50", "q75", "q95"]
Counted = Literal["count", "share", "since_change", "out_of_bounds"]
Function = Literal["mean", "std", "min", "max", "last", "slope", "delta", Counted, Quantile]


class Move(Closed):
    """What changing a setting costs, and how fast it may change (units a minute)."""

    cost: Number = Field(default=1.0, ge=0)
    max_rate: Number | None = Field(default=None, gt=0)


class Variable(Closed):
    """One time series of a line."""

    name: str = Field(min_length=1, max_length=200)
    unit: str | None = None
    role: Role = "sensor"
    type: VariableType | None = None
    """Inferred from the data where it is not given."""
    actionable: Truth = False
    min: Number | None = None
    max: Number | None = None
    step: Number | None = Field(default=None, gt=0)
    move: Move = Move()

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.name == "time":
            raise FieldError("name", "'time' is taken by the clock", "rename the variable")
        if not self.name.strip():
            raise FieldError("name", f"must not be blank, got {self.name!r}", "write for example oil_temperature")
        if self.type in ("category", "boolean"):
            for field in ("min", "max", "step"):
                value = getattr(self, field)
                if value is not None:
                    raise FieldError(field, f"means nothing for a {self.type}, got {value:g}", "remove it")
        if self.min is not None and self.max is not None and self.min >= self.max:
            raise FieldError("min", f"{self.min:g} is not below max {self.max:g}", "swap or widen them")
        if self.step is not None and self.min is not None and self.max is not None and self.step > self.max - self.min:
            raise FieldError("step", f"{self.step:g} does not fit between min and max", "write a smaller step")
        if self.actionable and self.role not in ("setting", "ingredient"):
            problem = f"only a setting or an ingredient can be actionable, got role {self.role}"
            raise FieldError("actionable", problem, "set role: setting")
        if self.actionable and self.type in (None, "number") and (self.min is None or self.max is None):
            problem = "an actionable variable needs min and max"
            raise FieldError("min" if self.min is None else "max", problem, "add both bounds")
        return self


class Line(Closed):
    """A production line, or one unit of a fleet."""

    kind: Literal["Line"] = "Line"
    name: LineName
    family: Name | None = None
    sampling: PositiveDuration | None = None
    """Usual time between readings; inferred from the data where it is not given."""
    timezone: str = "UTC"
    shifts: tuple[str, ...] = ()
    variables: tuple[Variable, ...] = Field(min_length=1)

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        return check_zone(zone)

    @field_validator("shifts")
    @classmethod
    def _times_of_day(cls, shifts: tuple[str, ...]) -> tuple[str, ...]:
        for shift in shifts:
            if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", shift):
                raise ValueError(f'is not a time of day: {shift!r}; write for example "06:00"')
        if list(shifts) != sorted(set(shifts)):
            raise ValueError(f"must rise without repeats, got {list(shifts)}; sort them")
        return shifts

    @field_validator("variables")
    @classmethod
    def _unique(cls, variables: tuple[Variable, ...]) -> tuple[Variable, ...]:
        names = [v.name for v in variables]
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise ValueError(f"named twice: {', '.join(twice)}; keep one of each")
        return variables


class Features(Closed):
    """Aggregations: every function over every window, one training row a stride."""

    windows: Annotated[tuple[PositiveDuration, ...] | None, AfterValidator(once)] = Field(default=None, min_length=1)
    functions: Annotated[tuple[Function, ...] | None, AfterValidator(once)] = Field(default=None, min_length=1)
    stride: PositiveDuration | None = None

    @model_validator(mode="after")
    def _whole_strides(self) -> Self:
        for window in self.windows or ():
            if self.stride and window % self.stride:
                problem = f"{format_duration(window)} is not a multiple of stride {format_duration(self.stride)}"
                raise FieldError("windows", problem, "change one of them")
        return self


class Search(Closed):
    """Budget and aim of the search; ``trials`` a line and model."""

    trials: Whole = Field(default=30, ge=1, le=10_000)
    time: PositiveDuration = timedelta(minutes=10)
    metric: Literal["average_precision", "rmse"] | None = None


class Costs(Closed):
    """What a missed event costs against a false alarm."""

    missed: Number = Field(default=5.0, gt=0)
    false: Number = Field(default=1.0, gt=0)


class _Trained(Closed):
    """What alerts and monitors have in common."""

    name: Name
    lines: Selector
    train: Period | None = None
    validation: Period | None = None
    search: Search = Search()
    severity: Severity = "medium"
    routes: tuple[str, ...] = ()
    retrain: str | None = None
    report: str | None = None

    @field_validator("retrain", "report")
    @classmethod
    def _cron(cls, text: str | None) -> str | None:
        return None if text is None else check_cron(text)

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.validation is not None and self.train is None:
            raise FieldError("validation", "is given without train", "give both, or neither")
        if self.train and self.validation and self.train.overlaps(self.validation):
            problem = f"starts at {format_time(self.validation.start)} and overlaps train"
            if self.validation.start >= self.train.start:
                problem += f", which ends at {format_time(self.train.end)}"
            raise FieldError("validation", problem, "end train where validation starts")
        return self


ONLY_FOR: dict[str, tuple[str, ...]] = {
    "when": ("threshold", "forecast"),
    "clear": ("threshold", "forecast"),
    "target": ("classifier",),
    "horizon": ("classifier", "forecast"),
    "monitor": ("forecast", "anomaly"),
    "train": ("classifier",),
    "validation": ("classifier",),
    "features": ("classifier",),
    "learners": ("classifier",),
    "search": ("classifier",),
    "costs": ("classifier",),
    "precision": ("classifier",),
    "model": ("classifier",),
    "include": ("classifier",),
    "exclude": ("classifier",),
    "retrain": ("classifier",),
}
"""Fields of an alert that mean something for some types only; all others are of every type."""
_EXAMPLES = {
    "when": "when: oil_temperature > 80",
    "target": "target: jam == 1",
    "horizon": "horizon: 30m",
    "monitor": "monitor: normal-running",
}


class Alert(_Trained):
    """Something people want to be told of: a threshold, a classifier, a forecast or an anomaly."""

    kind: Literal["Alert"] = "Alert"
    type: Literal["threshold", "classifier", "forecast", "anomaly"]
    when: Condition | None = None
    for_: Duration = Field(default=timedelta(0), alias="for")
    keep_firing: Duration = timedelta(0)
    clear: Condition | None = None
    target: Condition | None = None
    horizon: PositiveDuration | None = None
    monitor: Name | None = None
    include: tuple[str, ...] | None = Field(default=None, min_length=1)
    exclude: tuple[str, ...] = ()
    model: Literal["per-line", "pooled"] = "per-line"
    features: Features = Features()
    learners: Annotated[tuple[ClassifierLearner, ...], AfterValidator(once)] = Field(
        default=("lightgbm", "xgboost", "random_forest", "logistic_regression"), min_length=1
    )
    costs: Costs = Costs()
    precision: Number | None = Field(default=None, gt=0, lt=1)

    @model_validator(mode="after")
    def _fields_of_type(self) -> Self:
        needs = {
            "threshold": ("when",),
            "classifier": ("target", "horizon"),
            "forecast": ("monitor", "when", "horizon"),
            "anomaly": ("monitor",),
        }[self.type]
        for field in needs:
            if getattr(self, field) is None:
                raise FieldError(field, f"is missing, and type {self.type} needs it", f"add {_EXAMPLES[field]}")
        for field, info in type(self).model_fields.items():
            # Compared with the default, so that a definition written out with its defaults can be applied again.
            if (
                self.type not in ONLY_FOR.get(info.alias or field, (self.type,))
                and getattr(self, field) != info.default
            ):
                raise FieldError(field, f"means nothing for type {self.type}", "remove it")
        if self.search.metric == "rmse":
            raise FieldError("search.metric", "rmse is for monitors", "use average_precision")
        if self.precision is not None and self.costs != Costs():
            problem = f"{self.precision:g} is given beside costs, and both choose the threshold"
            raise FieldError("precision", problem, "keep one of them")
        if self.model == "pooled" and self.lines.family is None:
            raise FieldError("model", "pooled needs a family", "write lines: {family: presses}, or model: per-line")
        both = sorted(set(self.include or ()) & set(self.exclude))
        if both:
            raise FieldError("include", f"names {both[0]!r}, which exclude names too", "remove it from one of them")
        return self


class MonitorVariables(Closed):
    """Which variables a monitor watches; everything numeric where nothing is given."""

    include: tuple[str, ...] | None = Field(default=None, min_length=1)
    exclude: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _apart(self) -> Self:
        both = sorted(set(self.include or ()) & set(self.exclude))
        if both:
            raise FieldError("include", f"names {both[0]!r}, which exclude names too", "remove it from one of them")
        return self


class Monitor(_Trained):
    """A forecaster for each variable, a calibrated threshold, and one verdict for the line."""

    kind: Literal["Monitor"] = "Monitor"
    variables: MonitorVariables = MonitorVariables()
    learners: Annotated[tuple[MonitorLearner, ...], AfterValidator(once)] = Field(
        default=("linear", "dense", "lstm", "autoencoder"), min_length=1
    )
    window: Whole = Field(default=30, ge=2, le=10_000)
    rate: Number = Field(default=0.01, gt=0, lt=0.5)

    @field_validator("rate", mode="before")
    @classmethod
    def _percent(cls, rate: Any) -> Any:
        if isinstance(rate, str) and rate.strip().endswith("%"):
            try:
                return float(rate.strip()[:-1]) / 100
            except ValueError:
                raise ValueError(f"is not a rate: {rate!r}; write for example 1% or 0.01") from None
        return rate

    @model_validator(mode="after")
    def _metric(self) -> Self:
        if self.search.metric == "average_precision":
            raise FieldError("search.metric", "average_precision is for alerts", "use rmse")
        return self


Definition = Line | Alert | Monitor | Route
KINDS: dict[str, type[Line] | type[Alert] | type[Monitor] | type[Route]] = {
    "Line": Line,
    "Alert": Alert,
    "Monitor": Monitor,
    "Route": Route,
}
