"""``andon backup`` and ``andon restore``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.options import Json


def backup(
    folder: Annotated[Path, typer.Argument(help="Where backups are kept; not in ANDON_HOME.", show_default=False)],
    json: Json = False,
) -> None:
    """Write documents, signals and models into a new folder of FOLDER, checked; while everything runs on."""
    from dataclasses import asdict
    from datetime import UTC, datetime

    from configs.settings import load_settings
    from pipelines.safekeeping.backup import write_backup
    from pipelines.terminal import quiet

    settings = load_settings()
    with quiet(settings.home, "backup") as terminal, terminal.progress() as bars:
        task, total = bars.add_task("backup", total=None), 0

        def tell(what: str, number: int) -> None:
            nonlocal total
            total += number
            bars.update(task, description=what, completed=total)

        done = write_backup(settings, folder, datetime.now(UTC), tell)
    with quiet(settings.home, "backup") as terminal:
        if json:
            terminal.json(
                {"folder": str(done.folder), "bytes": done.bytes, "copied": [asdict(one) for one in done.copied]}
            )
            return
        terminal.table(
            "In the backup", ("what", "count", "digest"), [(one.kind, one.count, one.digest) for one in done.copied]
        )
        terminal.text(f"{done.folder}: {done.bytes:,} bytes")


def restore(
    folder: Annotated[Path, typer.Argument(help="A folder that `andon backup` wrote.", show_default=False)],
    check: Annotated[
        bool, typer.Option("--check", help="Only check that every file of it is what was written.")
    ] = False,
    json: Json = False,
) -> None:
    """Bring a backup into the stores that the settings name, and compare what they then hold with it."""
    from dataclasses import asdict
    from datetime import UTC, datetime

    from configs.settings import load_settings
    from pipelines.safekeeping.backup import check_backup
    from pipelines.safekeeping.restoring import restore_backup
    from pipelines.terminal import quiet

    settings = load_settings()
    with quiet(settings.home, "restore") as terminal:
        if check:
            body = check_backup(folder)
            terminal.text(f"{folder}: whole, of {body['at']}, {len(body['files'])} files")
            return
        done = restore_backup(settings, folder, datetime.now(UTC), lambda what, number: None)
        if json:
            terminal.json([asdict(one) for one in done])
            return
        terminal.table("Restored", ("what", "count", "digest"), [(one.kind, one.count, one.digest) for one in done])
