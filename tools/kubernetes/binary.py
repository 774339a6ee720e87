"""`kubernetes_binary`: Kubernetes built from its Go modules, once for each version, outside of the checkout.

One program holds all parts; the cluster's DNS server is another, made of the same modules. The first build takes
4 minutes on two cores and downloads the modules that `kube/go.sum` names by their hashes; a later one takes seconds,
and no build at all is needed while the sources stay the same.
"""

import asyncio
import fcntl
import hashlib
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.kubernetes.archive import write_image
from tools.kubernetes.errors import ClusterFailed
from tools.kubernetes.processes import run

SOURCES: Final = Path(__file__).with_name("kube")
OLDEST_GO: Final = (1, 24)
GO_FOLDERS: Final[tuple[str, ...]] = ("/usr/local/go/bin", "/usr/lib/go/bin")
"""Where Go is besides the folders of PATH."""
BUILD_SECONDS: Final = 1500.0
PAUSE_IMAGE: Final = "localhost/gateway-pause:1"
DNS_IMAGE: Final = "localhost/gateway-dns:1"
PROGRAMS: Final = (".", "./dns", "./pause")
"""The Go packages of `kube/`; they are built at once, so that what they share is compiled once."""


@dataclass(frozen=True, slots=True)
class Binary:
    """The folder of one build."""

    folder: Path

    @property
    def kube(self) -> Path:
        """The program; its first argument is the part, such as `kubelet` or `kubectl`."""
        return self.folder / "kube"

    @property
    def pause(self) -> Path:
        """The archive of the image that holds a pod's namespaces."""
        return self.folder / "pause.tar"

    @property
    def dns(self) -> Path:
        """The archive of the image of CoreDNS."""
        return self.folder / "dns.tar"

    @property
    def complete(self) -> bool:
        """True when the build ran to its end; `kube` is moved into place last."""
        return self.kube.exists()


def version() -> str:
    """The version of Kubernetes that `kube/go.mod` requires, such as 1.34.1."""
    found = re.search(r"^\s*(?:require )?k8s\.io/kubernetes v(\S+)", (SOURCES / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise ClusterFailed(f"{SOURCES}/go.mod requires no k8s.io/kubernetes.")
    return found[1]


def binary_in(cache: Path, sources: Path = SOURCES) -> Binary:
    """Where the build of these sources is, or will be: the folder's name holds the version and the sources' hash."""
    digest = hashlib.sha256()
    for path in sorted(path for path in sources.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(sources)}\0".encode() + path.read_bytes())
    return Binary(cache / f"kubernetes-{version()}-{digest.hexdigest()[:12]}")


def cache_folder(environ: Mapping[str, str]) -> Path:
    """The user's cache (XDG Base Directory Specification), so that a fresh clone builds nothing anew."""
    base = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME") or "/root", ".cache")
    return Path(base, "whatsapp-gateway")


async def kubernetes_binary(environ: Mapping[str, str], *, go_folders: Sequence[str] = GO_FOLDERS) -> Binary:
    """The build; made when there is none yet, while others that ask for it wait. Raises ClusterFailed."""
    binary = binary_in(cache_folder(environ))
    if binary.complete:
        return binary
    binary.folder.mkdir(parents=True, exist_ok=True)
    with (binary.folder / "lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        if not binary.complete:
            await _build(binary, environ, await go_program(environ, go_folders))
    return binary


async def _build(binary: Binary, environ: Mapping[str, str], go: str) -> None:
    print(f"Building Kubernetes {version()} (minutes the first time) …", file=sys.stderr, flush=True)
    unfinished = binary.folder / "unfinished"
    unfinished.mkdir(exist_ok=True)
    await _go_build(go, environ, unfinished)
    write_image(binary.pause, PAUSE_IMAGE, unfinished / "pause")
    write_image(binary.dns, DNS_IMAGE, unfinished / "dns")
    (unfinished / "kube").rename(binary.kube)
    shutil.rmtree(unfinished)


async def _go_build(go: str, environ: Mapping[str, str], folder: Path) -> None:
    settings = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    process = await asyncio.create_subprocess_exec(
        *(go, "build", "-ldflags", f"-s -w {_version_flags()}", "-o", f"{folder}/", *PROGRAMS),
        cwd=SOURCES,
        env={**environ, **settings},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), BUILD_SECONDS)
    except BaseException:
        process.kill()
        raise
    if process.returncode:
        end = said.decode(errors="replace").strip()[-2000:]
        raise ClusterFailed(f"Building Kubernetes failed with {process.returncode}:\n{end}")


def _version_flags() -> str:
    """What `kubectl version` and the API server tell; a build outside of Kubernetes' own has v0.0.0."""
    major, minor, _ = version().split(".")
    names = {
        "k8s.io/component-base/version.gitVersion": f"v{version()}",
        "k8s.io/client-go/pkg/version.gitVersion": f"v{version()}",
        "k8s.io/component-base/version.gitMajor": major,
        "k8s.io/component-base/version.gitMinor": minor,
    }
    return " ".join(f"-X {name}={value}" for name, value in names.items())


async def go_program(environ: Mapping[str, str], folders: Sequence[str] = GO_FOLDERS) -> str:
    """Go's path. Raises ClusterFailed when there is none, or one that is too old."""
    go = shutil.which("go", path=os.pathsep.join([environ.get("PATH", os.defpath), *folders]))
    needed = f"Building Kubernetes needs Go {'.'.join(map(str, OLDEST_GO))} or newer"
    if go is None:
        raise ClusterFailed(f"{needed}: install it from https://go.dev/dl.")
    said = await run(go, "env", "GOVERSION")
    found = re.match(r"go(\d+)\.(\d+)", said)
    if found is not None and (int(found[1]), int(found[2])) < OLDEST_GO:
        raise ClusterFailed(f"{needed}, and {go} is {said.strip().removeprefix('go')}.")
    return go
