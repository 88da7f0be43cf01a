"""The one tree of errors. Each names the place, what is wrong with the value there, and the remedy."""

from __future__ import annotations


class AndonError(Exception):
    """An error that a person can act upon.

    Parameters
    ----------
    place
        Where: a file and field, a line and variable, a store. Never contains a secret.
    problem
        What is wrong there, the offending value included.
    remedy
        What to do about it.

    Examples
    --------
    >>> print(ConfigError("a.yaml: Alert jam-soon: horizon", "must be longer than 0, got 0s", "try 30m"))
    a.yaml: Alert jam-soon: horizon: must be longer than 0, got 0s; try 30m
    """

    exit_code = 1

    def __init__(self, place: str, problem: str, remedy: str) -> None:
        super().__init__(place, problem, remedy)
        self.place = place
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}; {self.remedy}"


class ConfigError(AndonError):
    """A definition, a setting or an argument is wrong."""

    exit_code = 2


class DataError(AndonError):
    """A table or a signal is not what it must be."""

    exit_code = 2


class ModelError(AndonError):
    """A model cannot be trained, loaded or scored."""


class StoreError(AndonError):
    """A store cannot be reached, or refuses what it was given."""
