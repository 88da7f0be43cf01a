"""The registry that needs no server: quiet, lazy, fast to ask, and true to MLflow's alias after a kill."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from andon.errors import ConfigError, StoreError
from andon.records import ModelCard, ModelKey
from andon.stores import open_models

AT = datetime(2026, 3, 1, tzinfo=UTC)
KEY = ModelKey("jam-soon", "press-07")
CARD = ModelCard("monitor", "linear", {}, {}, {"kind": "Monitor"}, 1, AT, AT, 0)

PUBLISH = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from andon.records import ModelCard, ModelKey
from andon.stores import open_models
at = datetime(2026, 3, 1, tzinfo=UTC)
models, key = open_models(sys.argv[1]), ModelKey("jam-soon", "press-07")
card = ModelCard("monitor", "linear", {}, {}, {"kind": "Monitor"}, 1, at, at, 0)
for _ in range(2):
    models.promote(key, models.publish(key, Path(sys.argv[2]), card), "better", at)
models.set_challenger(key, models.publish(key, Path(sys.argv[2]), card))
"""
ASK = """
import sys
from andon.records import ModelKey
from andon.stores import open_models
models, key = open_models(sys.argv[1]), ModelKey("jam-soon", "press-07")
print(models.pointer(key), models.champion(key).version, models.challenger(key).version, "mlflow" in sys.modules)
"""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A home with two versions of one model and a challenger, and what making it printed."""
    root = tmp_path_factory.mktemp("registry")
    (root / "bundle").mkdir()
    (root / "bundle" / "bundle.json").write_text("{}")
    command = [sys.executable, "-c", PUBLISH, f"sqlite:///{root}/stores/mlflow.db", str(root / "bundle")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    return root / "stores", done.stdout + done.stderr


@pytest.fixture
def home(published: tuple[Path, str], tmp_path: Path) -> Path:
    """A copy of it, elsewhere: a registry can be moved."""
    return Path(shutil.copytree(published[0], tmp_path / "moved"))


def test_publishing_prints_nothing(published: tuple[Path, str]) -> None:
    assert published[1] == ""


def test_it_is_private_to_its_owner(published: tuple[Path, str]) -> None:
    assert (published[0] / "mlflow.db").stat().st_mode & 0o077 == 0


def test_nothing_is_made_by_opening_or_asking(tmp_path: Path) -> None:
    models = open_models(f"sqlite:///{tmp_path}/stores/mlflow.db")
    assert (models.pointer(KEY), models.champion(KEY), models.get(KEY, 1)) == (None, None, None)
    assert (models.history(KEY), models.list_models()) == ([], [])
    with pytest.raises(ConfigError, match="no version"):
        models.promote(KEY, 1, "none", AT)
    models.close()
    assert not (tmp_path / "stores" / "mlflow.db").exists()


def test_a_scoring_process_never_imports_mlflow(home: Path) -> None:
    command = [sys.executable, "-c", ASK, f"sqlite:///{home}/mlflow.db"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["2", "2", "3", "False"]


def test_a_moved_registry_finds_its_bundles_beside_it(home: Path, published: tuple[Path, str]) -> None:
    champion = open_models(f"sqlite:///{home}/mlflow.db").champion(KEY)
    assert champion is not None
    assert Path(champion.path).is_relative_to(home)


def test_the_champion_is_asked_in_no_time(home: Path) -> None:
    models, took = open_models(f"sqlite:///{home}/mlflow.db"), []
    for _ in range(100):
        began = time.perf_counter()
        assert models.pointer(KEY) == 2
        took.append(time.perf_counter() - began)
    assert statistics.median(took) < 0.003


def test_a_promotion_that_was_killed_midway_is_finished_from_the_alias(home: Path) -> None:
    models = open_models(f"sqlite:///{home}/mlflow.db")
    pointer = home / "models" / "champions" / "jam-soon~press-07.json"
    pointer.unlink()  # what a promotion does first
    assert models.pointer(KEY) == 2
    assert pointer.exists()
    challenger = models.challenger(KEY)
    assert challenger is not None
    assert challenger.version == 3
    models.rollback(KEY, "worse", AT)
    assert models.pointer(KEY) == 1


def test_a_challenger_whose_promotion_was_killed_midway_is_champion_alone(home: Path) -> None:
    from mlflow.tracking import MlflowClient

    url = f"sqlite:///{home}/mlflow.db"
    (home / "models" / "champions" / "jam-soon~press-07.json").unlink()
    MlflowClient(url, url).set_registered_model_alias("jam-soon~press-07", "champion", "3")  # and then it was killed
    models = open_models(url)
    assert (models.pointer(KEY), models.challenger(KEY)) == (3, None)
    assert [one.alias for one in models.history(KEY)] == [None, None, "champion"]


def test_a_pointer_of_an_earlier_andon_knows_no_challenger(home: Path) -> None:
    pointer = home / "models" / "champions" / "jam-soon~press-07.json"
    body = json.loads(pointer.read_text())
    pointer.write_text(json.dumps({name: body[name] for name in ("version", "path")}))
    models = open_models(f"sqlite:///{home}/mlflow.db")
    assert (models.pointer(KEY), models.challenger(KEY)) == (2, None)


def test_a_damaged_pointer_is_an_error_with_a_remedy(home: Path) -> None:
    pointer = home / "models" / "champions" / "jam-soon~press-07.json"
    pointer.write_text('{"version": ')
    models = open_models(f"sqlite:///{home}/mlflow.db")
    with pytest.raises(StoreError, match=r"is damaged.*delete it"):
        models.pointer(KEY)
    pointer.unlink()
    assert models.pointer(KEY) == 2


def test_a_file_that_is_no_registry_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("not a database, but long enough to be taken for one " * 40)
    with pytest.raises(StoreError, match="not a database"):
        open_models(f"sqlite:///{tmp_path}/mlflow.db").list_models()


def test_a_server_that_is_away_is_an_error_without_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(StoreError) as caught:
        open_models("http://me:hunter2@127.0.0.1:9/").pointer(KEY)
    assert "127.0.0.1:9" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["mongodb://h/db", "file:///x", "sqlite://", "/x/y.db", ""])
def test_a_scheme_that_is_not_known_is_refused_with_those_that_are(url: str) -> None:
    with pytest.raises(ConfigError, match=r"ANDON_MODELS_URL.*not known; write sqlite:////.*or http"):
        open_models(url)
