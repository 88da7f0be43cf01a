"""What a line's history teaches about moving its settings: what was seen, and what follows; kept as arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from andon.errors import ModelError
from andon.explain.course import Course
from andon.explain.kinds import BEFORE, Kinds
from andon.explain.plausibility import Region, region_of
from andon.explain.responses import Responses, fit_responses
from andon.explain.states import SWING, forward_filled, states_of
from andon.explain.symptoms import RECENT, Symptoms
from andon.explain.trials import Evidence, Trials, fit_trials
from andon.frames import MICROSECOND, Floats, Integers, SignalFrame
from andon.labels import label_rows, onsets
from andon.models.bundle import AlertBundle
from configs.definitions import Line
from configs.expressions import Expression

FORMAT = 4
_SEPARATOR = "\x1f"
_KINDS = tuple(field.name for field in fields(Kinds))
_LENGTHS = ("rows", "horizon")
_COURSE = tuple(field.name for field in fields(Course) if field.name not in _LENGTHS)
_SYMPTOMS = tuple(field.name for field in fields(Symptoms) if field.name != "ingredients")
_ARRAYS = ("lags", "gains", "limits")


@dataclass(frozen=True, slots=True)
class Experience:
    """What history says of the settings (k) of a line, for one alert's model."""

    line: str
    recipes: tuple[str, ...]
    """Variables that make up a recipe."""
    regions: Mapping[str, Region]
    """By recipe, as `recipe_at` names it."""
    responses: Responses
    trials: Trials | None = None
    """None: history is too short for natural experiments."""

    @property
    def settings(self) -> tuple[str, ...]:
        """Names of the settings, in the order of every array here."""
        return self.responses.settings

    def recipe(self, frame: SignalFrame) -> int:
        """Return the place, among those seen, of the recipe that a frame ends with."""
        return list(self.regions).index(recipe_at(frame, self.recipes))

    def region(self, frame: SignalFrame) -> Region | None:
        """Return the region of the recipe that a frame ends with; None: it was never seen."""
        return self.regions.get(recipe_at(frame, self.recipes))

    def evidence(self, frame: SignalFrame) -> Evidence | None:
        """Return what history says of a line that stands as it does at the last row of a frame; None: too little."""
        if self.trials is None:
            return None
        data = frame.data.tail(SWING + RECENT + BEFORE)
        symptoms, responses = self.trials.symptoms, self.responses
        read = forward_filled(numbers_of(data, (*self.settings, *symptoms.ingredients)))
        settings, given = np.split(read, [len(self.settings)])
        recipes = np.full(read.shape[1], self.recipe(frame))
        states = states_of(numbers_of(data, responses.followers))
        departures = symptoms.departures(states, settings, recipes, given)[:, -BEFORE:]
        return self.trials.evidence(np.nan_to_num(departures).mean(axis=1))


def recipe_at(frame: SignalFrame, recipes: tuple[str, ...]) -> str:
    """Return the recipe that was last read, as one text."""
    newest = []
    for name in recipes:
        # The newest rows as Python values: on so few a query would take longer.
        read = frame.data.get_column(name).to_list()
        newest.append(next((str(value) for value in reversed(read) if value is not None), ""))
    return _SEPARATOR.join(newest)


def numbers_of(data: pl.DataFrame, names: Sequence[str]) -> Floats:
    """Return readings, float64 (n_names, n_rows), NaN where nothing was read."""
    found = np.empty((len(names), data.height))
    for place, name in enumerate(names):
        # A column with nulls comes as NaN.
        found[place] = data.get_column(name).to_numpy()
    return found


