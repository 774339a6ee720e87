"""What each broker user may do: the one source of RabbitMQ's permissions, for every way to run the gateway.

The rule: a service publishes its own events, declares and reads its own queues, and never publishes to the default
exchange, which would reach any queue. docs/decisions/0024-broker-users.md says why each permission is needed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from libs.chassis.topology import (
    DEAD_LETTER_EXCHANGE,
    EXCHANGE,
    PROBE_EXCHANGE,
    REPLAY_EXCHANGE,
    RETIRED_QUEUES,
    WORK_QUEUES,
)
from libs.contracts.events import CONFIGURATION_CHANGES, SimulationAnswered, SubjectErased, WebhookAnswered
from libs.contracts.producers import PRODUCERS, RESULTS_OF_SENDER

SERVICES = tuple(PRODUCERS)
CONSOLE = "console"
SENDER = "sender"
DECLARER = "declare"
"""The user of `gateway declare`."""
PRIVATE = "private"
"""The first part of the names of exclusive queues."""
NOTHING = r"(?!)"
"""A pattern that matches nothing; RabbitMQ's own `^$` matches the empty routing key."""
WORD = r"[^.]+"
"""One word of a routing key."""

REPLICA = "{replica}"
"""Stands for a replica's name."""

PRIVATE_BINDINGS: Mapping[str, tuple[str, ...]] = {
    "ingress": (
        *CONFIGURATION_CHANGES,
        f"result.{REPLICA}.#",
        f"result.{REPLICA}.*",
    ),  # the last: replicas of releases before chats
    "policy": CONFIGURATION_CHANGES,
    "sender": CONFIGURATION_CHANGES,
    "audit": (SubjectErased.binding,),
    "console": (f"{SimulationAnswered.name}.{REPLICA}",),
}
"""What each service binds its exclusive queues to."""


@dataclass(frozen=True, slots=True)
class Rights:
    """RabbitMQ's regular expressions for one user: on names, and on routing keys of the events exchange."""

    user: str
    configure: str
    write: str
    read: str
    topic_write: str
    topic_read: str
    tags: tuple[str, ...] = ()


def rights() -> tuple[Rights, ...]:
    """The rights of every service and of the declare step."""
    return (*(_service(name) for name in SERVICES if name != CONSOLE), _console(), _declarer())


def _service(name: str) -> Rights:
    """A service with work queues. A queue can only be declared by who may write to its dead-letter exchange."""
    return Rights(
        user=name,
        configure=_own(name, PRIVATE),
        write=_any_of(_own(name, PRIVATE), _exactly(EXCHANGE, DEAD_LETTER_EXCHANGE, PROBE_EXCHANGE)),
        read=_any_of(_own(name, PRIVATE), _exactly(EXCHANGE, DEAD_LETTER_EXCHANGE, REPLAY_EXCHANGE)),
        topic_write=published_keys(name),
        topic_read=bound_keys(name),
    )


def _console() -> Rights:
    dead_letter_queues = tuple(work.dead_letter_queue for work in WORK_QUEUES)
    return Rights(
        user=CONSOLE,
        configure=_own(PRIVATE),
        write=_any_of(_own(PRIVATE), _exactly(EXCHANGE, REPLAY_EXCHANGE, PROBE_EXCHANGE)),
        read=_any_of(_own(PRIVATE), _exactly(EXCHANGE, *dead_letter_queues)),
        topic_write=published_keys(CONSOLE),
        topic_read=bound_keys(CONSOLE),
    )


def _declarer() -> Rights:
    """Declares and binds everything and sets policies; it publishes no event."""
    everything = _own("gateway", *dict.fromkeys(work.service for work in WORK_QUEUES))
    return Rights(
        user=DECLARER,
        configure=everything,
        write=everything,
        read=everything,
        topic_write=NOTHING,
        topic_read=".*",
        tags=("policymaker",),
    )


def published_keys(service: str) -> str:
    """The pattern of the routing keys with which a service publishes its events."""
    return _any_of(*(_key_pattern(event.binding, service) for event in PRODUCERS[service]))


def bound_keys(service: str) -> str:
    """The pattern of what a service binds its queues to; RabbitMQ checks the key as it is written, with `*` and `#`."""
    work_queues = (*WORK_QUEUES, *(retired for retired, _ in RETIRED_QUEUES))
    keys = [key for work in work_queues if work.service == service for key in work.bindings]
    patterns = [re.escape(key).replace(re.escape(REPLICA), WORD) for key in (*keys, *PRIVATE_BINDINGS[service])]
    return _any_of(*(f"^{pattern}$" for pattern in dict.fromkeys(patterns)))


def _key_pattern(binding: str, service: str) -> str:
    if binding == WebhookAnswered.binding:
        chat = r"(?:\.chat)?"
        codes = "" if service == SENDER else f"(?!(?:{'|'.join(RESULTS_OF_SENDER)}){chat}$)"
        return rf"^result\.{WORD}\.{codes}{WORD}{chat}$"
    return f"^{re.escape(binding)}$".replace(r"\*", WORD)


def _own(*prefixes: str) -> str:
    return rf"^(?:{'|'.join(prefixes)})\."


def _exactly(*names: str) -> str:
    return f"^(?:{'|'.join(re.escape(name) for name in names)})$"


def _any_of(*patterns: str) -> str:
    return "|".join(patterns)
