"""The witness's HTTP interface: `POST /add-checkpoint` and `GET /<origin hash>/checkpoint` (C2SP tlog-witness)."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from libs.record.keys import SigningKey
from libs.record.log_checkpoints import LogCheckpoint
from libs.record.signed_notes import NoteKey, NoteSignature, cosignature
from libs.record.witness_requests import AddCheckpoint, Refused, add_checkpoint_from, refusal_of
from tools.witness.state import WitnessFolder

MOST_BYTES: Final = 1 << 17
"""Of a request: a checkpoint with many signatures and 63 hashes."""
_SIZE_TYPE: Final = "text/x.tlog.size"


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """A witness of these `logs` (verifier keys by origin), with a name and a key of its own."""

    name: str
    key: SigningKey = field(repr=False)
    logs: Mapping[str, Sequence[NoteKey]]
    folder: WitnessFolder
    seconds: Callable[[], int]
    """The time, in seconds since 1970."""
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def add_checkpoint(self, request: web.Request) -> web.Response:
        """Cosign a checkpoint that extends what was seen last."""
        try:
            asked = add_checkpoint_from((await request.read()).decode())
        except ValueError:
            return web.Response(status=400, text="not a request to cosign\n")
        async with self._turn:  # from the comparison to the stored state: two requests must not roll the state back
            answer = await asyncio.to_thread(self.cosign, asked)
        if isinstance(answer, NoteSignature):
            return web.Response(text=answer.line)
        conflict = answer.status == 409
        content_type = _SIZE_TYPE if conflict else "text/plain"
        return web.Response(status=answer.status, body=answer.body.encode(), content_type=content_type)

    def cosign(self, asked: AddCheckpoint) -> NoteSignature | Refused:
        """The cosignature, once the checkpoint is on the disk; or why there is none."""
        given = asked.checkpoint
        refused = refusal_of(asked, self.logs, self.folder.seen(given.origin))
        if refused is not None:
            return refused
        signature = cosignature(given.note.text, self.name, self.key, at=self.seconds())
        own = given.note.only(self.logs[given.origin]).with_signatures([signature])
        self.folder.save(LogCheckpoint(given.origin, given.size, given.root, own))
        return signature

    async def show(self, request: web.Request) -> web.Response:
        """The checkpoint that was cosigned last, for whoever compares views."""
        name = request.match_info["origin"]
        found = await asyncio.to_thread(self.folder.newest, name)
        if found is None:
            raise web.HTTPNotFound(text="never cosigned\n")
        return web.Response(text=str(found.note))

    def application(self) -> web.Application:
        """The application with both addresses."""
        app = web.Application(client_max_size=MOST_BYTES)
        app.router.add_post("/add-checkpoint", self.add_checkpoint)
        app.router.add_get("/{origin:[0-9a-f]{64}}/checkpoint", self.show)
        return app


def logs_from(vkeys: Sequence[str]) -> dict[str, list[NoteKey]]:
    """The logs of verifier keys, whose names are the origins. Raises ValueError."""
    found: dict[str, list[NoteKey]] = {}
    for vkey in vkeys:
        key = NoteKey.from_vkey(vkey)
        found.setdefault(key.name, []).append(key)
    return found