def gather_experience(
    frame: SignalFrame, line: Line, bundle: AlertBundle, target: Expression, horizon: timedelta
) -> Experience:
    """Learn from a line's readings, those that its model was trained on.

    Settings are the numbers of role ``setting``; followers are the numbers of role ``sensor`` or ``quality`` that the
    model looks at. Only rows of recipes and states count in which the target has come at all.
    """
    roles = {variable.name: variable.role for variable in line.variables}
    numbers = [name for name, kind in frame.types.items() if kind == "number"]
    used = {variable.name for variable in bundle.features.variables}
    settings = [name for name in numbers if roles.get(name) == "setting"]
    followers = [
        name for name in numbers if name in used and name not in settings and roles.get(name) in ("sensor", "quality")
    ]
    categories = [name for name, kind in frame.types.items() if kind == "category"]
    recipes = tuple(sorted(name for name in frame.types if roles.get(name) == "recipe"))
    texts = _contexts(frame, categories)
    _, contexts = np.unique(texts, return_inverse=True)
    seen = np.unique(contexts[label_rows(frame, target, horizon) == 1.0])
    running = np.isin(contexts, seen)
    grid = _grid(frame)
    moved, readings = (_on_grid(frame, names, grid) for names in (settings, followers))
    keys = _contexts(frame, list(recipes))
    seen_recipes = np.unique(keys[running])
    on_recipes, on_contexts = (np.full(grid.rows, -1, dtype=np.int64) for _ in range(2))
    on_running = np.zeros(grid.rows, dtype=np.bool_)
    on_contexts[grid.places], on_running[grid.places] = contexts, running
    on_recipes[grid.places] = np.where(np.isin(keys, seen_recipes), np.searchsorted(seen_recipes, keys), -1)
    horizon_rows = max(3, round(horizon / frame.sampling))
    responses = fit_responses(settings, followers, moved, readings, on_contexts, on_recipes, on_running, horizon_rows)
    ingredients = tuple(name for name in numbers if roles.get(name) == "ingredient")
    given = _on_grid(frame, list(ingredients), grid)
    began = np.rint((onsets(frame, target) - frame.times[0]) / (frame.sampling // MICROSECOND)).astype(np.int64)
    trials = fit_trials(
        moved, readings, ingredients, given, on_contexts, on_recipes, on_running, began, horizon_rows, responses.lags
    )
    table = np.stack([frame.numbers(name) for name in settings], axis=1) if settings else np.zeros((len(frame), 0))
    regions = {str(key): region_of(table[(keys == key) & running]) for key in seen_recipes}
    return Experience(frame.line, recipes, regions, responses, trials)


def save_experience(experience: Experience, path: Path) -> None:
    """Write arrays into one file, which appears whole or not at all."""
    arrays: dict[str, Any] = {}
    names: dict[str, Any] = {"format": FORMAT, "line": experience.line, "recipes": experience.recipes}
    names["regions"] = []
    for place, (recipe, region) in enumerate(experience.regions.items()):
        names["regions"].append(recipe)
        arrays |= {f"region{place}.{field.name}": np.asarray(getattr(region, field.name)) for field in fields(Region)}
    responses = experience.responses
    names |= {"settings": responses.settings, "followers": responses.followers}
    arrays |= {name: getattr(responses, name) for name in _ARRAYS}
    names["ingredients"] = None
    if experience.trials is not None:
        symptoms = experience.trials.symptoms
        names["ingredients"] = symptoms.ingredients
        names |= {name: getattr(experience.trials.course, name) for name in _LENGTHS}
        arrays |= {f"symptoms.{name}": getattr(symptoms, name) for name in _SYMPTOMS}
        arrays |= {f"kinds.{name}": getattr(experience.trials.kinds, name) for name in _KINDS}
        arrays |= {f"course.{name}": getattr(experience.trials.course, name) for name in _COURSE}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{np.random.default_rng().integers(2**62)}.npz")
    try:
        np.savez(temporary, allow_pickle=False, names=np.array(json.dumps(names)), **arrays)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def load_experience(path: Path) -> Experience:
    """Read what `save_experience` wrote.

    Raises
    ------
    ModelError
        If it is damaged, or of another format.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            names = json.loads(str(arrays["names"]))
            if names["format"] != FORMAT:
                raise ValueError(f"format {names['format']} is not known")
            regions = {}
            for place, recipe in enumerate(names["regions"]):
                values = {field.name: arrays[f"region{place}.{field.name}"] for field in fields(Region)}
                regions[recipe] = Region(**{**values, "reach": float(values["reach"])})
            responses = Responses(
                tuple(names["settings"]),
                tuple(names["followers"]),
                *(arrays[name] for name in _ARRAYS),
            )
            count, places = len(responses.followers), len(responses.settings)
            if responses.gains.shape != (len(responses.lags), 2 * count, places):
                raise ValueError("gains do not fit the names")
            trials = None
            if names["ingredients"] is not None:
                told = {name: arrays[f"symptoms.{name}"] for name in _SYMPTOMS}
                symptoms = Symptoms(tuple(names["ingredients"]), **told)
                kinds = Kinds(**{name: arrays[f"kinds.{name}"] for name in _KINDS})
                went: dict[str, Any] = {name: arrays[f"course.{name}"] for name in _COURSE}
                course = Course(**went, rows=names["rows"], horizon=names["horizon"])
                trials = Trials(symptoms, kinds, course, responses.lags)
            return Experience(names["line"], tuple(names["recipes"]), regions, responses, trials)
    except (OSError, KeyError, TypeError, ValueError, EOFError) as error:
        raise ModelError(str(path), f"is damaged: {error}", "remove it; it is made anew") from error


@dataclass(frozen=True, slots=True)
class _Grid:
    places: Integers
    rows: int


def _grid(frame: SignalFrame) -> _Grid:
    """Return where each reading time stands on a grid of one sampling; of two at one place the later counts."""
    times = frame.times
    places = np.rint((times - times[0]) / (frame.sampling // MICROSECOND)).astype(np.int64)
    return _Grid(places, int(places[-1]) + 1)


def _on_grid(frame: SignalFrame, names: list[str], grid: _Grid) -> Floats:
    found = np.full((len(names), grid.rows), np.nan)
    for place, name in enumerate(names):
        found[place, grid.places] = frame.numbers(name)
    return found


def _contexts(frame: SignalFrame, names: list[str]) -> np.ndarray[Any, np.dtype[np.str_]]:
    if not names:
        return np.full(len(frame), "", dtype=str)
    columns = [frame.data[name].fill_null(strategy="forward").fill_null("") for name in names]
    joined = pl.DataFrame(columns).select(pl.concat_str(pl.all(), separator=_SEPARATOR)).to_series()
    return np.asarray(joined.to_list(), dtype=str)
