"""`declare_everything`: the step before the services start, which makes the broker what they need. Safe to repeat.

Each service may declare its own objects only; what they share, and the queues of services that have not started yet,
is declared here.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from aio_pika.abc import AbstractRobustConnection
from aio_pika.exceptions import AMQPError, AuthenticationError, ChannelPreconditionFailed, ProbableAuthenticationError
from aiormq.exceptions import ChannelAccessRefused
from yarl import URL

from libs.chassis.amqp.connections import CONNECT_PAUSES, close_quietly, connection_to, plain_channel
from libs.chassis.amqp.declarations import DECLARE_TIMEOUT, declare_on_new_channel, exist
from libs.chassis.amqp.delivery_limit import survives_deliveries
from libs.chassis.amqp.faults import FAULTS
from libs.chassis.amqp.former_queues import remove_former_wait_queues
from libs.chassis.amqp.management import PolicyRefused, set_dead_letter_policy
from libs.chassis.backoff import backoff
from libs.chassis.settlement import RETRY_DELAYS, RetryDelays
from libs.chassis.topology import POLICY_MARKER, REPLAY_EXCHANGE, Topology, whole_topology
from libs.contracts.connection_urls import amqp_node_urls

T = TypeVar("T")
NAME = "declare"
"""The name of its connection."""
WAIT_SECONDS = 60.0
"""How long the step waits for a broker that cannot be reached."""
POLICY_MISSING = (
    "RabbitMQ drops a dead letter after some lost connections: set GATEWAY_AMQP_MANAGEMENT_URL, so that `gateway "
    "declare` can set a policy."
)
REFUSALS = (AuthenticationError, ProbableAuthenticationError)


class DeclareFailed(Exception):  # noqa: N818 -- a name that states the fact
    """The step could not be done; the text is one sentence, without credentials."""

    def __init__(self, text: str, *, unreachable: bool = False) -> None:
        super().__init__(text)
        self.unreachable = unreachable


@dataclass(frozen=True, slots=True)
class Declared:
    """What the step did and found."""

    dead_letters_survive: bool
    """False when the broker drops a dead letter after some deliveries: the policy is missing."""
    removed: tuple[str, ...] = ()
    """Wait queues of earlier releases that were removed."""
    left: tuple[str, ...] = ()
    """Wait queues of earlier releases that stay until the next run: not empty, or this is the first run."""


async def declare_everything(
    url: str, *, management_url: str | None = None, delays: RetryDelays = RETRY_DELAYS, wait: float = WAIT_SECONDS
) -> Declared:
    """Declare all exchanges, queues and bindings, set the policy of dead letters, remove old queues that are empty.

    The policy is set through the management API at `management_url`; without it, it has to be there already. Repeats
    the step for up to `wait` seconds while the broker cannot be reached, is lost or is silent. Raises DeclareFailed.
    """
    deadline = asyncio.get_running_loop().time() + wait
    pauses = backoff(*CONNECT_PAUSES)
    while True:
        try:
            return await _declare_once(url, management_url, delays, deadline)
        except DeclareFailed as failure:
            pause = next(pauses)
            if not failure.unreachable or asyncio.get_running_loop().time() + pause > deadline:
                raise
        await asyncio.sleep(pause)


async def _declare_once(url: str, management_url: str | None, delays: RetryDelays, deadline: float) -> Declared:
    async with _connected(url, deadline) as connection:
        try:
            if management_url is not None:
                await _set_policy(management_url, url, deadline)
            repeated = await exist(connection, (REPLAY_EXCHANGE,))  # earlier releases have no such exchange
            await declare_on_new_channel(connection, whole_topology(delays))
            survive = await survives_deliveries(connection)
            await _leave_sign(connection, wanted=survive)
            removed, left = await remove_former_wait_queues(connection, delays, removing=repeated)
        except ChannelPreconditionFailed as error:
            raise DeclareFailed(f"A queue or exchange exists with other arguments: {error}.") from error
        except ChannelAccessRefused as error:
            raise DeclareFailed(f"RabbitMQ refused a declaration: {error}.") from error
        except FAULTS as error:
            raise DeclareFailed(f"RabbitMQ was lost ({type(error).__name__}).", unreachable=True) from error
    return Declared(survive, removed, left)


@asynccontextmanager
async def _connected(url: str, deadline: float) -> AsyncGenerator[AbstractRobustConnection, None]:
    try:
        connection = await _retry_until(deadline, partial(connection_to, url, NAME), f"RabbitMQ at {address_of(url)}")
    except REFUSALS as error:
        raise DeclareFailed("RabbitMQ refused the user or the password of GATEWAY_AMQP_URL.") from error
    try:
        yield connection
    finally:
        await close_quietly(connection)


async def _set_policy(management_url: str, url: str, deadline: float) -> None:
    step = partial(set_dead_letter_policy, management_url, url)
    try:
        await _retry_until(deadline, step, f"RabbitMQ's management API at {address_of(management_url)}")
    except PolicyRefused as error:
        raise DeclareFailed(str(error)) from error


async def _retry_until(deadline: float, step: Callable[[], Awaitable[T]], name: str) -> T:
    """Retry `step` while what it calls cannot be reached. Raises DeclareFailed after the deadline, and the refusals."""
    pauses = backoff(*CONNECT_PAUSES)
    while True:
        try:
            return await step()
        except (*REFUSALS, PolicyRefused):
            raise
        except (AMQPError, OSError) as error:
            pause = next(pauses)
            if asyncio.get_running_loop().time() + pause > deadline:
                raise DeclareFailed(f"{name} cannot be reached ({type(error).__name__}).", unreachable=True) from error
            await asyncio.sleep(pause)


def address_of(url: str) -> str:
    """Host and port of a URL, or of each node that it names, without user and password."""
    nodes = [URL(each) for each in amqp_node_urls(url)]
    return ", ".join(f"{node.host}:{node.port}" for node in nodes)


async def _leave_sign(connection: AbstractRobustConnection, *, wanted: bool) -> None:
    if wanted:
        await declare_on_new_channel(connection, Topology((POLICY_MARKER,), ()))
        return
    async with plain_channel(connection) as channel:
        await channel.exchange_delete(POLICY_MARKER, timeout=DECLARE_TIMEOUT)
