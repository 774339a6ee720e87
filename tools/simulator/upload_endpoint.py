"""`UploadEndpoint`: `POST /{version}/{phone_number_id}/media`, as Meta answers it; `UploadedMedia` are its files."""

import hashlib
import time
from dataclasses import dataclass, field
from typing import Final

import orjson
from aiohttp import BodyPartReader, web

from tools.simulator.fault_responses import json_answer, respond_with_fault
from tools.simulator.graph import token_error
from tools.simulator.meta_errors import MetaError, error_from, invalid_request, unknown_number
from tools.simulator.send_requests import Send
from tools.simulator.simulator_state import SimulatorState, UploadedMedia

MB: Final = 1024 * 1024
LIMITS: Final = {"image/": 5 * MB, "audio/": 16 * MB, "video/": 16 * MB}
TYPES: Final = frozenset(
    {
        *("image/jpeg", "image/png", "image/webp", "audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"),
        *("video/mp4", "video/3gpp", "text/plain", "application/pdf", "application/msword"),
        *("application/vnd.ms-excel", "application/vnd.ms-powerpoint"),
        *(
            f"application/vnd.openxmlformats-officedocument.{each}"
            for each in ("wordprocessingml.document", "spreadsheetml.sheet", "presentationml.presentation")
        ),
    }
)


@dataclass(slots=True)
class _Form:
    product: str = ""
    mime_type: str = ""
    size: int = 0
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)


@dataclass(frozen=True, slots=True)
class UploadEndpoint:
    """The media endpoint of every number. An upload counts as a request."""

    state: SimulatorState

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Authenticate, read the form, apply the fault script, validate and keep the file's digest."""
        send = Send(request.match_info["phone_number_id"], None, is_upload=True)
        form = await _form_in(request)
        error = token_error(request, self.state.settings) or self._error_of(send, form)
        fault = None if error else self.state.fault_for(send)
        answer, outcome = self._answer_to(send, form, error, accepted=fault is None or fault.accepts)
        self.state.history.add_request(send, f"fault:{fault.kind}" if fault else outcome, at=time.time())
        if fault is None:
            return answer
        return await respond_with_fault(
            request, fault, answer, fbtrace_id=self.state.ids.fbtrace_id(), released=self.state.released
        )

    def _error_of(self, send: Send, form: _Form) -> MetaError | None:
        known = self.state.settings.phone_number_ids
        if known and send.phone_number_id not in known:
            return unknown_number(send.phone_number_id)
        if form.product != "whatsapp":
            return invalid_request("The parameter messaging_product is required.")
        if form.mime_type not in TYPES:
            return invalid_request(f"Param file must be a file with one of the supported types, not {form.mime_type}.")
        limit = next((size for kind, size in LIMITS.items() if form.mime_type.startswith(kind)), 100 * MB)
        return error_from(131053) if not 0 < form.size <= limit else None

    def _answer_to(
        self, send: Send, form: _Form, error: MetaError | None, *, accepted: bool
    ) -> tuple[web.Response, str]:
        if error is not None:
            body = error.envelope(self.state.ids.fbtrace_id())
            return json_answer(body, status=error.status), f"error:{error.code}"
        media_id = str(10**14 + len(self.state.uploads))
        if accepted:
            digest = form.digest.hexdigest()
            self.state.uploads[media_id] = UploadedMedia(send.phone_number_id, form.mime_type, form.size, digest)
        return json_answer(orjson.dumps({"id": media_id})), "uploaded"


async def _form_in(request: web.Request) -> _Form:
    form = _Form()
    if not request.content_type.startswith("multipart/"):
        return form
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            continue
        content = bytearray()
        while chunk := await part.read_chunk(256 * 1024):
            if part.name == "file":
                form.size += len(chunk)
                form.digest.update(chunk)
            else:
                content += chunk
        if part.name == "messaging_product":
            form.product = content.decode()
        elif part.name == "file":
            form.mime_type = part.headers.get("Content-Type", "")
    return form
