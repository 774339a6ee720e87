"""The closed JSON schemas by which rendered manifests are checked, in the folder layout that kubeconform reads.

Kubernetes' own kinds and the operators' come from published packages (`downloads`); the few fields that we use of
RabbitMQ's, MongoDB's and Cilium's kinds are written down in `crd/`. A kind that none of them has is an error.
"""

import hashlib
import json
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tools.manifests.declarations import NotDeclared, Reader, Schema
from tools.manifests.downloads import CACHE, CORE, OPERATORS

KUBERNETES = ("1.31.0", "1.32.0", "1.33.0", "1.34.0")
"""The releases against which every overlay is checked."""
WRITTEN = Path(__file__).parent / "crd"
_PACKAGES = {
    "cert-manager.io": "cert-manager",
    "external-secrets.io": "external-secrets",
    "gateway.envoyproxy.io": "envoy-gateway",
    "gateway.networking.k8s.io": "gateway-api",
    "keda.sh": "keda",
    "monitoring.coreos.com": "prometheus-operator",
    "traefik.io": "traefik",
}
_OBJECT = ("apiVersion", "kind", "metadata")
_LEFT_OUT = frozenset({"description", "$id"})
_REFERENCE = "#/$defs/"


class NoSchema(Exception):  # noqa: N818 -- a name that states the fact
    """No schema is known for a kind; the text names it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object, as a manifest names it."""

    api_version: str
    kind: str

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> "Kind":
        """The kind of a manifest."""
        return cls(manifest["apiVersion"], manifest["kind"])

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The version within the group."""
        return self.api_version.rpartition("/")[2]

    @property
    def file(self) -> str:
        """The name of its schema, as kubeconform looks for it: with the first word of the group."""
        group = f"-{self.group.partition('.')[0]}" if self.group else ""
        return f"{self.kind.lower()}{group}-{self.version}.json"


def make_schemas(kinds: set[Kind]) -> Path:
    """A folder with the schema of each kind for each release of Kubernetes. Raises NoSchema, DownloadFailed.

    Its name follows from what the schemas are made of, so that a change makes them anew.
    """
    folder = CACHE / f"schemas-{_origin()}"
    for release in KUBERNETES:
        for kind in kinds:
            path = folder / f"v{release}" / kind.file
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(schema_of(kind, release)), "utf-8")
    return folder


def _origin() -> str:
    files = sorted([*Path(__file__).parent.glob("*.py"), *WRITTEN.glob("*.yaml")])
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def schema_of(kind: Kind, release: str) -> Schema:
    """The schema of one kind. Raises NoSchema."""
    if kind.group in _PACKAGES:
        package = _PACKAGES[kind.group]
        try:
            return Reader(_declaration).schema(f"{package}/{kind.group}/{kind.version}/{kind.kind}")
        except NotDeclared as error:
            raise NoSchema(f"{kind.api_version} {kind.kind}: {error}") from error
    written = _written(kind)
    return _core(kind, release) if written is None else written


def _written(kind: Kind) -> Schema | None:
    path = WRITTEN / f"{kind.kind.lower()}.yaml"
    if not path.exists():
        return None
    found: Schema = yaml.safe_load(path.read_text("utf-8"))
    if found["properties"]["apiVersion"] != {"const": kind.api_version}:
        raise NoSchema(f"{kind.api_version} {kind.kind}: {path.name} describes another version")
    found["properties"] |= {"kind": {"const": kind.kind}, "metadata": _metadata()}
    found |= {"$schema": "http://json-schema.org/draft-07/schema#", "required": [*_OBJECT, "spec"]}
    return _closed_object(found)


def _metadata() -> Schema:
    text = {"type": "object", "additionalProperties": {"type": "string"}}
    properties = {"name": {"type": "string"}, "namespace": {"type": "string"}, "labels": text, "annotations": text}
    return {"type": "object", "required": ["name"], "properties": properties}


def _closed_object(schema: Schema) -> Schema:
    return {name: closed(each) for name, each in schema.items()} | {"type": "object", "additionalProperties": False}


def closed(schema: Any) -> Any:
    """The same schema, in which an object with `properties` has no others."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: closed(each) for name, each in schema.items()}
    if isinstance(found.get("properties"), dict) and "additionalProperties" not in found:
        found |= {"type": "object", "additionalProperties": False}
    return found


def _core(kind: Kind, release: str) -> Schema:
    folder = f"kubernetes_validate/kubernetes-json-schema/v{release}-local-strict"
    definitions = json.loads(_core_file(f"{folder}/_definitions.json"))["$defs"]
    try:
        whole = json.loads(_core_file(f"{folder}/{kind.file}"))
    except KeyError:
        raise NoSchema(f"{kind.api_version} {kind.kind}: no schema is known") from None
    needed: dict[str, Schema] = {}
    whole = _local(whole, definitions, needed)
    return {**whole, "$defs": needed}


def _local(schema: Any, definitions: Mapping[str, Any], needed: dict[str, Schema]) -> Any:
    """The schema with references into itself; `needed` gets what it refers to."""
    if isinstance(schema, list):
        return [_local(each, definitions, needed) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {
        name: _local(each, definitions, needed)
        for name, each in schema.items()
        if name not in _LEFT_OUT or not isinstance(each, str)  # a property may have that name
    }
    reference = found.get("$ref")
    if isinstance(reference, str) and _REFERENCE in reference:
        name = reference.partition(_REFERENCE)[2]
        found["$ref"] = f"#/$defs/{name}"
        if name not in needed:
            needed[name] = {}
            needed[name] |= _local(definitions[name], definitions, needed)
    return found


@cache
def _core_file(name: str) -> bytes:
    with zipfile.ZipFile(CORE.fetched()) as archive:
        return archive.read(name)


def _declaration(path: str) -> str:
    package, _, rest = path.partition("/")
    try:
        return _declarations(package)[f"package/{rest}.d.ts"]
    except KeyError:
        raise NotDeclared(f"{path}: no such declaration") from None


@cache
def _declarations(package: str) -> Mapping[str, str]:
    with tarfile.open(OPERATORS[package].fetched()) as archive:
        members = [each for each in archive.getmembers() if each.isfile() and each.name.endswith(".d.ts")]
        files = {each.name: archive.extractfile(each) for each in members}
        return {name: file.read().decode() for name, file in files.items() if file is not None}
