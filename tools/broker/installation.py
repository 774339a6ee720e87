"""Finds RabbitMQ's server, or installs the distribution's package without letting it start its service."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

SERVER_FOLDERS = (
    "/usr/lib/rabbitmq/bin",  # Debian, Fedora: beside the wrapper in /usr/sbin, which would change the user
    "/opt/rabbitmq/sbin",
    "/opt/homebrew/opt/rabbitmq/sbin",
    "/usr/local/opt/rabbitmq/sbin",
)

# A package script runs policy-rc.d before it starts a service; exit code 101 forbids it (Debian policy,
# invoke-rc.d(8)). A lock allows one installation at a time. An existing policy is restored, also after an interruption.
_INSTALL = """
set -eu
exec 9</var/lib/dpkg
flock 9
[ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] && exit 0
policy=/usr/sbin/policy-rc.d
kept="$policy.before-gateway"
exists() { [ -e "$1" ] || [ -L "$1" ]; }
restore_policy() { rm -f "$policy"; if exists "$kept"; then mv "$kept" "$policy"; fi; }
if exists "$policy" && ! exists "$kept"; then mv "$policy" "$kept"; fi
trap restore_policy EXIT
trap 'exit 1' HUP INT TERM
printf '#!/bin/sh\\nexit 101\\n' >"$policy"
chmod 755 "$policy"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q || true  # an unreachable archive may not matter; the next command fails if it does
apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=120 rabbitmq-server
if command -v systemctl >/dev/null; then
    systemctl disable --quiet rabbitmq-server.service epmd.service epmd.socket >/dev/null 2>&1 || true
fi
"""


HINT = Path(__file__).parents[1] / "install-hint"
SERVER_VARIABLE = "GATEWAY_TEST_RABBITMQ_SERVER"
"""Names the `rabbitmq-server` that tests run on, such as one of another version; or its folder."""


class BrokerMissing(Exception):  # noqa: N818 -- a name that states the fact
    """RabbitMQ's server is missing and cannot be installed; the text names the command to run."""


def server_folder(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The folder with `rabbitmq-server` and `rabbitmqctl` as RabbitMQ ships them; None when not found.

    The one that `GATEWAY_TEST_RABBITMQ_SERVER` names comes first. Raises BrokerMissing when there is none at it.
    """
    if given := environ.get(SERVER_VARIABLE):
        return _folder_of(Path(given))
    folders = (Path(folder) for folder in SERVER_FOLDERS)
    return next((folder for folder in folders if os.access(folder / "rabbitmq-server", os.X_OK)), None)


def _folder_of(given: Path) -> Path:
    folder = (given if given.is_dir() else given.parent).resolve()
    if not os.access(folder / "rabbitmq-server", os.X_OK):
        raise BrokerMissing(f"{SERVER_VARIABLE} names no rabbitmq-server that can be run.")
    return folder


def ensure_installed() -> Path:
    """Return the folder of RabbitMQ's programs; install the distribution's package when it is missing.

    The package's service is left stopped and disabled. Raises BrokerMissing when the package cannot be installed.
    """
    folder = server_folder()
    if folder is not None:
        return folder
    as_root = _as_root()
    print("RabbitMQ's server is missing; installing the package rabbitmq-server …", file=sys.stderr, flush=True)
    done = subprocess.run(
        [*as_root, "sh", "-c", _INSTALL],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    folder = server_folder()
    if done.returncode or folder is None:
        tail = "\n".join(done.stdout.splitlines()[-12:])
        raise BrokerMissing(f"installing rabbitmq-server failed (exit {done.returncode}):\n{tail}")
    return folder


def _as_root() -> list[str]:
    if shutil.which("apt-get") is None:
        raise BrokerMissing(
            "RabbitMQ's server is missing and this machine has no apt-get: install RabbitMQ 3.10 or newer with the "
            "system's own package manager (dnf install rabbitmq-server, brew install rabbitmq), or set "
            "GATEWAY_AMQP_URL to a broker that runs elsewhere."
        )
    if os.geteuid() == 0:
        return []
    sudo = ["sudo", "-n"]
    if shutil.which("sudo") and subprocess.run([*sudo, "true"], capture_output=True, check=False).returncode == 0:
        return sudo
    hint = subprocess.run([HINT, "rabbitmq-server"], capture_output=True, text=True, check=True).stdout
    raise BrokerMissing(
        f"RabbitMQ's server is missing and installing it requires root. {hint}\nOr set GATEWAY_AMQP_URL to a broker "
        "that runs elsewhere."
    )
