"""`PrepareMedia`: gets, checks and uploads the media of a message before its call is claimed.

The rule: nothing here sends a message, so all of it may be repeated: after a crash, and after an upload without answer.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Final, Protocol
from uuid import UUID

from libs.chassis.clock import Clock
from libs.chassis.telemetry import logger
from libs.contracts.content import MediaRequest
from libs.contracts.events import MessageApproved
from libs.providers.errors import Classification, ErrorTable, Verdict
from libs.providers.outcomes import Refused, Uploaded, UploadOutcome
from libs.providers.outgoing import MediaFile, NumberCredentials, ReadyMedia
from libs.providers.provider import MediaUploads
from libs.store.accounts import Number
from services.sender import metrics
from services.sender.domain.outbound_files import CheckedFile, NoFile, check, media_of, shown_name
from services.sender.domain.results import Refusal, Result, failed, refused
from services.sender.domain.template_files import TemplateFileLinks
from services.sender.ports import Numbers

log = logger(__name__)
UPLOAD_TRIES: Final = 3
UPLOAD_PAUSES: Final = (0.5, 1.5)
LONGEST_PREPARATION_S: Final = 240.0
"""Seconds within which media are ready or refused: the fetch, and three uploads of the largest file."""
AT_ONCE: Final = 4
"""Files that one sender holds at a time; each is at most 100 MB of temporary disk."""
MAX_REMEMBERED: Final = 1_000


class Fetched(Protocol):
    """A file and its declared type."""

    @property
    def file(self) -> BinaryIO:
        """The file; whoever has it closes it."""
        ...

    @property
    def declared(self) -> str | None:
        """The type that its sender declared."""
        ...


class Files(Protocol):
    """Gets the files of messages."""

    async def get(self, media: MediaRequest, account_id: str) -> Fetched | NoFile:
        """The file of a message. Raises GatewayError(gateway_unavailable) when the store cannot be read."""
        ...

    async def delete(self, media: MediaRequest) -> None:
        """The message is done. Safe to repeat."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareMedia:
    """Makes media ready: uploaded under an id, as a file that the message will hold, or, in a template, by a link."""

    files: Files
    numbers: Numbers
    uploads: Mapping[str, MediaUploads]
    """By provider; one without uploads is given the file with the message, and the link to a template's one."""
    links: TemplateFileLinks
    errors: Mapping[str, ErrorTable]
    clock: Clock
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _ready: dict[UUID, ReadyMedia] = field(default_factory=dict)
    """What is uploaded already and not sent yet: a message that waits for its slot is not uploaded again."""
    _held: dict[UUID, BinaryIO] = field(default_factory=dict)
    """The files that messages will hold themselves; each has its slot until it is let go."""

    async def __call__(self, approved: MessageApproved, number: Number | None) -> ReadyMedia | Result | None:
        """The media ready to be named; the result when it cannot be sent; None for a message without media."""
        media = media_of(approved)
        if media is None or number is None:
            return None  # without a number the message fails where it is prepared
        if (known := self._ready.get(approved.event_id)) is not None:
            return known
        await self._slots.acquire()
        try:
            ready = await self._prepared(media, approved, number)
        finally:
            if approved.event_id not in self._held:
                self._slots.release()
        metrics.OUTBOUND_MEDIA.labels(_outcome_of(ready)).inc()
        if isinstance(ready, ReadyMedia) and ready.id is not None:
            if len(self._ready) >= MAX_REMEMBERED:
                self._ready.clear()
            self._ready[approved.event_id] = ready
        return ready

    def close_file(self, event_id: UUID) -> None:
        """The delivery ended, with or without a result: the file that it holds is closed. Safe to repeat."""
        file = self._held.pop(event_id, None)
        if file is not None:
            file.close()
            self._slots.release()

    async def finish(self, approved: MessageApproved, number: Number | None, *, sent: bool) -> None:
        """The message has its result: forget what was ready, and delete the upload that was sent.

        WhatsApp fetches what a link leads to after it took the message: such an upload ends by itself after its day.
        """
        self._ready.pop(approved.event_id, None)
        media = media_of(approved)
        if media is not None and sent and not self._linked(approved, number):
            await self.files.delete(media)

    def _linked(self, approved: MessageApproved, number: Number | None) -> bool:
        """Whether the file is a template's, and the provider has no uploads."""
        return approved.media is None and number is not None and number.provider not in self.uploads

    async def _prepared(self, media: MediaRequest, approved: MessageApproved, number: Number) -> ReadyMedia | Result:
        credentials = self.numbers.credentials(number)
        if credentials is None:
            return failed("token_unreadable")
        fetched = await self.files.get(media, approved.account_id or "")
        if isinstance(fetched, NoFile):
            return fetched.result(media)
        checked = await asyncio.to_thread(check, fetched.file, media.kind, fetched.declared)
        if isinstance(checked, NoFile):
            fetched.file.close()
            return checked.result(media)
        file = _reopened(fetched.file, checked)
        uploads = self.uploads.get(number.provider)
        ready = ReadyMedia(kind=media.kind, file=file, filename=shown_name(media, checked.mime_type))
        if uploads is None and approved.media is not None:
            self._held[approved.event_id] = fetched.file
            return ready
        try:
            if uploads is None:
                link = self.links.link(approved, media, checked, name=ready.filename, now=self.clock())
                return replace(ready, link=link)
            uploaded = await self._upload(uploads, credentials, file, self.errors[number.provider])
        finally:
            fetched.file.close()
        return uploaded if isinstance(uploaded, Result) else replace(ready, id=uploaded.media_id)

    async def _upload(
        self, uploads: MediaUploads, credentials: NumberCredentials, file: MediaFile, errors: ErrorTable
    ) -> Uploaded | Result:
        """Upload, and again after faults: an upload without answer sends nothing."""
        outcome: UploadOutcome = await uploads.upload(credentials, file)
        for pause in UPLOAD_PAUSES[: UPLOAD_TRIES - 1]:
            if isinstance(outcome, Uploaded) or not _may_pass(outcome, errors):
                break
            await self.sleep(pause)
            outcome = await uploads.upload(credentials, file)
        if isinstance(outcome, Uploaded):
            return outcome
        log.warning("upload failed", number_id=credentials.number_id, outcome=type(outcome).__name__)
        if isinstance(outcome, Refused):
            return self._refused(outcome, errors.classify(outcome))
        return failed("media_upload_failed", problem=outcome.reason)

    def _refused(self, outcome: Refused, found: Classification) -> Result:
        """The result of a refused upload; it has the effects that a refused message has."""
        result = refused(found, provider_code=outcome.code, attempts=UPLOAD_TRIES, trace_id=outcome.trace_id)
        refusal = Refusal(code=outcome.code, http_status=outcome.http_status, reason=outcome.reason, at=self.clock())
        return replace(result, refusal=refusal)


def _may_pass(outcome: UploadOutcome, errors: ErrorTable) -> bool:
    """Whether another try may help: after every fault of the network, and refusals that pass."""
    if not isinstance(outcome, Refused):
        return True
    found: Classification = errors.classify(outcome)
    return found.verdict is Verdict.RETRY


def _reopened(file: BinaryIO, checked: CheckedFile) -> MediaFile:
    """The file for any number of readers, each from the start; it is gone when the last one is closed."""

    def reader() -> BinaryIO:
        opened = os.fdopen(os.dup(file.fileno()), "rb")
        opened.seek(0)
        return opened

    return MediaFile(mime_type=checked.mime_type, bytes=checked.bytes, sha256=checked.sha256, open=reader)


def _outcome_of(ready: ReadyMedia | Result) -> str:
    if isinstance(ready, ReadyMedia):
        return "ready"
    return "upload_failed" if ready.code.value == "gateway_send_failed" else "refused"
