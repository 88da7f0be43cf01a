"""Kubernetes' and KubeRay's own schemas, strictly: a field that they do not know is an error, not something dropped."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from tests.servers.adapters import lacking


def crds() -> Path:
    """Return the folder of KubeRay's definitions; skip where none is named."""
    folder = os.environ.get("ANDON_TEST_CRDS", "")
    if not folder or not list(Path(folder).glob("ray.io_*.yaml")):
        lacking(f"ANDON_TEST_CRDS names no folder with KubeRay's definitions (got {folder!r})")
    return Path(folder)


def schema_problems(manifest: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with one manifest by the schema of its kind."""
    name = f"{manifest['kind']} {manifest['metadata'].get('name') or manifest['metadata'].get('generateName')}"
    if manifest["apiVersion"].startswith("ray.io/"):
        schema = _kuberay(manifest["kind"], manifest["apiVersion"].partition("/")[2])
        for error in jsonschema.Draft202012Validator(schema).iter_errors(manifest):
            place = ".".join(str(part) for part in error.absolute_path)
            yield f"{name}: {place}: {error.message[:200]}"
        return
    import kubernetes_validate

    try:
        kubernetes_validate.validate(manifest, "1.33", strict=True)
    except kubernetes_validate.ValidationError as error:
        yield f"{name}: {'.'.join(str(part) for part in error.path)}: {error.message[:200]}"


@cache
def _kuberay(kind: str, version: str) -> dict[str, Any]:
    body = yaml.load((crds() / f"ray.io_{kind.lower()}s.yaml").read_text(), Loader=yaml.CSafeLoader)
    (found,) = [one for one in body["spec"]["versions"] if one["name"] == version and one["served"]]
    return _strict(copy.deepcopy(found["schema"]["openAPIV3Schema"]))


def _strict(schema: dict[str, Any]) -> dict[str, Any]:
    """Make an OpenAPI schema of Kubernetes one of JSON: unknown fields refused, numbers or texts where it says so."""
    if schema.pop("x-kubernetes-int-or-string", False):
        schema.pop("type", None)
        schema.pop("anyOf", None)
        schema["type"] = ["integer", "string"]
    if "properties" in schema:
        if schema.get("additionalProperties") is None and not schema.get("x-kubernetes-preserve-unknown-fields"):
            schema["additionalProperties"] = False
        for one in schema["properties"].values():
            _strict(one)
    for field in ("items", "additionalProperties"):
        if isinstance(schema.get(field), dict):
            _strict(schema[field])
    return schema
