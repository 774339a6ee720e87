"""A stack: the processes of one gateway with their settings, ports and secrets, started and stopped together."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tools.broker import BrokerNode
from tools.broker.rights import DECLARER
from tools.run_folder import CONSOLE, INGRESS, SIMULATOR, kept_port, read_addresses, write_addresses
from tools.stack.checks import ANY_BROKER, require_valid
from tools.stack.given_store import given_server, own_database
from tools.stack.ports import DOCUMENTED, free_port, is_free, port_for
from tools.stack.private_files import keep_private
from tools.stack.processes import ServiceProcess
from tools.stack.secrets import event_keys_in, secrets_in
from tools.stack.stack_broker import StackBroker, declare
from tools.stack.stack_store import migrate
from tools.stack.stored_data import stored_data

SERVICES = ("audit", "policy", "sender", "ingress", "console")


@dataclass(frozen=True, slots=True, kw_only=True)
class StackPlan:
    """What to run. Every process gets `environ`; its `GATEWAY_*` settings override those of the stack."""

    data_dir: Path
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    replicas: Mapping[str, int] = field(default_factory=dict)
    documented_ports: bool = False
    """Take the documented ports, and keep those that this takes instead for the next run (`tools.run_folder`)."""
    simulator_arguments: tuple[str, ...] = ()
    amqp_url: str | None = field(default=None, repr=False)
    """A running broker. Default: the one in GATEWAY_AMQP_URL, else the stack starts its own."""
    amqp_urls: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The URLs of that broker's users by service, and of `declare`; who is missing uses `amqp_url`."""
    store_server: str | None = field(default_factory=given_server, repr=False)
    """A server for a database of the stack's own (`tools.stack.given_store`); GATEWAY_STORE_URL comes before it."""


def sqlite_store(data_dir: Path) -> str:
    """The URL of the store's files in a data directory."""
    return f"sqlite:///{(data_dir / 'gateway.db').resolve()}"


def _kept_ports(plan: StackPlan) -> dict[str, int]:
    if not plan.documented_ports:
        return {}
    written = read_addresses(plan.data_dir)
    kept = {name: kept_port(written, name) for name in (*DOCUMENTED, SIMULATOR)}
    return {name: port for name, port in kept.items() if port is not None}


