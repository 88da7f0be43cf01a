"""``andon cluster``: Ray on this machine, or on many."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.options import Json

app = typer.Typer(no_args_is_help=True)

File = Annotated[
    Path | None, typer.Argument(help="Cluster file of `ray up`; without one, this machine.", show_default=False)
]


@app.command()
def up(
    file: File = None,
    join: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Join the head there; default: be the head.", show_default=False),
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Only print what would be started.")] = False,
    block: Annotated[
        bool, typer.Option("--block", help="Stay until Ray ends (exit code 1) or one is told to, as systemd wants it.")
    ] = False,
    json: Json = False,
) -> None:
    """Start Ray here as "cluster" of andon.toml says, in the background; or on the machines of a cluster file."""
    from dataclasses import asdict

    from cluster.launcher import launch, read_cluster_file
    from cluster.nodes import plan_node, start_node, stay_until_ended
    from configs.errors import ConfigError
    from configs.settings import load_settings
    from pipelines.terminal import quiet

    settings = load_settings()
    with quiet(settings.home, "cluster") as terminal:
        if file is not None:
            if join is not None or block:
                option, reason = (
                    ("--join", "which says what joins what") if join else ("--block", "which leaves nothing here")
                )
                raise ConfigError(option, f"is given with a cluster file, {reason}", "leave one out")
            if plan:
                terminal.json(read_cluster_file(file))
                return
            launch(file, "up")
            return
        if plan:
            made = plan_node(settings, join)
            if json:
                terminal.json(asdict(made))
                return
            for name, value in sorted(made.environment.items()):
                terminal.text(f"{name}={value}")
            terminal.text(" ".join(made.command))
            return
        node = start_node(settings, join)

        def tell() -> None:
            if json:
                terminal.json(asdict(node))
            else:
                terminal.text(f"{'head' if node.head else 'node of'} {node.address} {node.dashboard}".rstrip())

        if block:
            stay_until_ended(settings.home, node, tell)
            return
        tell()
        if node.head and not json:
            terminal.say(f"use it: export ANDON_RAY_ADDRESS={node.address}; end it: andon cluster down")
            terminal.say(f"its token is in {settings.home}/ray-token; other machines need it to join")


@app.command()
def status(
    address: Annotated[
        str | None, typer.Option(help="Of the head; default: the one that runs here, or ANDON_RAY_ADDRESS.")
    ] = None,
    json: Json = False,
) -> None:
    """Show the nodes, what is free, and how the served applications fare. Exit code 1 where one fails."""
    from dataclasses import asdict

    from cluster.nodes import running_node
    from configs.errors import ConfigError
    from configs.settings import load_settings
    from pipelines.running.cluster_status import cluster_state
    from pipelines.terminal import quiet

    settings = load_settings()
    with quiet(settings.home, "cluster") as terminal:
        here = running_node(settings.home)
        where = address or settings.ray_address or (here.address if here else None)
        if where is None:
            raise ConfigError("ANDON_RAY_ADDRESS", "names no cluster, and none runs here", "andon cluster up")
        state = cluster_state(settings, where)
        if json:
            terminal.json(asdict(state))
        else:
            rows = [
                (one.host, one.role, one.duty, "alive" if one.alive else f"lost: {one.problem}", one.cpus,
                 one.memory_gib, one.objects_gib)
                for one in state.nodes
            ]  # fmt: skip
            terminal.table("Nodes", ("host", "role", "duty", "", "cores", "memory GiB", "objects GiB"), rows)
            terminal.text(f"cores free: {state.cpus_free:g} of {state.cpus:g}")
            for name, found in state.applications.items():
                terminal.text(f"application {name}: {found}")
    if any(found not in {"RUNNING", "DEPLOYING"} for found in state.applications.values()):
        raise typer.Exit(1)


@app.command()
def down(file: File = None) -> None:
    """End the Ray that `andon cluster up` started here, whole; or that on the machines of a cluster file."""
    from cluster.launcher import launch
    from cluster.nodes import stop_node
    from configs.settings import load_settings
    from pipelines.terminal import quiet

    settings = load_settings()
    with quiet(settings.home, "cluster") as terminal:
        if file is not None:
            launch(file, "down")
            return
        terminal.say("ended" if stop_node(settings.home) else "none runs here that `andon cluster up` started")


@app.command()
def token() -> None:
    """Make the token that Ray's nodes and jobs show each other, where there is none, and print the path of its file."""
    from cluster.tokens import make_token
    from configs.settings import load_settings
    from pipelines.terminal import quiet

    settings = load_settings()
    with quiet(settings.home, "cluster") as terminal:
        terminal.text(str(make_token(settings.home)))
