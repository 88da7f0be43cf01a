"""A job's stores: named, absolute, and outside what is thrown away."""

from __future__ import annotations

import json
import os

import pytest

from cluster.jobs import check_stores, in_job, job_variables
from configs.errors import ConfigError
from configs.settings import load_settings

URLS = {
    "ANDON_DOCUMENTS_URL": "sqlite:////data/documents.db",
    "ANDON_SIGNALS_URL": "sqlite:////data/signals.db",
    "ANDON_MODELS_URL": "http://models:5000",
}


@pytest.fixture
def job(monkeypatch, tmp_path):
    """Make the environment that of a job with these variables; it runs where Ray unpacks working directories."""
    unpacked = tmp_path / "runtime_resources" / "working_dir_files" / "_ray_pkg_1"
    unpacked.mkdir(parents=True)
    monkeypatch.chdir(unpacked)
    for name in [name for name in os.environ if name.startswith("ANDON_")]:
        monkeypatch.delenv(name)

    def begin(**variables: str) -> None:
        monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps({"runtime_env": {"env_vars": variables}}))
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return begin


def test_a_job_is_known_by_what_ray_tells_it(job):
    assert not in_job()
    assert job_variables() == {}
    job(OMP_NUM_THREADS="2")
    assert in_job()
    assert job_variables() == {"OMP_NUM_THREADS": "2"}


@pytest.mark.parametrize("variables", [{"ANDON_HOME": "/data/andon"}, URLS, URLS | {"ANDON_HOME": "/data"}])
def test_stores_that_outlive_the_job_are_accepted(job, variables):
    job(**variables)
    check_stores(load_settings())


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "neither ANDON_HOME nor ANDON_DOCUMENTS_URL and ANDON_SIGNALS_URL and ANDON_MODELS_URL is set"),
        ({name: URLS[name] for name in list(URLS)[:2]}, "neither ANDON_HOME nor ANDON_MODELS_URL is set"),
        ({"ANDON_HOME": "data"}, "ANDON_HOME: lies in the job's working directory, which is thrown away, got 'data'"),
        ({"ANDON_HOME": "/data", "ANDON_SIGNALS_URL": "sqlite:///s.db"}, "ANDON_SIGNALS_URL: lies in the job's"),
    ],
)
def test_stores_that_would_be_lost_are_refused(job, variables, said):
    job(**variables)
    with pytest.raises(ConfigError, match=said) as refused:
        check_stores(load_settings())
    assert refused.value.exit_code == 2
    assert "name them absolutely" in str(refused.value)


def test_a_file_of_settings_in_the_working_directory_counts_too(job, tmp_path):
    job()
    with open("andon.toml", "w") as file:
        file.write(f'home = "{tmp_path}/kept"\n')
    check_stores(load_settings())
    with open("andon.toml", "w") as file:
        file.write('home = "../kept"\n')
    with pytest.raises(ConfigError, match="thrown away"):
        check_stores(load_settings())
