"""The operation that posts one line into an integration's chat in 3CX, to show that the way there is open."""

from dataclasses import dataclass, field
from typing import Final

from libs.contracts.events import ForwardRequested
from libs.contracts.forwards import ForwardKind
from libs.store.chats import PSEUDO_DIGITS, PSEUDO_PREFIX
from services.console.domain.chat_requests import ChatTestRequest, ChatTestView
from services.console.domain.refusals import invalid
from services.console.handlers.calls import Answer, Call
from services.console.handlers.integrations import Integrations

TEST_CUSTOMER: Final = PSEUDO_PREFIX + "0" * PSEUDO_DIGITS
"""Who writes the test line: nobody's number."""
TEXT: Final = "Test of the WhatsApp gateway: customers' messages arrive here. Do not answer this line."


@dataclass(frozen=True, slots=True)
class PostChatTest:
    """`POST /integrations/{integration_id}/chat-test`."""

    integrations: Integrations = field(repr=False)

    async def __call__(self, call: Call[None, ChatTestRequest]) -> Answer:
        """Hand the line to sender, which posts it once; a repeated call posts another one."""
        integration = await self.integrations.integration(call)
        if not (integration.enabled and integration.chat_enabled):
            raise invalid("chat_enabled", "is off")
        if integration.sealed_chat_webhook_url is None:
            raise invalid("chat_webhook_url", "is not set")
        main_number = call.body.main_number or next(iter(integration.chat_numbers), None)
        if main_number not in integration.chat_numbers:
            raise invalid("main_number", "is none of `chat_numbers`")
        changes = self.integrations.changes
        now = changes.clock()
        requested = ForwardRequested(
            account_id=integration.account_id,
            integration_id=integration.id,
            event_id=changes.new_id(),
            kind=ForwardKind.CHAT_TEST,
            number_id=integration.chat_numbers[main_number],
            at=now,
            content={"chat": {"from": TEST_CUSTOMER, "to": main_number, "text": TEXT}},
        )
        event = changes.outbox_event(requested, now)
        await changes.outbox.add([event])
        await changes.publish_outbox()
        view = ChatTestView(forward_id=event.id, integration_id=integration.id, main_number=main_number)
        return Answer(view)