class Stack:
    """The running processes. Use `async with Stack(plan) as stack:`."""

    def __init__(self, plan: StackPlan) -> None:
        self.plan = plan
        self.broker: BrokerNode | None = None
        self.simulator: ServiceProcess | None = None
        self.services: dict[str, list[ServiceProcess]] = {}
        self.secrets, self.new_secrets = secrets_in(plan.data_dir, plan.environ)
        self.event_keys = event_keys_in(plan.data_dir)
        self.kept_ports = _kept_ports(plan)
        self.ingress_urls: list[str] = []
        self.media_urls: list[str] = []
        """Where each sender serves the links to customers' files."""
        self.console_url = ""
        self.whatsapp_url = ""
        self.settings: dict[str, str] = {}
        self.amqp_urls: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def ingress_url(self) -> str:
        """URL of the first ingress replica."""
        return self.ingress_urls[0]

    @property
    def admin_token(self) -> str:
        """The first admin's token of the operators' API."""
        return self.secrets["GATEWAY_ADMIN_TOKEN"]

    @property
    def processes(self) -> list[ServiceProcess]:
        """Every process except the broker."""
        services = [process for group in self.services.values() for process in group]
        return [*services, self.simulator] if self.simulator else services

    @property
    def supervised(self) -> list[ServiceProcess | StackBroker]:
        """Everything that runs until the stack is stopped."""
        own = [] if self.broker is None else [StackBroker(self.broker, self._management_url)]
        return [*own, *self.processes]

    def check(self) -> None:
        """Raise InvalidSettings unless the stack can start with its settings. Starts nothing."""
        settings = self._settings_with(self._given_broker or ANY_BROKER)
        require_valid(self.plan.environ, {service: settings | self._own_keys(service) for service in SERVICES})

    async def start(self) -> None:
        """Start all processes at once and wait until all of them are ready."""
        self.plan.data_dir.mkdir(parents=True, exist_ok=True)
        keep_private(self.plan.data_dir)
        self.settings = await self._settings()
        for service in SERVICES:
            count = self.plan.replicas.get(service, 1)
            replicas = [self._service(service, index) for index in range(max(count, 1))]
            self.services[service] = replicas[:count]  # with 0, its ports stay reserved for a process that you start
        self._add_simulator()
        for process in self.processes:
            process.start()
        await asyncio.gather(*(process.wait_until_ready() for process in self.processes))

    async def _settings(self) -> dict[str, str]:
        amqp_url = self._given_broker
        self.amqp_urls = dict(self.plan.amqp_urls)
        if amqp_url is None:
            self.broker = await BrokerNode.start(self.plan.data_dir / "broker")
            amqp_url = self.broker.url
            self.amqp_urls = await self.broker.add_users()
        await declare(self.amqp_urls.get(DECLARER, amqp_url), self._management_url)
        settings = self._settings_with(amqp_url)
        await migrate(settings["GATEWAY_STORE_URL"])
        self.whatsapp_url = settings["GATEWAY_WHATSAPP_API_URL"]
        self._first_ports: dict[str, int] = {}
        port = self._port("GATEWAY_PORT", 0)
        settings.setdefault("GATEWAY_PUBLIC_URL", f"http://127.0.0.1:{port}")
        self.console_url = f"http://127.0.0.1:{self._port('GATEWAY_CONSOLE_PORT', 0)}"
        settings.setdefault("GATEWAY_MEDIA_URL", f"http://127.0.0.1:{self._port('GATEWAY_MEDIA_PORT', 0)}")
        return settings

    @property
    def _given_broker(self) -> str | None:
        return self.plan.amqp_url or self.plan.environ.get("GATEWAY_AMQP_URL")

    @property
    def _management_url(self) -> str | None:
        return self.plan.environ.get("GATEWAY_AMQP_MANAGEMENT_URL")

    def _settings_with(self, amqp_url: str) -> dict[str, str]:
        """What every service gets: the settings of the plan, and of the stack those that the plan leaves open."""
        environ = dict(self.plan.environ)
        own = {
            "GATEWAY_STORE_URL": self._own_store,
            "GATEWAY_DATA_DIR": str(self.plan.data_dir.resolve()),
            "GATEWAY_CHECKPOINT_SINK": f"file:{(self.plan.data_dir / 'checkpoints.jsonl').resolve()}",
            "GATEWAY_SIGNER_MEMORY": str((self.plan.data_dir / "signer-memory").resolve()),
            "GATEWAY_ALLOW_PRIVATE_FORWARD": "true",
            "GATEWAY_SECOND_PERSON": "false",
            "GATEWAY_METRICS_HOST": "127.0.0.1",
            "GATEWAY_HOST": "127.0.0.1",
            "GATEWAY_CONSOLE_HOST": "127.0.0.1",
            "GATEWAY_MEDIA_HOST": "127.0.0.1",
            "GATEWAY_MEDIA_DOWNLOAD_HOSTS": "127.0.0.1,lookaside.fbsbx.com,*.fbcdn.net,*.facebook.com",
        }
        if "GATEWAY_WHATSAPP_API_URL" not in environ:
            kept = self.kept_ports.get(SIMULATOR, 0)
            own["GATEWAY_WHATSAPP_API_URL"] = f"http://127.0.0.1:{kept if kept and is_free(kept) else free_port()}"
        return own | environ | self.secrets | {"GATEWAY_AMQP_URL": amqp_url}

    @property
    def _own_store(self) -> str:
        """The store's URL where the plan names none."""
        if self.plan.store_server is None:
            return sqlite_store(self.plan.data_dir)
        return own_database(self.plan.store_server, self.plan.data_dir)

    def _port(self, name: str, index: int) -> int:
        """The port of a replica: the first one gets the configured or documented port, the others a free one."""
        if index:
            return free_port()
        if name not in self._first_ports:
            self._first_ports[name] = port_for(
                name, self.plan.environ, documented=self.plan.documented_ports, kept=self.kept_ports
            )
        return self._first_ports[name]

    def _service(self, service: str, index: int) -> ServiceProcess:
        metrics_name = f"GATEWAY_{service.upper()}_METRICS_PORT"
        metrics_port = self._port(metrics_name, index)
        environ = self.settings | {metrics_name: str(metrics_port), "GATEWAY_REPLICA": f"{service}-{index + 1}"}
        environ |= self._own_keys(service)
        environ["GATEWAY_AMQP_URL"] = self.amqp_urls.get(service, environ["GATEWAY_AMQP_URL"])
        if service == "ingress":
            port = self._port("GATEWAY_PORT", index)
            environ["GATEWAY_PORT"] = str(port)
            self.ingress_urls.append(f"http://127.0.0.1:{port}")
        if service == "sender":
            environ["GATEWAY_MEDIA_PORT"] = str(self._port("GATEWAY_MEDIA_PORT", index))
            self.media_urls.append(f"http://127.0.0.1:{environ['GATEWAY_MEDIA_PORT']}")
        if service == "console":
            environ["GATEWAY_CONSOLE_PORT"] = self.console_url.rsplit(":", 1)[1]
        return ServiceProcess(
            f"{service}-{index + 1}",
            f"services.{service}",
            environ=environ,
            log=self.plan.data_dir / "logs" / f"{service}-{index + 1}.log",
            ready_url=f"http://127.0.0.1:{metrics_port}/readyz",
        )

    def _own_keys(self, service: str) -> dict[str, str]:
        """The keys of events, which are other ones for each service."""
        return {"GATEWAY_EVENT_KEYS": self.event_keys[service]}

    def _add_simulator(self) -> None:
        if "GATEWAY_WHATSAPP_API_URL" in self.plan.environ:
            return
        webhook = f"{self.ingress_url}/integrations/whatsapp/webhook"
        port = self.whatsapp_url.rsplit(":", 1)[1]
        self.simulator = ServiceProcess(
            "simulator",
            "tools.simulator",
            environ={name: value for name, value in self.settings.items() if name != "GATEWAY_AMQP_URL"},
            log=self.plan.data_dir / "logs" / "simulator.log",
            ready_url=f"{self.whatsapp_url}/_control/stats",
            arguments=("--port", port, "--webhook-url", webhook, *self.plan.simulator_arguments),
        )

    @property
    def moved_ports(self) -> dict[str, int]:
        """The documented ports that something else has, by setting, with the port that is taken instead."""
        return {
            name: port
            for name, port in self._first_ports.items()
            if name not in self.plan.environ and port != DOCUMENTED[name]
        }

    def write_addresses(self) -> None:
        """Tell the command line and the shell where the gateway answers, and the next run which ports to take."""
        urls = {INGRESS: self.ingress_url, CONSOLE: self.console_url}
        urls |= {SIMULATOR: self.whatsapp_url} if self.simulator else {}
        write_addresses(self.plan.data_dir, urls, self._first_ports)

    def kill(self) -> None:
        """Send SIGKILL to everything, for an operator who does not want to wait; call `stop` afterwards."""
        for process in self.processes:
            process.kill()
        if self.broker is not None:
            self.broker.kill()

    async def stop(self) -> None:
        """Stop the services in reverse order of their start, then the simulator, then the broker.

        Without a broker nothing is on its way from one service to the next, so they stop together.
        """
        steps = [(service,) for service in reversed(SERVICES)]
        for services in [SERVICES] if self.broker and not self.broker.running else steps:
            group = [process for service in services for process in self.services.get(service, [])]
            await asyncio.gather(*(process.stop() for process in group))
        if self.simulator is not None:
            await self.simulator.stop()
        if self.broker is not None:
            with contextlib.suppress(ProcessLookupError):
                await self.broker.stop()
        if self.plan.store_server is not None and self.settings.get("GATEWAY_STORE_URL") == self._own_store:
            await asyncio.to_thread(stored_data(self._own_store).remove)
