"""`GatherFacts`: reads everything that the rules may know about a webhook, before any rule runs. It changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from libs.chassis.clock import Clock, utc_now
from libs.chassis.settlement import NotFoundYet
from libs.chassis.subscriptions import Received
from libs.contracts.decisions import TEMPLATED, EventType
from libs.contracts.events import CHAT_DIALECT, WebhookReceived
from libs.contracts.identity import Pseudonyms, region_of_customer
from libs.store.accounts import Account, Directory, Integration, Number
from libs.store.contacts import Contact
from libs.store.conversations import Conversation
from libs.store.customer_links import CustomerLink
from libs.store.decisions import Decisions, FactsQuery, StoredFacts, Usage
from libs.store.do_not_contact import DoNotContact
from libs.store.restriction_effects import subjects_for
from services.policy.domain.content_policy import ContentPolicy
from services.policy.domain.decisions import MESSAGING
from services.policy.domain.delivery_plans import templates_offered
from services.policy.domain.facts import Facts
from services.policy.domain.limits import Period, period_of
from services.policy.domain.webhook_customers import Customer, named_customers
from services.policy.handlers.chat_customers import ChatCustomers
from services.policy.handlers.customer_contacts import CustomerContacts
from services.policy.handlers.decision_events import rendered_from, template_values
from services.policy.handlers.find_customer import FindCustomer, decided_customer
from services.policy.handlers.gather_requests import GatherRequests, requested_template
from services.policy.handlers.prepare_words import PrepareWords
from services.policy.handlers.template_limits import TemplateLimits

_EVENT_TYPES: Mapping[str, EventType] = {each.value: each for each in EventType}
NO_STORED_FACTS = StoredFacts(conversation=Conversation(), suppressed=frozenset(), usage=Usage())


@dataclass(frozen=True, slots=True)
class _ConfiguredWebhook:
    """A webhook, with the configuration that it is decided under."""

    received: Received[WebhookReceived]
    account: Account
    integration: Integration
    number: Number | None
    event_type: EventType | None
    period: Period


@dataclass(frozen=True, slots=True)
class GatherFacts:
    """Reads the configuration from the cache, and everything else in one round trip, but for what a message names."""

    directory: Directory
    decisions: Decisions
    content: ContentPolicy
    pseudonyms: Pseudonyms
    find_customer: FindCustomer
    contacts: CustomerContacts
    template_limits: TemplateLimits
    chat_customers: ChatCustomers
    requests: GatherRequests
    do_not_contact: DoNotContact
    prepare_words: PrepareWords = field(default_factory=PrepareWords)
    clock: Clock = utc_now

    async def __call__(self, received: Received[WebhookReceived]) -> Facts:
        """The facts for the rules. Safe to repeat: it changes nothing.

        A phone number with two readings costs a round trip more, because the customers whom the account knows decide.
        So does a user id or a number that is not the customer's main one: the facts under the main key count too.
        """
        webhook = await self._configured(received)
        await self.prepare_words(webhook.account.blocked_words)
        customer, key, stored = await self._stored_facts(webhook)
        facts = await self.requests.gather(received.event, self._facts(webhook, customer, key, stored))
        return await self.template_limits.gather(received.event, facts)

    async def _configured(self, received: Received[WebhookReceived]) -> _ConfiguredWebhook:
        webhook = received.event
        integration = await self.directory.integration(webhook.integration_id or "")
        if integration is not None and webhook.dialect == CHAT_DIALECT:
            integration = integration.for_chat(webhook.payload.from_)
        account = await self.directory.account(webhook.account_id or "")
        if integration is None or account is None:
            # Rows are never deleted: either this read is behind the one of ingress, or the row never was.
            raise NotFoundYet(f"{'integration' if integration is None else 'account'} does not exist")
        return _ConfiguredWebhook(
            received=received,
            account=account,
            integration=integration,
            number=await self.directory.number(number_id=integration.instance_id),
            event_type=_event_type_from(webhook.payload.event_type),
            period=period_of(account, received.at),
        )

    async def _stored_facts(self, webhook: _ConfiguredWebhook) -> tuple[Customer | None, str, StoredFacts]:
        """The customer with their key, and what is stored about them; an earlier decision is for whom it names."""
        payload = webhook.received.event.payload
        if webhook.received.event.dialect == CHAT_DIALECT:
            payload = await self.chat_customers.payload_for(webhook.integration, payload)
        named = named_customers(
            payload,
            webhook.event_type,
            region=webhook.account.default_region,
            number_format=webhook.integration.number_format,
        )
        customer = await self.find_customer(webhook.account.id, named)
        key = self._key(webhook.account.id, customer)
        if webhook.event_type not in MESSAGING:
            return customer, key, NO_STORED_FACTS
        stored = await self._stored_about(webhook, customer, key)
        if stored.decision is None:
            return customer, key, stored
        decided = decided_customer(stored.decision, named, customer)
        if decided == customer:
            return decided, key, stored
        key = self._key(webhook.account.id, decided)
        return decided, key, await self._stored_about(webhook, decided, key)

    async def _stored_about(self, webhook: _ConfiguredWebhook, customer: Customer | None, key: str) -> StoredFacts:
        """The facts under the customer's keys, and under the main key when that is another one.

        Only in an account in which erasures have left suppressions are they read again, under hashes that are new.
        """
        keys = self._keys(webhook.account.id, customer, key)
        hashes = self.do_not_contact.known(keys)
        stored = await self.decisions.facts(self._query(webhook, customer, keys, hashes))
        main_key = _main_key_of(stored, key)
        wanted = keys if main_key in {"", *keys} else (*keys, main_key)
        if not stored.left_by_erasures:
            again = wanted != keys
        elif again := not self.do_not_contact.are_all(hashes, wanted):
            hashes = await self.do_not_contact.hashes(wanted)
        return await self.decisions.facts(self._query(webhook, customer, wanted, hashes)) if again else stored

    def _query(
        self,
        webhook: _ConfiguredWebhook,
        customer: Customer | None,
        keys: tuple[str, ...],
        hashes: tuple[str, ...],
    ) -> FactsQuery:
        integration, number = webhook.integration, webhook.number
        return FactsQuery(
            event_id=str(webhook.received.id),
            account_id=integration.account_id,
            number_id=integration.instance_id,
            customer_keys=(*keys, *hashes),
            day=webhook.period.day,
            month=webhook.period.month,
            now=webhook.received.at,
            clock=self.clock(),
            with_consents=_may_need_consent(webhook),
            subjects=subjects_for(
                number_id=integration.instance_id,
                business_account_id=None if number is None else number.business_account_id,
                customer_keys=keys,
                region=None if customer is None else region_of_customer(customer.phone, customer.user_id),
                templates=templates_offered(integration.window_template) + requested_template(webhook.received.event),
            ),
        )

    def _facts(self, webhook: _ConfiguredWebhook, customer: Customer | None, key: str, stored: StoredFacts) -> Facts:
        return Facts(
            rendered=_rendered(webhook, customer) if webhook.event_type in TEMPLATED else None,
            now=webhook.received.at,
            account=webhook.account,
            integration=webhook.integration,
            number=webhook.number,
            event_type=webhook.event_type,
            customer=customer,
            customer_key=_main_key_of(stored, key),
            contact=self._contact(stored, key),
            stored=stored,
            period=webhook.period,
            content=self.content,
        )

    def _contact(self, stored: StoredFacts, key: str) -> Contact | None:
        link = _link_of(stored, key)
        return None if link is None else self.contacts.opened(link)

    def _keys(self, account_id: str, customer: Customer | None, key: str) -> tuple[str, ...]:
        """The customer's key, and those under which an earlier release may have stored something."""
        if customer is None:
            return ()
        return (key, *self.pseudonyms.former_customer_keys(account_id, customer.address))

    def _key(self, account_id: str, customer: Customer | None) -> str:
        return "" if customer is None else self.pseudonyms.customer_key(account_id, customer.address)


def _rendered(webhook: _ConfiguredWebhook, customer: Customer | None) -> str | None:
    values = template_values(webhook.received.event.payload, customer, webhook.account, webhook.received.at)
    return rendered_from(webhook.integration, webhook.event_type, values)


def _may_need_consent(webhook: _ConfiguredWebhook) -> bool:
    """Whether the message may become a template for which the account requires an opt-in; else none is read."""
    if not webhook.account.require_opt_in or webhook.event_type is not EventType.OUTBOUND_MESSAGE:
        return False
    integration = webhook.integration
    has_fallback = not integration.strict_window and integration.window_template is not None
    return has_fallback or webhook.received.event.payload.template is not None


def _event_type_from(name: str | None) -> EventType | None:
    return _EVENT_TYPES.get((name or "").strip().casefold())


def _main_key_of(stored: StoredFacts, key: str) -> str:
    """The main key of the customer with this key; the key itself when it is the only one."""
    link = _link_of(stored, key)
    return key if link is None else link.main_key


def _link_of(stored: StoredFacts, key: str) -> CustomerLink | None:
    for link in stored.customer_links:
        if link.customer_key == key:
            return link
    return None
