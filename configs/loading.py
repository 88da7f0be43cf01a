"""Definitions from YAML files. Every mistake becomes one `ConfigError` with place, value and remedy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from configs.definitions import KINDS, Definition
from configs.errors import ConfigError
from configs.expressions import did_you_mean
from configs.mistakes import config_error, show, written
from configs.strict_yaml import read_yaml

_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class LoadedDefinition:
    """A definition, and where it was written: ``presses.yaml: Alert jam-soon``."""

    definition: Definition
    place: str

    @property
    def key(self) -> tuple[str, str]:
        """Kind and name."""
        return self.definition.kind, self.definition.name


def load_definitions(paths: Sequence[Path]) -> list[LoadedDefinition]:
    """Read definitions from YAML files, and from folders with all that is below them.

    Parameters
    ----------
    paths
        Files of any name, and folders whose ``*.yaml`` and ``*.yml`` are read in name order.

    Raises
    ------
    ConfigError
        On the first mistake: nothing there, not YAML, unknown kind or field, wrong value, or one kind and name twice.
    """
    loaded: dict[tuple[str, str], LoadedDefinition] = {}
    seen: dict[tuple[str, str], tuple[Path, int]] = {}
    for path in _files(paths):
        documents = read_yaml(path)
        if not documents:
            raise ConfigError(str(path), "holds no definition", "write one that begins with kind: Line")
        for number, body in documents:
            one = _load(body, path, number)
            if one.key in seen:
                other, first = seen[one.key]
                both = (
                    f"as documents {first} and {number}" if other == path else f"here and in {other}: document {first}"
                )
                raise ConfigError(one.place, f"is written twice, {both}", "keep one of them")
            loaded[one.key], seen[one.key] = one, (path, number)
    return list(loaded.values())


def parse_definition(body: Any, place: str) -> Definition:
    """Validate one definition given as JSON values.

    Parameters
    ----------
    place
        What the error is to name, for example ``presses.yaml: Alert jam-soon``.

    Raises
    ------
    ConfigError
        Naming place and field, the value there and the remedy.

    Examples
    --------
    >>> parse_definition({"kind": "Line", "name": "p7", "variables": [{"nam": "speed"}]}, "a.yaml: Line p7")
    Traceback (most recent call last):
    configs.errors.ConfigError: a.yaml: Line p7: variables[0].nam: unknown field, got 'speed'; did you mean 'name'?
    """
    if not isinstance(body, Mapping):
        problem = f"must be a mapping of fields, got {show(body)}"
        raise ConfigError(place, problem, "begin with kind: Line, Alert, Monitor or Route")
    if "kind" not in body:
        raise ConfigError(f"{place}: kind", "is missing", "write kind: Line, Alert, Monitor or Route")
    kind = body["kind"]
    if not isinstance(kind, str) or kind not in KINDS:
        remedy = (
            did_you_mean(kind.title(), KINDS) if isinstance(kind, str) else "write kind: Line, Alert, Monitor or Route"
        )
        raise ConfigError(f"{place}: kind", f"unknown kind {show(kind)}", remedy)
    model = KINDS[kind]
    if "for_" in body:
        raise ConfigError(f"{place}: for_", f"unknown field, got {show(body['for_'])}", "did you mean 'for'?")
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise config_error(error, model, place) from None


def _load(body: Any, path: Path, number: int) -> LoadedDefinition:
    kind, name = (body.get("kind"), body.get("name")) if isinstance(body, Mapping) else (None, None)
    known = isinstance(kind, str) and kind in KINDS and isinstance(name, str) and name and written(name) == name
    place = f"{path}: {kind} {name}" if known else f"{path}: document {number}"
    return LoadedDefinition(parse_definition(body, place), place)


def _files(paths: Sequence[Path]) -> list[Path]:
    if not paths:
        raise ConfigError("apply", "no file is given", "name a YAML file or a folder")
    files: dict[Path, Path] = {}
    for path in paths:
        if path.is_dir():
            below = sorted(found for found in path.rglob("*") if found.suffix in _SUFFIXES and found.is_file())
            if not below:
                raise ConfigError(str(path), "holds no *.yaml or *.yml", "name a folder with definitions, or a file")
        elif not path.exists():
            raise ConfigError(str(path), "does not exist", "check the path")
        elif not path.is_file():
            raise ConfigError(str(path), "is not a file", "name a YAML file or a folder")
        else:
            below = [path]
        for found in below:
            files.setdefault(found.resolve(), found)
    return list(files.values())
