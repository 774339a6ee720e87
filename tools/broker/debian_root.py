"""RabbitMQ of Debian 13 beside an older one: a root file system of its own, and programs that run in it.

`python -m tools.broker.debian_root` makes it once and prints the folder of the programs, for
`GATEWAY_TEST_RABBITMQ_SERVER`. Linux, root and mmdebstrap are needed; the root takes 270 MB below .cache.
"""

import fcntl
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from tools.image.base import Base

FOLDER: Final = Path(__file__).resolve().parents[2] / ".cache" / "rabbitmq-debian13"
PROGRAMS: Final = ("rabbitmq-server", "rabbitmqctl", "rabbitmq-queues", "rabbitmq-upgrade", "rabbitmq-plugins")
_INSIDE: Final = "/usr/lib/rabbitmq/bin"
# The program takes this shell's place, so that it has the process id that its parent knows. The topmost folders of
# HOME, where the node writes, and of the working folder are mounted at the same place; the mounts end with it.
_PROGRAM: Final = r"""#!/bin/sh
exec unshare --mount --propagation private sh -euc '
root=$0 name=$1; shift
home=${HOME#/} here=${PWD#/}
for each in /proc /dev /tmp "/${home%%/*}" "/${here%%/*}"; do
    [ -d "$root$each" ] || mkdir -p "$root$each"
    mount --rbind "$each" "$root$each"
done
for each in /etc/hosts /etc/resolv.conf; do
    [ ! -e "$each" ] || mount --bind "$each" "$root$each"
done
exec chroot "$root" sh -c "cd \"\$0\" && exec \"\$@\"" "$PWD" INSIDE/"$name" "$@"
' ROOT NAME "$@"
"""


class RootMissing(Exception):  # noqa: N818 -- a name that states the fact
    """The root cannot be made here; the text is one sentence that says why."""


def why_not(path: str | None = None) -> str:
    """Why no root can be made on this machine; empty when one can. Programs are looked for in `path`, or as usual."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "RabbitMQ 4 runs in a root of its own, for which Linux and root are needed"
    lacking = [name for name in ("mmdebstrap", "unshare", "chroot") if shutil.which(name, path=path) is None]
    return f"RabbitMQ 4 runs in a root of its own: install {', '.join(lacking)}" if lacking else ""


def ensure_root(folder: Path = FOLDER, *, path: str | None = None) -> Path:
    """The folder of the programs, which run in the root; it is made when it is not there, in a minute or two.

    It is called as RabbitMQ's own folder, with the version (`data_version.py`). One process makes the root while others
    wait. Raises RootMissing.
    """
    root = folder / "root"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            if reason := why_not(path):
                raise RootMissing(f"{reason}.")
            _make(root)
        programs = folder / _version_folder(root)
        if not (programs / PROGRAMS[-1]).exists():
            _write_programs(programs, root)
    return programs


def _version_folder(root: Path) -> str:
    """The name of the folder of RabbitMQ in the root, such as `rabbitmq_server-4.0.5`. Raises RootMissing."""
    found = sorted((root / "usr/lib/rabbitmq/lib").glob("rabbitmq_server-*"))
    if not found:
        raise RootMissing(f"There is no RabbitMQ in {root}: remove it.")
    return found[-1].name


def _make(root: Path) -> None:
    half = root.with_name("half")
    for old in (root, half):
        shutil.rmtree(old, ignore_errors=True)
    try:
        Base(("rabbitmq-server",), ()).make(half)
    except (RuntimeError, subprocess.CalledProcessError) as error:
        raise RootMissing(f"The root with RabbitMQ 4 could not be made: {error}.") from error
    for name in ("hosts", "resolv.conf"):
        (half / "etc" / name).touch()
    half.rename(root)


def _write_programs(programs: Path, root: Path) -> None:
    programs.mkdir(exist_ok=True)
    for name in PROGRAMS:
        text = _PROGRAM.replace("INSIDE", _INSIDE).replace("ROOT", shlex.quote(str(root))).replace("NAME", name)
        (programs / name).write_text(text, "utf-8")
        (programs / name).chmod(0o755)


if __name__ == "__main__":
    try:
        print(ensure_root())
    except RootMissing as problem:
        sys.exit(str(problem))
