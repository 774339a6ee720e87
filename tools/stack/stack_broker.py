"""The broker of a stack: the step that declares what the services share, and its restart."""

import sys
from dataclasses import dataclass

from libs.chassis.amqp.declare_step import POLICY_MISSING, DeclareFailed, declare_everything
from tools.broker import BrokerNode
from tools.broker.rights import DECLARER
from tools.stack.processes import StartFailed

DECLARE_WAIT = 5.0
"""Seconds that a broker which somebody else runs may take to be reached."""


async def declare(url: str, management_url: str | None) -> None:
    """Declare what the services share, as the user in `url`. Raises StartFailed."""
    try:
        declared = await declare_everything(url, management_url=management_url, wait=DECLARE_WAIT)
    except DeclareFailed as error:
        raise StartFailed(str(error)) from error
    if not declared.dead_letters_survive:
        print(POLICY_MISSING, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class StackBroker:
    """The stack's own broker, as one of the things that run until the stack is stopped."""

    node: BrokerNode
    management_url: str | None
    name: str = "broker"

    @property
    def running(self) -> bool:
        """True while its process runs."""
        return self.node.running

    @property
    def exit_code(self) -> int | None:
        """The exit code; None while it runs."""
        return self.node.exit_code

    async def restart(self) -> None:
        """Start it again on the same port and data, with its users. Raises BrokerFailed or StartFailed."""
        await self.node.restart()
        users = await self.node.add_users()  # a node that was killed at once may have lost them
        await declare(users[DECLARER], self.management_url)

    def tail(self, lines: int) -> str:
        """The last lines of its log."""
        return self.node.tail(lines)
