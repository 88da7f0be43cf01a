"""Where a cluster keeps its state: real PostgreSQL and Redis, from Debian's packages, and an S3 server (moto's)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.waiting import Server, answers, free_port, running

REDIS = shutil.which("redis-server")
POSTGRES = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)
S3_KEYS = {"AWS_ACCESS_KEY_ID": "andon", "AWS_SECRET_ACCESS_KEY": "andon-secret", "AWS_DEFAULT_REGION": "eu-west-3"}


def lacking() -> str:
    """Return what is not installed; empty: all is."""
    missing = [name for name, found in (("redis-server", REDIS), ("postgresql", POSTGRES)) if not found]
    return f"apt-get install {' '.join(missing)}" if missing else ""


@contextmanager
def redis(folder: Path, host: str = "127.0.0.1", password: str = "") -> Iterator[Server]:
    """Run Redis that keeps every write in a file."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [str(REDIS), "--bind", host, "--port", str(port), "--dir", str(folder), "--appendonly", "yes"]
    command += ["--save", "", *(["--requirepass", password] if password else ["--protected-mode", "no"])]
    with running(command, port, folder / "redis.log", lambda: answers(port)) as server:
        yield server


@dataclass(frozen=True)
class Database:
    """A database that runs; ``url`` is SQLAlchemy's."""

    url: str
    server: Server


@contextmanager
def postgresql(folder: Path) -> Iterator[Database]:
    """Run PostgreSQL with a database of its own; it refuses to run as root, so another user owns its folder."""
    assert POSTGRES is not None
    data, port = folder / "postgres", free_port()
    data.mkdir(parents=True)
    as_user: list[str] = []
    if os.geteuid() == 0:
        as_user = ["runuser", "-u", "postgres", "--"]
        shutil.chown(data, "postgres", "postgres")
        for parent in (folder, *folder.parents[:-1]):
            if not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o011)
    init = [*as_user, str(POSTGRES / "initdb"), "-D", str(data), "-U", "andon", "--auth", "trust", "--no-sync"]
    subprocess.run(init, check=True, capture_output=True, cwd="/")
    command = [*as_user, str(POSTGRES / "postgres"), "-D", str(data), "-p", str(port), "-k", str(data)]
    command += ["-c", "listen_addresses=127.0.0.1"]
    with running(command, port, folder / "postgres.log", lambda: answers(port), Path("/")) as server:
        ready = [str(POSTGRES / "pg_isready"), "-h", "127.0.0.1", "-p", str(port), "-t", "60"]
        while subprocess.run(ready, capture_output=True).returncode:
            pass
        create = [str(POSTGRES / "createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", "andon", "mlflow"]
        subprocess.run(create, check=True, capture_output=True)
        yield Database(f"postgresql://andon@127.0.0.1:{port}/mlflow", server)


@contextmanager
def s3(folder: Path, bucket: str) -> Iterator[str]:
    """Run an S3 server with a bucket; yield its address."""
    import boto3

    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with running(command, port, folder / "s3.log", lambda: answers(port)):
        address = f"http://127.0.0.1:{port}"
        keys = {name.lower(): value for name, value in S3_KEYS.items() if name != "AWS_DEFAULT_REGION"}
        client = boto3.client("s3", endpoint_url=address, region_name="eu-west-3", **keys)
        client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
        yield address


def objects(address: str, bucket: str) -> list[str]:
    """Return the keys in a bucket."""
    import boto3

    keys = {name.lower(): value for name, value in S3_KEYS.items() if name != "AWS_DEFAULT_REGION"}
    client = boto3.client("s3", endpoint_url=address, region_name="eu-west-3", **keys)
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [one["Key"] for page in pages for one in page.get("Contents", [])]
