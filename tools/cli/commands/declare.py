"""`gateway declare`: makes the broker what the services need. It talks to RabbitMQ, not to the console."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Annotated

from cyclopts import Parameter
from pydantic import Field, SecretStr

from libs.chassis.amqp.declare_step import POLICY_MISSING, WAIT_SECONDS, Declared, DeclareFailed, declare_everything
from libs.chassis.settings import Settings, SettingsError
from libs.chassis.topology import whole_topology
from tools.cli.commands.session import CurrentSession
from tools.cli.console_client import CommandFailed, ExitCode
from tools.cli.output import Output, terminal


class DeclareSettings(Settings):
    """The settings of `gateway declare`."""

    amqp_url: SecretStr = Field(description="URL of RabbitMQ with the user `declare`.")
    amqp_management_url: SecretStr | None = Field(
        default=None,
        description="URL of RabbitMQ's management API, as `http://host:15672`, through which the delivery limit of "
        "dead-letter queues is set; the user is that of `GATEWAY_AMQP_URL` unless the URL names one. Not needed when "
        "the broker imports `deploy/rabbitmq/definitions.json`.",
    )


def command_from(environ: Mapping[str, str]) -> Callable[..., None]:
    """The command, with the broker's URL from `environ`."""

    def declare(
        *,
        wait: Annotated[float, Parameter(help="Seconds to wait for a broker that cannot be reached.")] = WAIT_SECONDS,
        session: CurrentSession,
    ) -> None:
        """Declare RabbitMQ's exchanges and queues, set its policy, and remove empty queues of earlier releases.

        Run it before the services start, and once more when the last replica of an earlier release has stopped. Safe
        to repeat. Needs GATEWAY_AMQP_URL with the user `declare`.
        """
        _show(_declared(environ, wait), session.output)

    return declare


def _declared(environ: Mapping[str, str], wait: float) -> Declared:
    try:
        settings = DeclareSettings.from_environ(environ)
    except SettingsError as error:
        raise CommandFailed(str(error), ExitCode.USAGE) from error
    management_url = settings.amqp_management_url
    logging.getLogger("aio_pika").setLevel(logging.CRITICAL)  # the one sentence says it
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)
    try:
        return asyncio.run(
            declare_everything(
                settings.amqp_url.get_secret_value(),
                management_url=None if management_url is None else management_url.get_secret_value(),
                wait=wait,
            )
        )
    except DeclareFailed as failed:
        raise CommandFailed(str(failed), ExitCode.UNREACHABLE if failed.unreachable else ExitCode.REFUSED) from failed


def _show(declared: Declared, output: Output) -> None:
    topology = whole_topology()
    output.item(
        {
            "exchanges": len(topology.exchanges),
            "queues": len(topology.queues),
            "dead_letters_survive": declared.dead_letters_survive,
            "removed": list(declared.removed),
            "left_for_the_next_run": list(declared.left),
        }
    )
    if not declared.dead_letters_survive:
        terminal(stderr=True).print(f"Warning: {POLICY_MISSING}")
