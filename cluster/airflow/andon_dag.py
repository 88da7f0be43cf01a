"""Airflow 3: retraining every night, then the reports that are due, then a backup, each as a Ray job.

To change, in Airflow's environment: ``RAY_ADDRESS`` (http://head:8265), ``RAY_AUTH_TOKEN_PATH``, ``ANDON_RAY`` (the
``ray`` command, of the cluster's version), ``ANDON_JOB_FOLDER`` (this repository; none where the image has it),
``ANDON_JOB_VARIABLES`` (JSON: the settings of a job, ``{"ANDON_HOME": "/shared/andon"}``), ``ANDON_BACKUPS`` and
``ANDON_JOB_RETRY_SECONDS`` (300: how long after a failure a task is tried again, twice at most).

A task that is tried again goes on with the job that it had submitted, as long as that runs or has succeeded.
"""

from __future__ import annotations

import os
import shlex
from datetime import timedelta

import pendulum
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

RAY = shlex.quote(os.environ.get("ANDON_RAY", "ray"))
SUBMIT = """
set -euo pipefail
ray={ray}
id="andon-{name}-{{{{ ts_nodash | lower }}}}"
# "Job 'x' succeeded", "... failed", "... was stopped", or "Status for job 'x': RUNNING"; nothing where there is none.
state() {{
  "$ray" job status "$id" 2>&1 | grep -oE "ob '$id'(: [A-Za-z.]+| succeeded| failed| was stopped)" | head -1 || true
}}
submit() {{
  "$ray" job submit --no-wait --submission-id "$1" {folder} --runtime-env-json "$ANDON_JOB_ENVIRONMENT" -- {command}
}}
case "$(state)" in
  "") submit "$id" ;;
  *failed | *stopped) id="$id-{{{{ ti.try_number }}}}"; submit "$id" ;;
esac
"$ray" job logs --follow "$id"
# The logs may end a moment before the job is written down as ended.
for _ in $(seq 60); do
  case "$(state)" in
    *succeeded) exit 0 ;;
    *failed | *stopped) echo "job $id did not succeed" >&2; exit 1 ;;
  esac
  sleep 1
done
echo "job $id does not end" >&2
exit 1
"""


def job(name: str, command: str) -> BashOperator:
    """Return a task that runs ``python -m pipelines`` on the cluster and ends as it does."""
    folder = os.environ.get("ANDON_JOB_FOLDER")
    variables = os.environ.get("ANDON_JOB_VARIABLES", "{}")
    return BashOperator(
        task_id=name,
        bash_command=SUBMIT.format(
            ray=RAY,
            name=name,
            folder=f"--working-dir {shlex.quote(folder)}" if folder else "",
            command=f"python -m pipelines {command}",
        ),
        env={"ANDON_JOB_ENVIRONMENT": f'{{"env_vars": {variables}}}'},
        append_env=True,
    )


with DAG(
    "andon",
    description="Retraining, reports and a backup of Andon, as Ray jobs",
    schedule="15 2 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz=os.environ.get("ANDON_TIMEZONE", "Europe/Paris")),
    catchup=False,
    max_active_runs=1,
    default_args={
        "retries": 2,
        "retry_delay": timedelta(seconds=float(os.environ.get("ANDON_JOB_RETRY_SECONDS", "300"))),
        "execution_timeout": timedelta(hours=6),
    },
    tags=["andon"],
):
    backups = shlex.quote(os.environ.get("ANDON_BACKUPS", "/backups"))
    retrain = job("retrain", "run-due --kind retrain")
    report = job("report", "run-due --kind report --kind shadow")
    backup = job("backup", f"backup {backups}")
    retrain >> report >> backup
