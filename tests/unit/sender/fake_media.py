"""Files and uploads in memory."""

import tempfile
from dataclasses import dataclass, field
from typing import BinaryIO

from libs.contracts.content import MediaRequest
from libs.providers.outcomes import Uploaded, UploadOutcome
from libs.providers.outgoing import MediaFile, NumberCredentials
from services.sender.domain.outbound_files import NoFile
from tests.unit.sender.fake_world import World


@dataclass(frozen=True)
class FakeFile:
    """A fetched file."""

    file: BinaryIO
    declared: str | None = None


@dataclass
class FakeFiles:
    """Gives each address its content; `deleted` are the uploads that were sent."""

    world: World
    contents: dict[str, bytes | NoFile] = field(default_factory=dict)
    gets: int = 0
    opened: list[BinaryIO] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)

    async def get(self, media: MediaRequest, account_id: str) -> FakeFile | NoFile:
        await self.world.step()
        self.gets += 1
        found = self.contents.get(media.url or media.upload_id or "", NoFile("not_found"))
        if isinstance(found, NoFile):
            return found
        file = tempfile.TemporaryFile()  # noqa: SIM115 -- the sender closes it
        file.write(found)
        self.opened.append(file)
        return FakeFile(file)

    async def delete(self, media: MediaRequest) -> None:
        await self.world.step()
        if media.upload_id is not None:
            self.deleted.append(media.upload_id)


@dataclass
class FakeUploads:
    """Plays outcomes back, then takes every file; `taken` are the contents."""

    world: World
    outcomes: list[UploadOutcome] = field(default_factory=list)
    calls: int = 0
    taken: list[bytes] = field(default_factory=list)

    async def upload(self, number: NumberCredentials, file: MediaFile) -> UploadOutcome:
        await self.world.step()
        self.calls += 1
        outcome = self.outcomes.pop(0) if self.outcomes else Uploaded(f"media-{self.calls}")
        if isinstance(outcome, Uploaded):
            with file.open() as content:
                self.taken.append(content.read())
        await self.world.step()
        return outcome
