"""A deployment without a broker: a store, audit's handlers and a sink, console's erasures, and the command line."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from libs.chassis.clock import utc_now
from libs.chassis.subscriptions import Received
from libs.contracts.events import BY_NAME, Event, RecordRestored, SuppressionAdded, SuppressionLifted
from libs.contracts.identity import Pseudonyms
from libs.store.conversations import SuppressionKind
from libs.store.do_not_contact import DoNotContact, HashedErasedCustomers, do_not_contact_from
from libs.store.erasures import Erasure
from libs.store.factory import open_store
from libs.store.outbox import OutboxEvent
from libs.store.posts import post_sealer_from
from libs.store.restore_lines import sealed_keys
from libs.store.sealer import sealer_from
from libs.store.store import Store
from libs.store.subjects import new_subject
from services.audit.adapters.sinks import FileSink
from services.audit.adapters.subject_keys import CachedSubjectKeys
from services.audit.handlers.checkpoints import SignCheckpoints
from services.audit.handlers.new_customers import NewCustomers
from services.audit.handlers.records import RecordEvents
from services.audit.handlers.restorations import SignRestoration
from services.audit.handlers.restore_lines import RestoreLines
from services.console.handlers.changes import Changes
from services.console.handlers.dead_letter_customers import DeadLetterCustomers
from services.console.handlers.erasure_steps import ErasureSteps
from services.console.handlers.subject_dead_letters import SubjectDeadLetters
from tests.contract.store.builders import a_number, a_suppression, an_account
from tests.contract.store.empty import open_empty
from tests.do_not_contact import KEY_TEXT
from tests.unit.record.chains import KEY
from tools.cli.console_client import ExitCode
from tools.cli.program import run

SECRET_KEYS = f"k1:{base64.b64encode(b's' * 32).decode()}"
POST_KEYS = f"k1:{base64.b64encode(b'p' * 32).decode()}"
SINK_KEYS = f"k1:{base64.b64encode(b'i' * 32).decode()}"
HASH_KEY = "h" * 43
PSEUDONYMS = Pseudonyms(HASH_KEY.encode())
ACCOUNT = "acc-1"


def key_of(phone: str) -> str:
    return PSEUDONYMS.customer_key(ACCOUNT, phone)


@dataclass
class Deployment:
    """One deployment; `url` is its store, which tests lose and restore elsewhere."""

    url: str
    folder: Path
    capsys: pytest.CaptureFixture[str]
    store: Store
    published: set[str] = field(default_factory=set)

    @property
    def sink(self) -> Path:
        return self.folder / "sink.jsonl"

    hash_keys = KEY_TEXT

    @property
    def hashes(self) -> DoNotContact:
        return self.hashes_with(self.hash_keys)

    def hashes_with(self, keys: str) -> DoNotContact:
        return do_not_contact_from(keys, PSEUDONYMS, self.store.do_not_contact_entries)

    @property
    def erased_customers(self) -> HashedErasedCustomers:
        return HashedErasedCustomers(self.store.erased_customers, self.hashes)

    @property
    def environ(self) -> dict[str, str]:
        return {
            "GATEWAY_STORE_URL": self.url,
            "GATEWAY_HASH_KEY": HASH_KEY,
            "GATEWAY_SECRET_KEYS": SECRET_KEYS,
            "GATEWAY_POST_KEYS": POST_KEYS,
            "GATEWAY_SINK_KEYS": SINK_KEYS,
            "GATEWAY_DO_NOT_CONTACT_KEYS": KEY_TEXT,
            "GATEWAY_SIGNING_KEYS": f"k1:{base64.b64encode(KEY.seed).decode()}",
        }

    async def cli(self, *arguments: str, **environ: str) -> tuple[ExitCode, str]:
        """Run a command; its exit code, and what it printed."""
        self.capsys.readouterr()
        code = await asyncio.to_thread(run, arguments, self.environ | environ)
        out, err = self.capsys.readouterr()
        return code, out + err

    async def done(self, *arguments: str, **environ: str) -> Any:
        code, told = await self.cli(*arguments, "--json", **environ)
        assert code is ExitCode.DONE, told
        return json.loads(told)

    async def happened(self, *events: Event, at: datetime | None = None, ids: Sequence[UUID] = ()) -> None:
        """Let audit record events, sign, and ship."""
        lines = RestoreLines(
            lines=self.store.sink_lines, sink=FileSink(self.sink), sealer=sealer_from(SINK_KEYS), pseudonyms=PSEUDONYMS
        )
        handler = RecordEvents(
            self.store.records,
            CachedSubjectKeys(self.store.subjects, sealer_from(SECRET_KEYS)),
            PSEUDONYMS,
            NewCustomers(self.erased_customers),
            sign_restoration=SignRestoration(self.store.chains, KEY),
            restore_lines=lines,
        )
        names = ids or [uuid4() for _ in events]
        batch: list[Received[Event]] = [
            Received(event=event, id=id_, at=at or utc_now(), correlation_id=None, attempt=1)
            for event, id_ in zip(events, names, strict=True)
        ]
        await handler(batch)
        await lines.ship()
        sign = SignCheckpoints(
            chains=self.store.chains,
            checkpoints=self.store.checkpoints,
            sink=FileSink(self.sink),
            key=KEY,
            clock=utc_now,
            records=4,
        )
        await sign()

    async def outbox_is_published(self) -> list[OutboxEvent]:
        """What console's relay and audit do with the outbox."""
        found = list(await self.store.outbox.unpublished(1_000))
        for each in found:
            await self.happened(BY_NAME[each.name].model_validate_json(each.body), ids=[UUID(each.id)])
            await self.store.outbox.mark_published([each.id])
        return found

    async def has_account(self) -> None:
        await self.store.registry.save(an_account(ACCOUNT), [], created=True)
        await self.store.registry.save(a_number("num-1", account_id=ACCOUNT), [], created=True)

    async def customer(self, phone: str) -> str:
        """A person with a key, a window and an opt-in that was recorded; their pseudonym."""
        key = key_of(phone)
        await self.store.subjects.add([new_subject(key, sealer_from(SECRET_KEYS))])
        await self.store.conversations.open_window("num-1", [key], utc_now())
        [subject] = await self.store.subjects.find(customer_keys=[key])
        return subject.pseudonym

    async def opts_out(self, phone: str, *, at: datetime | None = None, source: str = "keyword") -> str:
        """A STOP, or an operator's block, as its handler stores and publishes it; the suppression's id."""
        asked = at or utc_now()
        wanted = a_suppression(
            f"sup_{uuid4().hex}", account_id=ACCOUNT, customer_key=key_of(phone), since=asked, source=source
        )
        standing = await self.store.suppressions.suppress(wanted, [])
        assert standing.active
        await self.happened(
            SuppressionAdded(
                account_id=ACCOUNT,
                suppression_id=wanted.id,
                kind="opt_out",
                source=source,
                customer=phone if source == "keyword" else None,
                customer_key=wanted.customer_key,
                masked_phone="+9665•••••000",
                evidence={"at": asked.isoformat(), "message_id": "wamid.HBgMOTY2NTEyMzQ1Njc4"},
            ),
            at=at,
        )
        return wanted.id

    async def lifted(self, phone: str, suppression_id: str, *, source: str, at: datetime) -> None:
        """START, or an operator's lift."""
        row = await self.store.suppressions.lift(
            account_id=ACCOUNT,
            customer_key=key_of(phone),
            kind=SuppressionKind.OPT_OUT,
            at=at,
            events=[],
            deduplication_key=None if source == "operator" else uuid4().hex,
        )
        assert row is not None
        await self.happened(
            SuppressionLifted(
                account_id=ACCOUNT,
                suppression_id=suppression_id,
                kind="opt_out",
                source=source,
                customer_key=key_of(phone),
                evidence={"at": at.isoformat()},
            ),
            at=at,
        )

    def job_of(self, phone: str, pseudonym: str, do_not_contact: Sequence[str]) -> Erasure:
        """The job of erasing somebody, as console makes it."""
        return Erasure(
            id=f"era_{uuid4().hex}",
            account_id=ACCOUNT,
            customer_keys=(key_of(phone),),
            do_not_contact=tuple(do_not_contact),
            fast_hashes=(PSEUDONYMS.do_not_contact_hash(key_of(phone)),),
            pseudonyms=(pseudonym,),
            reason="asked by letter",
            actor="admin",
            asked_at=utc_now(),
        )

    async def erased(self, phone: str, pseudonym: str, *, do_not_contact: str | None = None) -> None:
        """An erasure to its end, as console does it; `do_not_contact` is the hash that an earlier release made."""
        store = self.store
        customers = DeadLetterCustomers(PSEUDONYMS, post_sealer_from(POST_KEYS))

        async def later() -> None:
            pass

        steps = ErasureSteps(
            erasures=store.erasures,
            personal_data=store.personal_data,
            erased_customers=self.erased_customers,
            subjects=store.subjects,
            records=store.records,
            dead_letters=SubjectDeadLetters(
                store=store.dead_letters,
                directory=store.directory,
                sealer=sealer_from(SECRET_KEYS),
                customers=customers,
            ),
            changes=Changes(store.registry, store.outbox, utc_now, uuid4, later),
            seal=lambda job: sealed_keys(job.customer_keys, sealer_from(SINK_KEYS), erasure_id=job.id),
        )
        made = [do_not_contact] if do_not_contact else await self.hashes.newest([key_of(phone)])
        job = self.job_of(phone, pseudonym, made)
        await store.erasures.add(job)
        await steps(job)
        await self.outbox_is_published()

    async def is_suppressed(self, phone: str) -> bool:
        """Whether the next message to the phone is refused: by its key, or by what an erasure left."""
        return bool((await self.hashes.standing(ACCOUNT, [key_of(phone)])).kinds)

    async def is_lost(self, url: str) -> None:
        """The store is lost; from now on the deployment's store is another one, which does not exist yet."""
        await self.store.close()
        self.url = url

    async def starts(self) -> list[OutboxEvent]:
        """The services start: what the outbox holds is recorded."""
        self.store = await open_store(self.url)
        return await self.outbox_is_published()


def later_by(minutes: float) -> datetime:
    return utc_now() + timedelta(minutes=minutes)


NewDatabase = Callable[[], Any]


@asynccontextmanager
async def a_deployment(url: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Deployment]:
    found = Deployment(url, folder, capsys, await open_empty(url))
    await found.has_account()
    yield found
    await found.store.close()


def statements_in(events: Sequence[OutboxEvent]) -> list[RecordRestored]:
    return [RecordRestored.model_validate_json(each.body) for each in events if each.name == RecordRestored.name]
