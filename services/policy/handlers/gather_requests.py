"""`GatherRequests`: what a message refers to: the template that it asks for, and the message that it quotes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from libs.contracts.decisions import EventType
from libs.contracts.events import WebhookReceived
from libs.contracts.identity import Pseudonyms
from libs.contracts.known_templates import KnownTemplate
from libs.store.accounts import Directory, Number
from libs.store.templates import Templates
from services.policy.domain.contact_requests import asks_for_contact
from services.policy.domain.facts import Facts
from services.policy.domain.message_parts import owner_for
from services.policy.handlers.find_quoted import Conversation, FindQuoted


def requested_template(webhook: WebhookReceived) -> list[tuple[str, str]]:
    """Name and language of the template that 3CX asks for; whether WhatsApp restricts it is read with the facts."""
    request = webhook.payload.template
    return [] if request is None else [(request.name, request.language)]


@dataclass(frozen=True, slots=True)
class GatherRequests:
    """Costs nothing for a message that refers to nothing; else an indexed read for each reference, seldom two."""

    directory: Directory
    """Reads rows as they are stored, from no cache."""
    templates: Templates
    find_quoted: FindQuoted
    pseudonyms: Pseudonyms

    async def gather(self, webhook: WebhookReceived, facts: Facts) -> Facts:
        """The facts with what the message refers to. Safe to repeat: it changes nothing."""
        payload = webhook.payload
        if facts.event_type is not EventType.OUTBOUND_MESSAGE:
            return facts
        if payload.template is not None:
            found = await self._templates(facts.number, payload.template.name)
            wanted = (each for each in found if each.language == payload.template.language)
            facts = replace(facts, known_templates=tuple(found), known_template=next(wanted, None))
        if payload.reply_to is not None and facts.customer is not None:
            within = Conversation(facts.account.id, facts.integration.instance_id, self._keys(facts))
            facts = replace(facts, quoted_message_id=await self.find_quoted(payload.reply_to, within))
        if asks_for_contact(payload, facts.known_template):
            facts = replace(facts, contact_request_key=self._contact_request_key(facts))
        return facts

    async def _templates(self, number: Number | None, name: str) -> Sequence[KnownTemplate]:
        """The templates of this name. A number whose business account was learnt a moment ago may be cached without."""
        found = await self.templates.of_name(owner_for(number), name)
        if found or number is None:
            return found
        stored = await self.directory.number(number_id=number.id)
        return (
            found if owner_for(stored) == owner_for(number) else await self.templates.of_name(owner_for(stored), name)
        )

    def _contact_request_key(self, facts: Facts) -> str:
        """The key of the customer's user id where it is known: it stays when the customer shares the phone number."""
        ids = [each.user_id for each in (facts.customer, facts.contact) if each is not None and each.user_id]
        return self.pseudonyms.customer_key(facts.account.id, ids[0]) if ids else facts.customer_key

    def _keys(self, facts: Facts) -> set[str]:
        """Every key of the customer that the facts were read under."""
        address = "" if facts.customer is None else facts.customer.address
        own = self.pseudonyms.customer_key(facts.account.id, address)
        linked = {key for row in facts.stored.customer_links for key in (row.customer_key, row.main_key)}
        return {own, facts.customer_key, *linked}
