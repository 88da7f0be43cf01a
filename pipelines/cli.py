"""The ``andon`` command. Importing it is cheap: every command imports what it needs when it runs."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from cluster.jobs import check_stores, in_job
from configs.errors import AndonError
from pipelines import lifeline
from pipelines.commands import (
    alerts,
    assistant,
    backtest,
    backup,
    cluster,
    dashboards,
    definitions,
    demo,
    doctor,
    metrics,
    models,
    notify,
    recommend,
    report,
    retrain,
    schedule,
    serve,
    stores,
    tables,
    tokens,
    train,
)

TERMINATED = 128 + signal.SIGTERM


class Terminated(KeyboardInterrupt):
    """SIGTERM, as from ``ray job stop``: what is under way ends as it does on Ctrl-C."""


class Andon(TyperGroup):
    """Turns errors into one line on standard error and an exit code: 1 the work failed, 2 what was asked is wrong."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; in a Ray job, only with stores that outlive it."""
        try:
            if in_job():
                from configs.settings import load_settings

                check_stores(load_settings())
            return super().invoke(ctx)
        except AndonError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt as interrupt:
            typer.echo("stopped", err=True)
            raise typer.Exit(TERMINATED if isinstance(interrupt, Terminated) else 130) from None


app = typer.Typer(
    cls=Andon,
    name="andon",
    help="Alerts and monitors for production lines: trained, served and improved on Ray.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("demo", help="Run the main job end to end on a simulated plant, with the embedded stores.")(demo.demo)
app.command("import", help="Read wide CSV, Parquet or XLSX tables into the signals store.")(tables.import_)
app.command("init", help="Propose a Line and a Monitor from a table, as YAML to edit.")(tables.init)
app.command("apply", help="Validate definitions and store them.")(definitions.apply)
app.command("get", help="Show definitions, defaults included.")(definitions.get)
app.command("train", help="Search, evaluate, register, and promote the first champion.")(train.train)
app.command("retrain", help="Challenger against champion on newer data; promote only if better.")(retrain.retrain)
app.command("backtest", help="Write what would have been said at each time, with the champion.")(backtest.backtest)
app.command("serve", help="Serve the HTTP API on Ray Serve.")(serve.serve)
app.command("dashboards", help="Start TensorBoard and MLflow's pages, and print where all pages are.")(
    dashboards.dashboards
)
app.command("backup", help="Write every store into a folder, checked, while everything runs on.")(backup.backup)
app.command("restore", help="Bring a backup into the stores, and compare.")(backup.restore)
app.command("doctor", help="Look at everything that Andon stands on, and say what to do.")(doctor.doctor)
app.command("metrics", help="Tell Prometheus of lines, alerts, models and searches.")(metrics.metrics)
app.command("recommend", help="Say how an alert could have been avoided.")(recommend.recommend)
app.command("inject", help="Replay history into the signals store as if live.")(tables.inject)
app.add_typer(report.app, name="report", help="Excel and HTML reports.")
app.add_typer(notify.app, name="notify", help="Messages to people: list, deliver, try again, test a route.")
app.add_typer(models.app, name="models", help="Versions of the models: list, explain, promote, roll back.")
app.add_typer(cluster.app, name="cluster", help="Ray on this machine or on many: up, status, down.")
app.add_typer(tokens.app, name="tokens", help="Who may ask the server: make, list and withdraw tokens.")
app.add_typer(stores.app, name="stores", help="Databases: what works and what does not; copy one to another.")
app.command("run-due", help="Do what is due: retraining, reports, looks at replaced champions.")(schedule.run_due)
app.add_typer(assistant.app, name="assistant")
app.add_typer(alerts.app, name="alerts", help="Alerts: list, acknowledge, act, give feedback, silence.")


def main() -> None:
    """Run the command, and leave with its exit code."""
    signal.signal(signal.SIGTERM, _terminate)
    lifeline.tie()
    try:
        sys.exit(app())
    except SystemExit as leaving:
        if leaving.code != TERMINATED:
            raise
        # Everything is stopped; but to take the interpreter down can last longer than the 3 s after which
        # `ray job stop` kills.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(TERMINATED)


def _terminate(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # A second one would cut the end short.
    raise Terminated
