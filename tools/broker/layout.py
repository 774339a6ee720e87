"""A node's files, ports and environment: everything is in its data directory, independent of other settings."""

import os
import random
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tools.broker.account import Account, account_in, write_private
from tools.broker.site import LOOPBACK, Site

# Below the range of ports for outgoing connections (from 32768 on Linux, from 49152 elsewhere), so that no connection
# takes the port of a node that is down.
_LOWEST_PORT, _HIGHEST_PORT = 20_000, 32_000
SHARED_MACHINE = "+sbwt none +sbwtdcpu none +sbwtdio none"
"""Schedulers sleep instead of spinning: RabbitMQ's runtime tuning guide, for machines that a node shares."""
THOUSANDS_OF_QUEUES = "-rabbit quorum_tick_interval 60000 file_handles_high_watermark 1000000"
"""Queues report their statistics (`rabbitmqctl list_queues`) once a minute instead of every 5 s. RabbitMQ 3 sets three
file handles aside for each quorum queue, which it does not open; after `ulimit -n` of them it accepts nobody."""
ADVANCED = Path(__file__).resolve().parents[2] / "deploy" / "rabbitmq" / "advanced.config"
"""The options of the broker's sockets, for Linux, as in production."""
_FOREIGN = ("RABBITMQ_", "ERL_", "CONF_ENV_FILE", "NOTIFY_SOCKET", "XDG_CONFIG_HOME")


@dataclass(frozen=True, slots=True)
class Ports:
    """The loopback ports of a node."""

    amqp: int
    distribution: int
    epmd: int
    metrics: int

    @classmethod
    def free(cls, amqp: int | None = None) -> Self:
        """Ports on which no server listens; a given `amqp` port is used as it is."""
        taken = {amqp} if amqp is not None else set()
        while len(taken) < len(cls.__slots__):
            candidate = random.randint(_LOWEST_PORT, _HIGHEST_PORT)  # noqa: S311 -- not a secret
            if is_free(candidate):
                taken.add(candidate)
        others = sorted(taken - {amqp})
        return cls(amqp or others.pop(), *others)


def is_free(port: int) -> bool:
    """True when a server can listen on this loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@dataclass(frozen=True, slots=True)
class Layout:
    """A data directory with its ports and its one user."""

    folder: Path
    ports: Ports
    user: str
    password: str = field(repr=False)
    many_queues: bool = False
    metrics: bool = False
    addresses: tuple[str, ...] = ()
    """Addresses of this machine on which it listens too, on the same port; none: 127.0.0.1 alone."""
    site: Site = field(default_factory=Site)
    reconciliation: bool = False
    """True when a cluster's queues get the members that they lack by themselves, as RabbitMQ 4 can."""

    @classmethod
    def prepare(
        cls,
        folder: Path,
        port: int | None,
        *,
        many_queues: bool = False,
        metrics: bool = False,
        addresses: tuple[str, ...] = (),
    ) -> Self:
        """Create or reuse a data directory; its user is created once."""
        account = account_in(folder)
        ports = Ports.free(port)
        layout = cls(folder.resolve(), ports, account.user, account.password, many_queues, metrics, addresses)
        layout._write_config(account.cookie)
        return layout

    @classmethod
    def of_member(cls, folder: Path, site: Site, ports: Ports, account: Account, *, reconciliation: bool) -> Self:
        """Create or reuse the data directory of a node of a cluster, whose nodes have one account."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        layout = cls(folder.resolve(), ports, account.user, account.password, site=site, reconciliation=reconciliation)
        layout._write_config(account.cookie)
        return layout

    @property
    def url(self) -> str:
        """The AMQP URL with the node's user and password."""
        return f"amqp://{self.user}:{self.password}@{self.address}/"

    @property
    def address(self) -> str:
        """Where it accepts AMQP: address and port."""
        return f"{self.site.clients}:{self.ports.amqp}"

    @property
    def _erlang(self) -> str:
        return f"{SHARED_MACHINE} {THOUSANDS_OF_QUEUES}" if self.many_queues else SHARED_MACHINE

    @property
    def log(self) -> Path:
        """The node's log file."""
        return self.folder / "log" / "rabbit.log"

    @property
    def output(self) -> Path:
        """The file with the process' standard output and error."""
        return self.folder / "log" / "output.log"

    def environ(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """The environment of the server, rabbitmqctl and epmd, without settings of another RabbitMQ."""
        kept = {name: value for name, value in inherited.items() if not name.startswith(_FOREIGN)}
        site = self.site.environ
        names = {
            "CONF_ENV_FILE": "no-environment.conf",
            "CONFIG_FILE": "rabbitmq.conf",
            "CONFIG_FILES": "no-conf.d",
            "ADVANCED_CONFIG_FILE": "advanced.config",
            "ENABLED_PLUGINS_FILE": "enabled_plugins",
            "MNESIA_BASE": "data",
            "MNESIA_DIR": "data/node",
            "QUORUM_DIR": "data/quorum",
            "FEATURE_FLAGS_FILE": "data/feature_flags",
            "GENERATED_CONFIG_DIR": "generated",
            "SCHEMA_DIR": "generated",
            "PID_FILE": "rabbit.pid",
            "LOG_BASE": "log",
        }
        return kept | {
            "HOME": str(self.folder),
            "PATH": kept.get("PATH", os.defpath) + ":/usr/bin:/opt/homebrew/bin:/usr/local/bin",
            "ERL_EPMD_PORT": str(self.ports.epmd),
            "ERL_CRASH_DUMP_SECONDS": "0",  # no memory dump; the log has the reason
            "RABBITMQ_LOGS": str(self.log),
            "RABBITMQ_DIST_PORT": str(self.ports.distribution),
            "RABBITMQ_CTL_DIST_PORT_MIN": "0",  # any free port for rabbitmqctl
            "RABBITMQ_CTL_DIST_PORT_MAX": "0",
            "RABBITMQ_ALLOW_INPUT": "1",  # the script replaces itself with the node: one process, one pid
            **site,
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{site['RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS']} {self._erlang}",
            **{f"RABBITMQ_{name}": str(self.folder / path) for name, path in names.items()},
        }

    def _write_config(self, cookie: str) -> None:
        (self.folder / "log").mkdir(exist_ok=True)
        write_private(self.folder / ".erlang.cookie", cookie)
        write_private(
            self.folder / "advanced.config", ADVANCED.read_text("utf-8") if sys.platform == "linux" else "[].\n"
        )
        write_private(self.folder / "enabled_plugins", "[rabbitmq_prometheus].\n" if self.metrics else "[].\n")
        settings = {
            **{
                f"listeners.tcp.{number}": f"{address}:{self.ports.amqp}"
                for number, address in enumerate(dict.fromkeys((LOOPBACK, self.site.clients, *self.addresses)))
            },
            "default_user": self.user,
            "default_pass": self.password,
            "log.console": "false",
            "log.file.level": "info",
            "log.connection.level": "error",
            # The default of 512 MB suits a dedicated machine.
            "raft.wal_max_size_bytes": "67108864",
            **dict(self.site.settings(reconciliation=self.reconciliation)),
        }
        if self.metrics:
            settings |= {
                "prometheus.tcp.ip": "127.0.0.1",
                "prometheus.tcp.port": str(self.ports.metrics),
            }
        text = "".join(f"{name} = {value}\n" for name, value in settings.items())
        write_private(self.folder / "rabbitmq.conf", text)
