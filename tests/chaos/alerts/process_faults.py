"""Faults of processes: services killed and frozen, the broker killed, frozen and short of memory."""

import asyncio
import os
import signal

from libs.chassis.amqp.declare_step import declare_everything
from tests.chaos.alerts.fault import Act, Expected, Fault
from tests.chaos.alerts.service_levels import LATENCY, OUTAGE
from tests.chaos.alerts.world import World

SERVICES = ("ingress", "policy", "sender", "audit", "console")
CONSUMERS = ("policy", "sender", "audit")
"""Those whose queues have messages when they stand still."""
QUEUES = frozenset({"GatewayQueueUnattended", "GatewayQueueStalled", "GatewayEventsOld", "GatewayDeliveriesOld"})
DELETE_EXCHANGE = 'rabbit_exchange:delete(rabbit_misc:r(<<"/">>, exchange, <<"gateway.replay">>), false, <<"test">>).'
RECONNECTING = frozenset({"GatewayNotReady", "GatewayDependencyDown", "GatewayPublishFailures"})
BROKER = (
    Expected("GatewayBrokerDown"),
    Expected("GatewayDependencyDown", {"dependency": "broker"}),
    Expected("GatewayNotReady"),
)
NO_BROKER = (
    OUTAGE | QUEUES | {"GatewayPublishFailures", "GatewayJobFails", "GatewayTopologyMissing", "GatewayQueuesNotScraped"}
)


SLOW = tuple(Expected(alert) for alert in (*sorted(LATENCY), "GatewayPendingAnswers"))
"""What callers get while their messages wait for a service that is not there."""


def killed(service: str) -> Fault:
    """A service that was killed and is not started again."""

    async def begin(world: World) -> None:
        world.service(service).kill()

    async def mend(world: World) -> None:
        world.service(service).start()
        await world.service(service).wait_until_ready()

    more = [Expected("GatewayQueueUnattended", {"service": service})] if service in CONSUMERS else []
    return _down(service, f"{service} killed", begin, mend, *more, lasting=SLOW if service == "policy" else ())


def frozen(service: str) -> Fault:
    """A service that was stopped by SIGSTOP: its connections stay open, and it does nothing."""

    async def begin(world: World) -> None:
        os.kill(world.service(service).pid, signal.SIGSTOP)

    async def mend(world: World) -> None:
        os.kill(world.service(service).pid, signal.SIGCONT)
        await world.service(service).wait_until_ready()

    more = [Expected("GatewayQueueStalled", {"queue": "policy.webhooks"})] if service == "policy" else []
    return _down(service, f"{service} frozen (SIGSTOP)", begin, mend, *more)


def _down(service: str, name: str, begin: Act, mend: Act, *more: Expected, lasting: tuple[Expected, ...] = ()) -> Fault:
    """A service without its process; one that was frozen has to connect anew, and is not ready for these seconds."""
    return Fault(
        name=name,
        begin=begin,
        mend=mend,
        expected=(Expected("GatewayServiceDown", {"service": service}), *more),
        lasting=lasting,
        companions=OUTAGE | QUEUES | RECONNECTING | {"GatewayUnknownOutcomes", "GatewayOptOutLate"},
        severity="page",
    )


def broker_killed() -> Fault:
    """The broker's process killed; the mend starts it again."""

    async def begin(world: World) -> None:
        world.node.kill()

    async def mend(world: World) -> None:
        await world.node.restart()

    return Fault(
        name="broker killed",
        begin=begin,
        mend=mend,
        expected=BROKER,
        lasting=(Expected("GatewayPublishFailures"),),
        companions=NO_BROKER,
        severity="page",
    )


def broker_frozen() -> Fault:
    """The broker's process stopped by SIGSTOP: connections stay open, and nothing answers."""

    async def begin(world: World) -> None:
        os.kill(world.node.pid, signal.SIGSTOP)

    async def mend(world: World) -> None:
        os.kill(world.node.pid, signal.SIGCONT)

    return Fault(
        name="broker frozen (SIGSTOP)",
        begin=begin,
        mend=mend,
        expected=BROKER,
        companions=NO_BROKER,
        severity="page",
    )


def broker_alarmed() -> Fault:
    """The broker over its memory watermark: it takes no publishes."""

    async def begin(world: World) -> None:
        await world.node.rabbitmqctl("set_vm_memory_high_watermark", "0.00001")

    async def mend(world: World) -> None:
        await world.node.rabbitmqctl("set_vm_memory_high_watermark", "0.4")

    return Fault(
        name="broker out of memory (alarm)",
        begin=begin,
        mend=mend,
        expected=(Expected("GatewayBrokerBlocked"), Expected("GatewayDependencyDown", {"dependency": "broker"})),
        companions=NO_BROKER | {"GatewayNotReady"},
        severity="page",
    )


def opt_out_late() -> Fault:
    """Policy frozen for twelve seconds with a STOP on its queue; the fault is there when it goes on."""

    async def prepare(world: World) -> None:
        process, [integration, *_] = world.service("policy"), world.traffic.integrations
        os.kill(process.pid, signal.SIGSTOP)
        try:
            await world.gateway.whatsapp.inbound(integration.number, world.gateway.a_customer(), "STOP")
            await asyncio.sleep(12.0)  # the time is the fault: an opt-out has to take effect within ten seconds
        finally:
            os.kill(process.pid, signal.SIGCONT)

    async def begin(world: World) -> None:
        """It has happened."""

    async def mend(world: World) -> None:
        await world.service("policy").wait_until_ready()

    return Fault(
        name="opt-out late",
        prepare=prepare,
        begin=begin,
        mend=mend,
        expected=(Expected("GatewayOptOutLate"),),
        companions=OUTAGE | QUEUES | RECONNECTING | {"GatewayServiceDown"},
        severity="page",
    )


def exchange_missing() -> Fault:
    """An exchange that the services share is gone; the mend is `gateway declare`."""

    async def begin(world: World) -> None:
        await world.node.rabbitmqctl("eval", DELETE_EXCHANGE)

    async def mend(world: World) -> None:
        await declare_everything(world.node.url, management_url=None, wait=10.0)

    return Fault(
        name="exchange missing",
        begin=begin,
        mend=mend,
        expected=(Expected("GatewayTopologyMissing"),),
        companions=NO_BROKER | RECONNECTING,
        severity="page",
    )


def service_faults() -> list[list[Fault]]:
    """Each service killed once and frozen once, in pairs of which neither needs messages that the other one passes on:
    an alert on a queue needs some in it. The first pair shows what callers get, which stays for longer than the drills.
    """
    return [
        [killed("policy"), frozen("audit")],
        [killed("ingress"), frozen("console")],
        [killed("console"), frozen("ingress")],
        [killed("sender"), killed("audit")],
        [frozen("policy"), frozen("sender")],
    ]


def broker_faults() -> list[Fault]:
    """Those of the broker, each for itself."""
    return [exchange_missing(), broker_alarmed(), broker_killed(), broker_frozen()]
