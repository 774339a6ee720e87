"""What WhatsApp reports by webhook: two contradicting statuses of a message, and a limit of templates."""

from tests.chaos.alerts.fault import Expected, Fault
from tests.chaos.alerts.provider_faults import FAST, LARGE, TEMPLATE
from tests.chaos.alerts.world import World
from tests.e2e.driver import Integration
from tests.e2e.test_restrictions import known_business_account


async def _nothing(world: World) -> None:
    """It has happened."""


def contradicting_statuses() -> Fault:
    """A message is delivered and failed."""

    async def begin(world: World) -> None:
        gateway = world.gateway
        integration = await gateway.create_integration(account=LARGE, number=FAST)
        customer = await gateway.a_customer_who_wrote(integration)
        answer = await gateway.final_answer(integration, await world.accepted(integration, customer))
        assert answer.result == "sent", answer.result
        await gateway.whatsapp.status(answer.body["message_id"], "delivered")
        await gateway.whatsapp.status(answer.body["message_id"], "failed", code=131_026)

    return Fault(
        name="message delivered and failed",
        begin=begin,
        mend=_nothing,
        expected=(Expected("GatewayStatusConflicts"),),
        severity="ticket",
    )


def template_limit() -> Fault:
    """A business account whose limit is one customer sends a template to one."""
    used: list[Integration] = []

    async def prepare(world: World) -> None:
        gateway = world.gateway
        integration = await gateway.create_integration(strict_window=False, window_template=TEMPLATE)
        await gateway.a_customer_who_wrote(integration)
        await known_business_account(gateway, integration)
        await gateway.whatsapp.update_account("business_capability_update", number=integration.number, limit=1)
        await gateway.wait_for_records(account_id=integration.account_id, type="restriction.added", seconds=30.0)
        used.append(integration)

    async def begin(world: World) -> None:
        await world.accepted(used[-1], world.gateway.a_customer())

    return Fault(
        name="limit of templates is near",
        prepare=prepare,
        begin=begin,
        mend=_nothing,
        expected=(Expected("GatewayTemplateLimitNear"),),
        severity="ticket",
    )
