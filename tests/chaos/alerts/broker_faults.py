"""Faults of the broker that messages do not notice: its metrics are away, or its policy of dead letters."""

from libs.chassis.amqp.declare_step import declare_everything
from libs.chassis.topology import POLICY_MARKER
from tests.chaos.alerts.fault import Expected, Fault
from tests.chaos.alerts.world import World

DELETE_MARKER = f'rabbit_exchange:delete(rabbit_misc:r(<<"/">>, exchange, <<"{POLICY_MARKER}">>), false, <<"test">>).'


def metrics_away() -> Fault:
    """The plugin with the metrics of every queue is stopped."""

    async def begin(world: World) -> None:
        await world.node.rabbitmqctl("eval", "application:stop(rabbitmq_prometheus).")

    async def mend(world: World) -> None:
        await world.node.rabbitmqctl("eval", "application:start(rabbitmq_prometheus).")

    return Fault(
        name="broker's metrics are away",
        begin=begin,
        mend=mend,
        expected=(Expected("GatewayQueuesNotScraped"),),
        companions=frozenset({"GatewayBrokerDown"}),  # as far as its metrics tell
        severity="ticket",
    )


def policy_missing() -> Fault:
    """What `gateway declare` leaves as the sign of the policy is gone; the mend is `gateway declare`."""

    async def begin(world: World) -> None:
        await world.node.rabbitmqctl("eval", DELETE_MARKER)

    async def mend(world: World) -> None:
        await declare_everything(world.node.url, management_url=None, wait=10.0)

    return Fault(
        name="policy of dead letters missing",
        begin=begin,
        mend=mend,
        expected=(Expected("GatewayDeadLetterPolicyMissing"),),
        severity="ticket",
    )
