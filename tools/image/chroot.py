"""Runs one step of a Dockerfile in a root made of layers: an overlay mount in a mount namespace, and a chroot.

The mounts end with the step's process, however it ends.
"""

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.image.layers import EPOCH

PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PASSED_ON: Final = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "PIP_INDEX_URL", "PIP_DEFAULT_TIMEOUT")
"""The builder's network settings, which no image keeps; Docker passes the first three as build arguments by itself."""
STDERR: Final = 2
"""Where programs write what they do: standard output names the image alone."""
_BUNDLE: Final = "/etc/ssl/certs/ca-certificates.crt"


class StepError(Exception):
    """A step ended with an error; its output stands above."""


@dataclass(frozen=True, slots=True)
class Root:
    """A root file system while a step changes it: the layers below, lowest first, and the overlay mount's folders."""

    below: Sequence[Path]
    upper: Path
    work: Path
    mounted: Path
    empty: Path

    def script(self) -> str:
        """The shell commands that mount it."""
        lower = ":".join(str(each) for each in reversed([self.empty, *self.below]))
        options = f"lowerdir={lower},upperdir={self.upper},workdir={self.work},redirect_dir=off,metacopy=off,index=off"
        return f"mount -t overlay overlay -o {shlex.quote(options)} {shlex.quote(str(self.mounted))}\n"


def run_in(root: Root, command: Sequence[str], *, cwd: str, environ: Mapping[str, str]) -> None:
    """Run the command as root inside; it has the network, the builder's resolver and its certificates.

    Raises:
        StepError: The command ended with another code than 0.

    """
    inside = shlex.quote(str(root.mounted))
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    own_bundle = os.environ.get("SSL_CERT_FILE", "")
    if own_bundle:
        kept["PIP_CERT"] = _BUNDLE
    lines = [
        f"mount -t proc proc {inside}/proc",
        f"mount --rbind /dev {inside}/dev",
        f"mount --bind /etc/resolv.conf {inside}/etc/resolv.conf",
        f"mount --bind /etc/hosts {inside}/etc/hosts",
        f"mount -t tmpfs tmpfs {inside}/run",
        f"[ ! -f {inside}{_BUNDLE} ] || mount --bind -o ro {shlex.quote(own_bundle)} {inside}{_BUNDLE}"
        if own_bundle
        else ":",
    ]
    values = {"PATH": PATH, "HOME": "/root", "SOURCE_DATE_EPOCH": str(EPOCH), "PYTHONHASHSEED": "0", **kept, **environ}
    words = ["env", "-i", *(f"{name}={value}" for name, value in values.items())]
    change = shlex.join(["chroot", str(root.mounted), *words, "sh", "-c", 'cd "$0" && exec "$@"', cwd, *command])
    _unshared(root.script() + "\n".join(lines) + f"\nexec {change}\n")


def copy_in(root: Root, source: Path) -> None:
    """Copy what is in the folder `source` over the root. Folders that are there keep their owner and mode."""
    _unshared(root.script() + _copying(str(source), str(root.mounted)))


def copy_between(root: Root, origin: Root, source: str, target: str) -> None:
    """Copy a folder of another stage, whose root is mounted beside, into the folder `target`."""
    made = f"mkdir -p {shlex.quote(f'{root.mounted}{target}')}\n"
    copying = _copying(f"{origin.mounted}{source}", f"{root.mounted}{target}")
    _unshared(origin.script() + root.script() + made + copying)


def _copying(source: str, target: str) -> str:
    return (
        f"tar --numeric-owner -C {shlex.quote(source)} -cf - . "
        f"| tar --numeric-owner --keep-directory-symlink --no-overwrite-dir -C {shlex.quote(target)} -xpf -\n"
    )


def _unshared(script: str) -> None:
    command = [
        "unshare",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--propagation",
        "private",
        "sh",
        "-euc",
        script,
    ]
    if code := subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=STDERR).returncode:
        raise StepError(f"exit code {code}")
