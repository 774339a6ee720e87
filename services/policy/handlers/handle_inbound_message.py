"""`HandleInboundMessage`: applies an opt-out or opt-in in a customer's message, and opens the service window."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from libs.chassis.clock import Clock
from libs.chassis.settlement import NotFoundYet
from libs.chassis.subscriptions import Received
from libs.contracts.decisions import CONFIRMATION, Purpose
from libs.contracts.events import Event, MessageApproved, SuppressionAdded, SuppressionLifted, WhatsAppMessageReceived
from libs.store.accounts import Account, Directory
from libs.store.consents import ConsentScope, ConsentSource
from libs.store.conversations import Conversations, Suppression, SuppressionKind, Suppressions
from libs.store.inbound_messages import SEALED_FIELD, InboundMessage
from services.policy import metrics
from services.policy.domain.addresses import addresses_of, contact_in
from services.policy.domain.consent_changes import ConsentChange
from services.policy.domain.keywords import Keywords, OptIn, OptOut, button_meaning, text_meaning
from services.policy.domain.opt_out_confirmations import confirmation_text
from services.policy.handlers.consent_ledger import ConsentLedger, digest_of
from services.policy.handlers.customer_contacts import CustomerContacts
from services.policy.handlers.customer_identities import CustomerIdentities
from services.policy.handlers.customer_restrictions import CustomerRestrictions
from services.policy.handlers.find_quoted import message_hash

KEYWORD = "keyword"
WORDS = frozenset({"text", "image", "audio", "video", "document", "sticker", "location", "edit"})
"""Message types whose `text` is the customer's own: a text, a caption, or the new words of an edited message
(docs/decisions/0023-a-caption-is-text.md). In others it is the business's wording, an emoji or a note."""
LIFTED_BY_OPT_IN = (SuppressionKind.OPT_OUT, SuppressionKind.PROVIDER_BLOCK)
CONTACTS = "contacts"
"""The type of a message with a contact: the customer's own phone, if WhatsApp asked for it."""
NO_CALLER = "policy"
"""The `reply_to` of a message that no caller waits for."""

ReceivedMessage = Received[WhatsAppMessageReceived]


