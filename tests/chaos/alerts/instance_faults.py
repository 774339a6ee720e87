"""A fault of one of several processes of a service: the others go on, so nobody is paged."""

import os
import signal

from tests.chaos.alerts.fault import Expected, Fault
from tests.chaos.alerts.process_faults import QUEUES, RECONNECTING
from tests.chaos.alerts.world import World, address_of
from tools.stack.processes import ServiceProcess


def one_of_two_frozen() -> Fault:
    """A second process of ingress is frozen, while the first one works."""
    second: list[ServiceProcess] = []

    async def prepare(world: World) -> None:
        process = world.stack._service("ingress", 1)
        world.stack.ingress_urls.pop()  # the traffic goes on to the first one, as after a load balancer's probe
        second.append(process)
        world.at_end.push_async_callback(process.stop)
        process.start()
        await process.wait_until_ready()
        await world.prometheus.also_scrape("ingress", address_of(process.ready_url))

    async def begin(_: World) -> None:
        os.kill(second[-1].pid, signal.SIGSTOP)

    async def mend(_: World) -> None:
        if second:
            os.kill(second[-1].pid, signal.SIGCONT)

    return Fault(
        name="one of two processes of ingress frozen (SIGSTOP)",
        prepare=prepare,
        begin=begin,
        mend=mend,
        expected=(Expected("GatewayInstanceDown", {"service": "ingress"}),),
        companions=QUEUES | RECONNECTING,
        severity="ticket",
    )
