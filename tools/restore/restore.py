"""`Restore`: the steps of `gateway restore`, in an order in which each can be repeated after a crash."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid5

from libs.chassis.clock import Clock, utc_now
from libs.contracts.events import RecordRestored
from libs.contracts.identity import Pseudonyms
from libs.record.canonical import account_of
from libs.record.keys import PublicKeys
from libs.record.restorations import Loss
from libs.store.backups import STORE, SUBJECTS, SUBJECTS_KEPT, BackupRefused, Manifest, manifest_in, require_whole
from libs.store.do_not_contact import DoNotContact
from libs.store.factory import restoring_store
from libs.store.migration import Say
from libs.store.outbox import OutboxEvent
from libs.store.restore_lines import ERASED
from libs.store.sealer import Sealer, SealingKey
from libs.store.store import Store
from tools.restore.erasures import EraseAgain, outbox_of
from tools.restore.losses import losses_of, require_sound
from tools.restore.sink import SinkContent, sink_content
from tools.restore.suppressions import RESTORED, ReplaySuppressions

BEFORE = timedelta(minutes=5)
"""Lines from this long before the backup are applied too: clocks differ, and what is in the backup stays as it is."""
_STATEMENTS = UUID("6f0c2f52-6d0c-5b0e-a4b5-0c1f0f3c7e29")


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreKeys:
    """The keys of the deployment that a restore needs. None of them is in a backup."""

    trusted: PublicKeys
    """Verify the record."""
    pseudonyms: Pseudonyms = field(repr=False)
    do_not_contact: Sequence[SealingKey] = field(repr=False)
    secrets: Sealer = field(repr=False)
    posts: str = field(repr=False)
    sink: Sealer = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore found and did."""

    records: int
    suppressions: int
    erasures: int
    losses: Sequence[Loss]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """Restores one backup to one empty store."""

    url: str = field(repr=False)
    backup: Path
    sink: Path
    keys: RestoreKeys
    say: Say
    allow_loss: str | None = None
    """Why records that the sink confirms may be lost; None: they may not."""
    without_subjects: bool = False
    clock: Clock = utc_now

    async def __call__(self) -> Restored:
        """Restore. Safe to repeat after a crash at any step.

        Raises BackupRefused, and GatewayError as the store does.
        """
        manifest = self._checked()
        sink = self._sink_content(manifest.taken_at)
        async with restoring_store(self.url, self.backup, manifest, self.say) as restoring:
            store = restoring.store
            hashes = DoNotContact(self.keys.do_not_contact, self.keys.pseudonyms, store.do_not_contact_entries)
            self.say("verifying the record")
            records = await require_sound(store, manifest, self.keys.trusted)
            losses = await losses_of(store, sink.checkpoints, self.keys.trusted)
            self._require_told(losses)
            suppressions = restoring.applied
            if suppressions is None:
                self.say("applying opt-outs and lifts since the backup")
                lines = [line for line in sink.lines if line.kind != ERASED]
                suppressions = await ReplaySuppressions(store, hashes)(lines)
                await restoring.note_applied(suppressions)
            self.say("applying erasures since the backup")
            erasures = await self._erase_again(store, sink, hashes)
            self.say("stating what is lost")
            await self._state(store, manifest, losses)
            self.say("opening the store to services")
            await restoring.finish()
        return Restored(records=records, suppressions=suppressions, erasures=erasures, losses=losses)

    def _checked(self) -> Manifest:
        """The manifest, once the files are those that were backed up."""
        manifest = manifest_in(self.backup)
        self.say("comparing the files with the manifest")
        require_whole(self.backup / STORE, manifest)
        subjects = self.backup / SUBJECTS
        if self.without_subjects and not subjects.exists():
            return manifest
        if not subjects.exists():
            raise BackupRefused(
                "the archive of persons' keys is not there; --without-subjects makes all records anonymous"
            )
        keys = manifest_in(subjects)
        if keys.backup_id != manifest.backup_id:
            raise BackupRefused("the archive of persons' keys belongs to another backup")
        if self.clock() - keys.taken_at > SUBJECTS_KEPT:
            raise BackupRefused(
                f"the archive of persons' keys is older than {SUBJECTS_KEPT.days} days: it may hold persons who were "
                "erased; remove it, and restore with --without-subjects"
            )
        require_whole(subjects, keys)
        return manifest

    def _sink_content(self, taken_at: datetime) -> SinkContent:
        try:
            with self.sink.open("rb") as lines:
                content = sink_content(lines, self.keys.sink, since=taken_at - BEFORE)
        except OSError as error:
            raise BackupRefused(f"{self.sink} cannot be read: {error.strerror}") from None
        if content.is_empty:
            raise BackupRefused(f"{self.sink} holds nothing that audit ships: it is not the sink of this deployment")
        return content

    def _require_told(self, losses: Sequence[Loss]) -> None:
        if losses and self.allow_loss is None:
            chains = ", ".join(f"{each.chain} after seq {each.seq}" for each in losses)
            raise BackupRefused(
                f"the backup is older than the shipped checkpoints, records are lost: {chains}; restore a newer "
                "backup, or say --allow-loss REASON"
            )

    async def _erase_again(self, store: Store, sink: SinkContent, hashes: DoNotContact) -> int:
        keys = self.keys
        erase = EraseAgain(
            store=store,
            do_not_contact=hashes,
            sealer=keys.secrets,
            post_keys=keys.posts,
            sink_sealer=keys.sink,
            clock=self.clock,
        )
        return await erase(sink.lines)

    async def _state(self, store: Store, manifest: Manifest, losses: Sequence[Loss]) -> None:
        """Leave a statement for each chain that lost records in the outbox: audit signs it when it starts."""
        waiting = {event.id async for event in outbox_of(store)}
        events = []
        for loss in losses:
            event = RecordRestored(
                account_id=account_of(loss.chain),
                actor=RESTORED,
                up_to=loss.seq,
                replaced=loss.replaced,
                reason=self.allow_loss or "",
            )
            id_ = str(uuid5(_STATEMENTS, f"{manifest.backup_id}:{loss.chain}:{','.join(loss.replaced)}"))
            if id_ not in waiting:
                body = event.model_dump_json(exclude_none=True).encode()
                events.append(OutboxEvent(id_, event.name, body, self.clock().timestamp()))
        await store.outbox.add(events)
