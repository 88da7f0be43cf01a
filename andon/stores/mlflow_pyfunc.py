"""What ``mlflow.pyfunc.load_model`` loads: a bundle that answers for rows as the server does; no TensorFlow, no Ray.

MLflow's contract of loader modules: `_load_pyfunc` gets the data folder that the file MLmodel names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from andon.models.bundle import AlertBundle, Bundle, read_bundle
from andon.scoring.answers import newest_answer
from andon.scoring.rows import read_rows
from configs.definitions import VariableType

if TYPE_CHECKING:
    import pandas as pd

_REGISTERED = "registered_model_meta"
"""File in which MLflow says, beside a model that it fetched from a registry, which version that is."""


@dataclass(frozen=True, slots=True)
class LineModel:
    """A loaded model; ``version`` is None where it was not loaded from a registry."""

    bundle: Bundle
    version: int | None

    def predict(self, model_input: pd.DataFrame | Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Score the newest of some rows.

        Parameters
        ----------
        model_input
            Readings, oldest first: ``time`` (UTC unless it says otherwise) and variables, at least as many as the model
            looks back on; missing where nothing was read.

        Returns
        -------
        dict
            What ``POST /v1/lines/{line}/score`` gives in ``alerts`` or ``monitors``: ``score``, ``threshold``,
            ``flag``, ``version`` and more; a monitor's forecasts and the score of each variable too.

        Raises
        ------
        DataError
            If the rows are malformed, too few, or lack a variable of the model.
        """
        key = self.bundle.key
        line = key.line or f"of family {key.family}"
        # The line's other variables count too: where they were read is a row.
        rows = read_rows(line, _rows(model_input), _types(self.bundle), others=True)
        return newest_answer(self.bundle, rows, self.version)


def _load_pyfunc(path: str) -> LineModel:
    folder = Path(path)
    return LineModel(read_bundle(folder), _version(folder.parent / _REGISTERED))


def _version(file: Path) -> int | None:
    import yaml

    if not file.is_file():
        return None
    return int(yaml.safe_load(file.read_text("utf-8"))["model_version"])


def _rows(given: pd.DataFrame | Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows as JSON would bring them."""
    import pandas as pd

    if isinstance(given, pd.DataFrame):
        known = given.astype(object).where(given.notna(), None)
        return [_as_json(row) for row in known.to_dict("records")]
    return [_as_json(row) for row in given]


def _as_json(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}


def _types(bundle: Bundle) -> dict[str, VariableType]:
    if isinstance(bundle, AlertBundle):
        return {one.name: one.type for one in bundle.features.variables}
    return dict.fromkeys(bundle.variables, "number")
