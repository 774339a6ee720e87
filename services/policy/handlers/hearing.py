"""Hear what a customer wrote: an opt-out before anything else, then the window."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import uuid5

from libs.chassis.consuming import Received
from libs.contracts.decisions import CONFIRMATION, Purpose
from libs.contracts.errors import ErrorCode, GatewayError
from libs.contracts.events import Event, MessageApproved, SuppressionAdded, SuppressionLifted, WhatsAppMessageReceived
from libs.contracts.identity import keyed_hash, masked
from libs.store.accounts import Account, Directory
from libs.store.conversations import Conversations, Suppression, SuppressionKind, Suppressions
from services.policy import metrics
from services.policy.domain.confirming import confirmation_in
from services.policy.domain.keywords import Keywords, OptIn, OptOut, meaning_of, meaning_pressed
from services.policy.handlers.knowing import Know

KEYWORD = "keyword"
TEXT = "text"
BY_POLICY = "policy"
"""The `reply_to` of a message that no caller waits for."""

Heard = Received[WhatsAppMessageReceived]


@dataclass(frozen=True, slots=True)
class Hear:
    """Keeps what customers tell us about themselves."""

    directory: Directory
    conversations: Conversations
    suppressions: Suppressions
    know: Know
    keywords: Keywords
    key: bytes = field(repr=False)

    async def __call__(self, received: Heard) -> Sequence[Event]:
        """Take in one message. Safe to repeat: rows and words are named by the message, times only ever grow."""
        message = received.event
        account = await self.directory.account(message.account_id or "")
        if account is None:
            raise GatewayError(ErrorCode.GATEWAY_UNAVAILABLE, {"unavailable": "configuration"})
        keys, meaning = customer_keys(message, self.key), self._meaning(message, account)
        stopped: list[Suppression] = []
        if isinstance(meaning, OptOut):
            stopped = await self._suppress(received, keys, meaning)
        # Looked up after the opt-out was written: whoever links the customer's keys meanwhile sees it, or we see them.
        identity = await self.know.who(account.id, keys, message.sent_at)
        if isinstance(meaning, OptOut):
            others = [key for key in identity.keys if key not in keys]
            stopped += await self._suppress(received, others, meaning)
        await self.know.merge(account.id, identity)
        if message.opens_window:
            await self.conversations.customer_wrote(message.number_id, identity.keys, message.sent_at)
        if isinstance(meaning, OptOut):
            return self._opted_out(received, account, stopped, meaning)
        return await self._lift(received, account, identity.keys, meaning) if isinstance(meaning, OptIn) else ()

    def _meaning(self, message: WhatsAppMessageReceived, account: Account) -> OptOut | OptIn | None:
        """What the message asks of us: text that was written, or a button that was pressed. A caption is neither."""
        own = {"extra_stop": account.opt_out_words, "extra_start": account.opt_in_words}
        if message.pressed:
            return meaning_pressed(message.pressed, self.keywords.on_buttons(), **own)
        return meaning_of(message.text or "", self.keywords, **own) if message.type == TEXT else None

    async def _suppress(self, received: Heard, keys: Sequence[str], word: OptOut) -> list[Suppression]:
        """What stands for each key once it is suppressed, unless a newer word lifted it."""
        message, stands = received.event, []
        for customer_key in keys:
            wanted = Suppression(
                id=_suppression_id(received, customer_key),
                account_id=message.account_id or "",
                customer_key=customer_key,
                masked_phone=masked(message.customer) if message.customer else "",
                kind=SuppressionKind.OPT_OUT,
                source=KEYWORD,
                reason=None,
                actor=None,
                since=message.sent_at,
                evidence=evidence_of(message, word),
            )
            standing = await self.suppressions.suppress(wanted, ())
            if standing.active or await self.suppressions.get(standing.id) is not None:
                stands.append(standing)  # else it is older than an opt-in, and was never written
        return stands

    def _opted_out(
        self, received: Heard, account: Account, stands: Sequence[Suppression], word: OptOut
    ) -> Sequence[Event]:
        """What is said of an opt-out: nothing when the customer had opted out before."""
        message = received.event
        ours = [row for row in stands if row.id == _suppression_id(received, row.customer_key)]
        if not ours or any(row.active for row in stands if row not in ours):
            return ()
        metrics.OPT_OUTS.labels("opt_out").inc()
        added = SuppressionAdded(
            account_id=account.id,
            suppression_id=ours[0].id,
            kind=SuppressionKind.OPT_OUT,
            source=KEYWORD,
            number_id=message.number_id,
            customer=message.customer,
            customer_key=stands[0].customer_key,
            evidence=evidence_of(message, word),
        )
        if not any(row.active for row in ours):
            return (added,)  # they are back in already: it belongs on record, and a goodbye would be a lie
        if account.paused:
            return (added,)  # nothing is sent then
        return (added, confirmation(received, account, stands[0].customer_key, word.language))

    async def _lift(self, received: Heard, account: Account, keys: Sequence[str], word: OptIn) -> Sequence[Event]:
        message = received.event
        rows = await self.know.lift(
            account.id, keys, SuppressionKind.OPT_OUT, at=message.sent_at, word=message.message_id
        )
        if not rows:
            return ()
        metrics.OPT_OUTS.labels("opt_in").inc()
        return (
            SuppressionLifted(
                account_id=account.id,
                suppression_id=rows[0].id,
                kind=SuppressionKind.OPT_OUT,
                source=KEYWORD,
                number_id=message.number_id,
                customer=message.customer,
                customer_key=keys[0],
                evidence=evidence_of(message, word),
            ),
        )


def _suppression_id(received: Heard, customer_key: str) -> str:
    return f"sup_{uuid5(received.id, customer_key).hex}"


def customer_keys(message: WhatsAppMessageReceived, key: bytes) -> list[str]:
    """The hashes that the customer is known by: the phone's first, the user id's next."""
    known = (message.customer, message.customer_user_id)
    return [keyed_hash(key, message.account_id or "", value) for value in known if value]


def evidence_of(message: WhatsAppMessageReceived, word: OptOut | OptIn) -> dict[str, str]:
    """What proves the customer's wish: message id, time, word and language; never the text."""
    return {
        "message_id": message.message_id,
        "at": message.sent_at.isoformat(),
        "word": word.word_id,
        "language": word.language,
    }


def confirmation(received: Heard, account: Account, customer_key: str, language: str) -> MessageApproved:
    """The one message that tells the customer that the opt-out was heard."""
    message = received.event
    return MessageApproved(
        account_id=account.id,
        event_id=received.id,
        event_type=CONFIRMATION,
        reply_to=BY_POLICY,
        number_id=message.number_id,
        customer=message.customer,
        customer_user_id=message.customer_user_id,
        customer_key=customer_key,
        text=confirmation_in(language),
        purpose=Purpose.OPERATIONAL,
        received_at=message.sent_at,
    )
