"""`Dependencies`: everything outside console that its handlers work with."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from libs.chassis.clock import Clock, NewId, new_id, utc_now
from libs.store.do_not_contact import DoNotContact, HashedErasedCustomers
from libs.store.sealer import Sealer
from libs.store.store import Store
from services.console.adapters.decrypted_records import DecryptedRecords
from services.console.adapters.null_proofs import no_seal, no_signature
from services.console.domain.secrets import SECRET_BYTES
from services.console.handlers.changes import Changes
from services.console.ports import (
    Authenticator,
    DeadLetterReplayer,
    NewSecret,
    PublishOutbox,
    SealDocument,
    SignReport,
    SimulateWebhook,
)


def new_secret() -> str:
    """32 random bytes, safe in a URL."""
    return secrets.token_urlsafe(SECRET_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """The store, the broker, the keys and the clock of one console process; tests replace them one by one."""

    store: Store
    authenticator: Authenticator
    sealer: Sealer
    do_not_contact: DoNotContact
    publish_outbox: PublishOutbox
    replayer: DeadLetterReplayer
    simulate: SimulateWebhook
    sign: SignReport = field(default=no_signature)
    seal: SealDocument = field(default=no_seal)
    clock: Clock = field(default=utc_now)
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep)
    new_id: NewId = field(default=new_id)
    new_secret: NewSecret = field(default=new_secret, repr=False)

    @property
    def changes(self) -> Changes:
        """Writes rows and events to the store."""
        return Changes(self.store.registry, self.store.outbox, self.clock, self.new_id, self.publish_outbox)

    @property
    def erased_customers(self) -> HashedErasedCustomers:
        """The markers of erasures."""
        return HashedErasedCustomers(self.store.erased_customers, self.do_not_contact)

    @property
    def decrypted_records(self) -> DecryptedRecords:
        """The record with personal values decrypted."""
        return DecryptedRecords(self.store.records, self.store.subjects, self.sealer)
