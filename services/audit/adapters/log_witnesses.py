"""`HttpWitness`: asks a witness for its cosignature (C2SP tlog-witness, `add-checkpoint`)."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import aiohttp

from libs.record.log_checkpoints import LogCheckpoint
from libs.record.signed_notes import NoteKey, NoteSignature, cosigned_at, signatures_from
from libs.record.witness_requests import add_checkpoint_request
from services.audit.ports import PathFrom

_TIMEOUT: Final = aiohttp.ClientTimeout(total=10)
_MOST_BYTES: Final = 1 << 16


@dataclass(slots=True)
class HttpWitness:
    """`Witness`. It remembers the size that the witness saw last, and asks when it does not know."""

    key: NoteKey
    address: str = field(repr=False)
    _seen: int = 0

    @property
    def name(self) -> str:
        """As `Witness.name`."""
        return self.key.name

    async def cosign(self, checkpoint: LogCheckpoint, path_from: PathFrom) -> NoteSignature:
        """As `Witness.cosign`. A witness that knows another size says so, and is asked once more from there."""
        status, body = await self._post(checkpoint, path_from)
        if status == HTTPStatus.CONFLICT:
            self._seen = _size_from(body)
            status, body = await self._post(checkpoint, path_from)
        if status != HTTPStatus.OK:
            raise ConnectionError(f"the witness answered {status}")
        self._seen = checkpoint.size
        return self._valid(checkpoint, body)

    async def _post(self, checkpoint: LogCheckpoint, path_from: PathFrom) -> tuple[int, str]:
        old = min(self._seen, checkpoint.size)
        request = add_checkpoint_request(old, await path_from(old), str(checkpoint.note))
        url = f"{self.address.rstrip('/')}/add-checkpoint"
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT) as session,
                session.post(url, data=request.encode(), allow_redirects=False) as answer,
            ):
                body = await answer.content.read(_MOST_BYTES)
                return answer.status, body.decode("utf-8", "replace")
        except (aiohttp.ClientError, TimeoutError) as failure:
            raise ConnectionError(f"the witness cannot be reached: {type(failure).__name__}") from None

    def _valid(self, checkpoint: LogCheckpoint, lines: str) -> NoteSignature:
        """The witness's own, valid signature in its answer; those of other keys are ignored."""
        try:
            added = [each for each in signatures_from(lines) if each.name == self.key.name]
        except ValueError:
            raise ConnectionError("the witness's answer cannot be read") from None
        for each in added:
            if cosigned_at(checkpoint.note.with_signatures([each]), self.key) is not None:
                return each
        raise ConnectionError("the witness's answer has no valid cosignature of its key")


def _size_from(body: str) -> int:
    text = body.removesuffix("\n")
    if not (text.isascii() and text.isdecimal()) or len(text) > 19:  # noqa: PLR2004 -- digits of 2^63
        raise ConnectionError("the witness's answer has no size")
    return int(text)
