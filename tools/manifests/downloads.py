"""The published packages that the schemas of Kubernetes objects are made of: pinned, fetched once, checked."""

import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "k8s"
"""Never committed."""
_SECONDS = 300.0


class DownloadFailed(Exception):  # noqa: N818 -- a name that states the fact
    """A package cannot be had; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Download:
    """One file of a package registry, fetched with the registry's own client."""

    client: str
    """`pip` or `npm`."""
    package: str
    version: str
    file: str
    sha256: str

    def fetched(self, folder: Path = CACHE) -> Path:
        """The file, fetched when it is not there. Raises DownloadFailed, also for a file with another digest."""
        path = folder / "downloads" / self.file
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fetch(path.parent)
        if hashlib.sha256(path.read_bytes()).hexdigest() != self.sha256:
            path.unlink()
            raise DownloadFailed(f"{self.file} has another digest than the pinned one.")
        return path

    def _fetch(self, folder: Path) -> None:
        if self.client == "npm" and shutil.which("npm") is None:
            raise DownloadFailed("npm is missing: install it, for example: apt-get install npm")
        done = subprocess.run(self._command(folder), capture_output=True, text=True, timeout=_SECONDS, check=False)
        if done.returncode or not (folder / self.file).exists():
            raise DownloadFailed(f"{self.package} {self.version} cannot be fetched:\n{done.stderr.strip()[-500:]}")

    def _command(self, folder: Path) -> list[str]:
        if self.client == "npm":
            return ["npm", "pack", "--silent", "--pack-destination", str(folder), f"{self.package}@{self.version}"]
        wanted = f"{self.package}=={self.version}"
        options = ["--quiet", "--no-input", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
        return [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), wanted]


def _npm(name: str, version: str, sha256: str) -> Download:
    file = f"kubernetes-models-{name}-{version}.tgz"
    return Download("npm", f"@kubernetes-models/{name}", version, file, sha256)


CORE = Download(
    "pip",
    "kubernetes-validate",
    "1.37.0",
    "kubernetes_validate-1.37.0-py3-none-any.whl",
    "85136d018a27b50ec7fc049d902bfa5193f5976807e6c0f408e3ab6fe078cad9",
)
"""Kubernetes' own kinds, for each of its releases since 1.25."""
OPERATORS = {
    "apimachinery": _npm("apimachinery", "3.0.2", "c4cbb5e7021158d1279180ccb7abb31ae0467165217eced89a9ec9273362227e"),
    "cert-manager": _npm("cert-manager", "6.0.0", "0e5bc3ff9c20a588abdfcc34590442cc40b3037d789ec74acb59119aac4fbfed"),
    "envoy-gateway": _npm("envoy-gateway", "2.0.0", "adf6665b234ae7abd655a82ae6729e67180b9e5ebf47f4937da73cdf73cb1288"),
    "external-secrets": _npm(
        "external-secrets", "2.0.0", "c1202c6a6caa54afedb4208c1216992b6fcb36cf7623637e0e4a98b70f23ea77"
    ),
    "gateway-api": _npm("gateway-api", "2.0.0", "505c284b74d2f71803803543816abe3fe58e4b0ec6d98f3bd4989726d469b81b"),
    "kubernetes-models": Download(
        "npm",
        "kubernetes-models",
        "5.1.0",
        "kubernetes-models-5.1.0.tgz",
        "a7b5c0d34639c52699fc2998879590b20d57558598fb35b219b3e5a5871aa0c0",
    ),
    "keda": _npm("keda", "2.0.0", "825e7b45dfd9da8dfdfd838a6d31e2e180c8491c8e493c3822f9123e49ceffef"),
    "prometheus-operator": _npm(
        "prometheus-operator", "6.0.0", "e92402ebff400ea1ca5fe60546554841ab6f5986b317f3f0d4cb756dc88fbd37"
    ),
    "traefik": _npm("traefik", "2.0.0", "a42e5d0896a8162f85c609a780788ce287555fd19c6d162fcfe42364d12117aa"),
}
"""The operators' kinds, as TypeScript declarations."""