@dataclass(frozen=True, slots=True)
class HandleInboundMessage:
    """Stores suppressions, identities and windows from customers' messages."""

    directory: Directory
    conversations: Conversations
    suppressions: Suppressions
    customer_identities: CustomerIdentities
    keywords: Keywords
    customer_restrictions: CustomerRestrictions
    contacts: CustomerContacts
    clock: Clock
    ledger: ConsentLedger

    async def __call__(self, received: ReceivedMessage) -> Sequence[Event]:
        """Handle one message. Safe to repeat: suppressions and lifts are identified by it, and times only increase."""
        message = received.event
        account = await self.directory.account(message.account_id or "")
        if account is None:
            raise NotFoundYet("account does not exist")
        await self.customer_identities.move_former(account.id, message.customer)
        keys = self.customer_identities.keys(message.account_id, message.customer, message.customer_user_id)
        meaning = self._meaning(message, account)
        change = _change_from(received, meaning) if meaning else None
        standing: list[Suppression] = []
        if change and isinstance(meaning, OptOut):
            standing = await self._suppress(change, keys)
        # Read after the opt-out is written: a concurrent link of the keys sees the opt-out, or this read sees the link.
        identity = await self.customer_identities.link(account.id, keys, message.sent_at)
        if change and isinstance(meaning, OptOut):
            standing += await self._suppress_linked(change, standing, [key for key in identity.keys if key not in keys])
        await self.customer_identities.merge(account.id, identity)
        if standing:
            metrics.OPT_OUT_EFFECT_SECONDS.observe(max(0.0, (self.clock() - received.at).total_seconds()))
        await self.contacts.keep(account.id, contact_in(message), message.sent_at)
        if message.opens_window:
            quotable = self._quotable(received, identity.keys[0])
            await self.conversations.open_window(message.number_id, identity.keys, message.sent_at, message=quotable)
            if message.type == CONTACTS:
                # Read after the window is written: a concurrent link of the phone sees it, or this read sees the link.
                linked = await self.customer_identities.link(account.id, identity.keys[:1], message.sent_at)
                await self.conversations.open_window(message.number_id, linked.keys, message.sent_at)
            await self.customer_restrictions.end(
                account.id, message.number_id, identity.keys, at=message.sent_at, cause=received.id
            )
        if change and isinstance(meaning, OptOut):
            ended = await self.ledger.withdraw(
                change, identity.keys, source=ConsentSource.KEYWORD, scope=ConsentScope.ALL
            )
            return (*_opt_out_events(received, account, change, standing, meaning.language), *ended)
        return await self._opt_in(change, identity.keys, message.message_id) if change else ()

    def _quotable(self, received: ReceivedMessage, customer_key: str) -> InboundMessage:
        """The message as it is kept, so that an agent can quote it; stored in the step that opens the window."""
        message, event_id = received.event, str(received.id)
        pseudonyms, sealer = self.customer_identities.do_not_contact.pseudonyms, self.contacts.sealer
        account_id = message.account_id or ""
        return InboundMessage(
            event_id=event_id,
            message_hash=message_hash(pseudonyms, account_id, message.number_id, message.message_id),
            account_id=account_id,
            number_id=message.number_id,
            customer_key=customer_key,
            sealed_message_id=sealer.seal(message.message_id, owner=event_id, field_name=SEALED_FIELD),
            at=message.sent_at,
        )

    def _meaning(self, message: WhatsAppMessageReceived, account: Account) -> OptOut | OptIn | None:
        """The meaning of what the customer wrote or pressed."""
        own = {"extra_stop": account.opt_out_words, "extra_start": account.opt_in_words}
        if message.pressed:
            return button_meaning(message.pressed, self.keywords.on_buttons(), **own)
        return text_meaning(message.text or "", self.keywords, **own) if message.type in WORDS else None

    async def _suppress(self, change: ConsentChange, keys: Sequence[str]) -> list[Suppression]:
        """Suppress each key; the suppressions that stand, without those that a later opt-in has lifted."""
        standing = []
        for key in keys:
            row = await self.suppressions.suppress(change.suppression(key), ())
            if row.active or await self.suppressions.get(row.id) is not None:
                standing.append(row)  # else it is older than an opt-in and was not written
        return standing

    async def _suppress_linked(
        self, change: ConsentChange, standing: Sequence[Suppression], keys: Sequence[str]
    ) -> list[Suppression]:
        """Suppress the customer's other keys, unless the opt-out is lifted: then this is a repetition."""
        return await self._suppress(change, keys) if any(row.active for row in standing) else []

    async def _opt_in(self, change: ConsentChange, keys: Sequence[str], message_id: str) -> Sequence[Event]:
        """A START lifts the customer's opt-out, and is evidence that they agreed to be messaged."""
        lifted = await self._lift(change, keys, message_id)
        agreed = await self.ledger.agree(
            change,
            keys,
            source=ConsentSource.KEYWORD,
            wording_version=f"keyword:{change.evidence['language']}",
            evidence_hash=digest_of(change.evidence),
        )
        return (*lifted, *agreed)

    async def _lift(self, change: ConsentChange, keys: Sequence[str], message_id: str) -> Sequence[Event]:
        """Lift the opt-out, and WhatsApp's own block of the business, which the customer's START ends too."""
        events: list[Event] = []
        for kind in LIFTED_BY_OPT_IN:
            rows = await self.customer_identities.lift(
                change.account_id or "", keys, kind, at=change.at, deduplication_key=message_id
            )
            if rows:
                lift = replace(change, kind=kind)
                events.append(lift.event(SuppressionLifted, rows[0].id, keys[0], keys))
        if events:
            metrics.OPT_OUTS.labels("opt_in").inc()
        return events


def _opt_out_events(
    received: ReceivedMessage, account: Account, change: ConsentChange, standing: Sequence[Suppression], language: str
) -> Sequence[Event]:
    """The events of an opt-out: none when the customer had opted out before with every key.

    A further key of a customer who had opted out is recorded, so that the sink knows it, and nothing is confirmed.
    """
    new = [row for row in standing if row.id == change.suppression_id(row.customer_key)]
    if not new:
        return ()
    keys = [row.customer_key for row in standing]
    added = change.event(SuppressionAdded, new[0].id, keys[0], keys)
    if any(row.active for row in standing if row not in new):
        return (added,)
    metrics.OPT_OUTS.labels("opt_out").inc()
    if account.paused or not any(row.active for row in new):
        return (added,)  # a paused account sends nothing; after a later opt-in a confirmation would be wrong
    return (added, _confirmation_from(received, account, standing[0].customer_key, language))


def _change_from(received: ReceivedMessage, meaning: OptOut | OptIn) -> ConsentChange:
    """The request in a message. The evidence has the message's id and time, the keyword and its language; no text."""
    message = received.event
    return ConsentChange(
        event_id=received.id,
        account_id=message.account_id,
        number_id=message.number_id,
        contact=contact_in(message),
        at=message.sent_at,
        kind=SuppressionKind.OPT_OUT,
        source=KEYWORD,
        evidence={
            "message_id": message.message_id,
            "at": message.sent_at.isoformat(),
            "word": meaning.word_id,
            "language": meaning.language,
        },
    )


def _confirmation_from(
    received: ReceivedMessage, account: Account, customer_key: str, language: str
) -> MessageApproved:
    """The one message that confirms an opt-out."""
    message = received.event
    return MessageApproved(
        account_id=account.id,
        event_id=received.id,
        event_type=CONFIRMATION,
        reply_to=NO_CALLER,
        number_id=message.number_id,
        **addresses_of(contact_in(message)),
        customer_key=customer_key,
        text=confirmation_text(language),
        purpose=Purpose.OPERATIONAL,
        received_at=message.sent_at,
    )
