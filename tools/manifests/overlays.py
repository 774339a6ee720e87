"""Renders the overlays of deploy/k8s as `kubectl apply -k` would: from a copy, with secrets made for it."""

import datetime as dt
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tools.manifests.secrets import STORES, SecretFiles

ROOT = Path(__file__).resolve().parents[2]
OVERLAYS = ("dev", "local", "local-mongodb", "production")
_SECONDS = 120.0

Manifest = dict[str, Any]


class ToolMissing(Exception):  # noqa: N818 -- a name that states the fact
    """A program is not there and cannot be built; the text is one sentence that says what to install."""


class NotRendered(Exception):  # noqa: N818 -- a name that states the fact
    """kustomize refused an overlay; the text is its own."""


@cache
def program(name: str) -> Path:
    """The path of a program that `tools/find-<name>` finds or builds. Raises ToolMissing."""
    done = subprocess.run([ROOT / "tools" / f"find-{name}"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolMissing((done.stderr.strip().splitlines() or [f"{name} is missing"])[-1])
    return Path(done.stdout.strip())


def copy_of_deploy(folder: Path, now: dt.datetime) -> Path:
    """A copy of what the overlays are made of, with new secrets, in `folder`; the path of its deploy/k8s."""
    for name in ("k8s", "grafana"):
        shutil.copytree(ROOT / "deploy" / name, folder / name, ignore=shutil.ignore_patterns("secrets"))
    for path, store_url in STORES.items():
        SecretFiles(folder / path, store_url=store_url).make(now)
    return folder / "k8s"


def rendered(k8s: Path, overlay: str) -> str:
    """What kustomize makes of an overlay. Raises NotRendered, ToolMissing."""
    return built(k8s / "overlays" / overlay)


def built(folder: Path) -> str:
    """What kustomize makes of a folder. Raises NotRendered, ToolMissing."""
    command = [str(program("kustomize")), "build", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if done.returncode:
        raise NotRendered(f"{folder.name}: {done.stderr.strip()}")
    return done.stdout


def manifests_in(text: str) -> list[Manifest]:
    """The objects of a rendered overlay."""
    return [each for each in yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) if each]
