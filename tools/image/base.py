"""The images that a Dockerfile begins from, made of Debian's packages: no image registry is asked.

The official `python:3.13-slim` is Debian 13 with a Python of its own below /usr/local. Here it is Debian 13 with
Debian's Python 3.13, and `python` below /usr/local/bin.
"""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.image.chroot import STDERR

_LEFT_OUT: Final = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/info/*", "/usr/share/locale/*")
_KEPT: Final = "/usr/share/doc/*/copyright"
"""Who passes on a package passes on its licence; the bill of materials reads it."""
_TIDY: Final = r"""
cd "$1"
: >etc/resolv.conf; : >etc/hosts; : >etc/hostname; : >etc/machine-id
printf '#!/bin/sh\nexit 101\n' >usr/sbin/policy-rc.d; chmod 755 usr/sbin/policy-rc.d
rm -rf var/log/apt var/log/*.log var/cache/ldconfig var/cache/apt/*.bin var/lib/apt/lists/* tmp/* run/*
find . -xdev -name '*-old' -path './var/*' -delete
"""
"""What differs by the building machine goes; no package starts a service while an image is built."""
_PYTHON: Final = (
    r"""
cd "$1"
ln -s /usr/bin/python3.13 usr/local/bin/python; ln -s /usr/bin/python3.13 usr/local/bin/python3
find . -xdev -name '*.pyc' -delete
"""
    "PYTHONHASHSEED=0 chroot . python3.13 -m compileall -q --invalidation-mode unchecked-hash "
    "usr/lib/python3.13 usr/lib/python3\n"
)
"""Bytecode that does not hold the time of its source: every layer's files have one time."""


@dataclass(frozen=True, slots=True)
class Base:
    """A root to begin from: the packages beside Debian's minimum, and what is done to it then, as shell scripts."""

    packages: tuple[str, ...]
    scripts: tuple[str, ...]

    def make(self, folder: Path) -> None:
        """Fill the folder; a minute or two, most of it Debian's download.

        Raises:
            CalledProcessError: mmdebstrap failed; its output stands above.
            RuntimeError: the machine has no mirror of Debian.

        """
        command = ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", "--skip=output/dev"]
        command += [f"--include={','.join(self.packages)}"] if self.packages else []
        command += [f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT]
        command += [f"--dpkgopt=path-include={_KEPT}"]
        command += [f"--customize-hook={script}" for script in self.scripts]
        archive = folder.parent / "base.tar"
        command += ["trixie", str(archive), *mirrors()]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=STDERR)
        folder.mkdir()
        subprocess.run(["tar", "--numeric-owner", "-C", str(folder), "-xpf", str(archive)], check=True)
        (folder / "dev").mkdir(exist_ok=True)  # left out with what is in it, and every step mounts its own there
        archive.unlink()


def mirrors() -> tuple[str, ...]:
    """The sources of Debian 13, at the mirrors that this machine uses for its own packages; raises RuntimeError.

    A machine made from an image often has no lists of packages yet: they are fetched then.
    """
    if shutil.which("apt-get") is None:
        raise RuntimeError("apt-get is not there: images are made of Debian's packages, on a Debian machine")
    try:
        return sources_at(_listed())
    except RuntimeError:
        subprocess.run(["apt-get", "update", "-q"], check=False, stdin=subprocess.DEVNULL, stdout=STDERR)
        return sources_at(_listed())


def _listed() -> str:
    command = ["apt-get", "indextargets", "--format", "$(LABEL) $(REPO_URI)", "Created-By: Packages"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def sources_at(listed: str) -> tuple[str, ...]:
    """The sources at the mirrors in lines of label and address, as apt lists them; raises RuntimeError."""
    found = dict(line.split(" ", 1) for line in listed.splitlines() if " " in line)
    try:
        main, security = found["Debian"].strip(), found["Debian-Security"].strip()
    except KeyError as error:
        raise RuntimeError(f"apt knows no mirror of {error}: run `apt-get update` on a Debian machine") from None
    suites = ((main, "trixie"), (main, "trixie-updates"), (security, "trixie-security"))
    return tuple(f"deb {mirror} {suite} main" for mirror, suite in suites)


BASES: Final = {
    "debian:13-slim": Base((), (_TIDY,)),
    "python:3.13-slim": Base(("python3", "python3-venv", "ca-certificates", "netbase", "tzdata"), (_PYTHON, _TIDY)),
}
"""By the name in FROM, without the digest."""
