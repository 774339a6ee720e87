"""Stand-ins for what somebody else runs: a witness and a time stamping authority that refuse at first.

The witness is the one of `gateway witness`; the authority is OpenSSL's.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer

from libs.record.keys import SigningKey, key_ring_from
from libs.record.log_checkpoints import log_keys
from libs.record.signed_notes import COSIGNATURE, NoteKey
from tests.unit.audit.test_log_timestamps import Authority
from tools.witness.server import Witness
from tools.witness.state import WitnessFolder

ORIGIN = "whatsapp-gateway"
"""The default of `GATEWAY_LOG_ORIGIN`."""
KEY = SigningKey("witness.example/w1", b"w" * 32)


@dataclass(eq=False)
class Stranger:
    """A server at an address; it answers 503 while it refuses."""

    refuses: bool = True
    url: str = field(default="", init=False)

    @asynccontextmanager
    async def serving(self, app: web.Application) -> AsyncIterator[None]:
        """Serve the application while the block runs."""

        @web.middleware
        async def refuse(request: web.Request, handler: object) -> web.StreamResponse:
            return web.Response(status=503) if self.refuses else await handler(request)  # type: ignore[operator]

        app.middlewares.append(refuse)
        server = TestServer(app)
        await server.start_server()
        self.url = str(server.make_url("/"))
        try:
            yield
        finally:
            await server.close()


@dataclass(eq=False)
class Strangers:
    """Both, and the settings of audit that name them."""

    folder: Path
    signing_keys: str = field(repr=False)
    witness: Stranger = field(default_factory=Stranger)
    authority: Stranger = field(default_factory=Stranger)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Strangers"]:
        """Serve both while the block runs."""
        self.folder.mkdir()
        tsa = Authority(self.folder)
        await asyncio.to_thread(tsa.make)
        async with self.witness.serving(self._witness().application()), self.authority.serving(_authority(tsa)):
            yield self

    @property
    def settings(self) -> dict[str, str]:
        """The settings of an audit that uses them."""
        vkey = NoteKey(KEY.kid, KEY.public, COSIGNATURE).vkey
        return {
            "GATEWAY_WITNESSES": f"{vkey} {self.witness.url}",
            "GATEWAY_TSA_URL": self.authority.url,
            "GATEWAY_TSA_ROOTS": str(self.folder / "ca.pem"),
        }

    def _witness(self) -> Witness:
        keys = log_keys(ORIGIN, key_ring_from(self.signing_keys).keys)
        folder = WitnessFolder(self.folder)
        return Witness(name=KEY.kid, key=KEY, logs={ORIGIN: keys}, folder=folder, seconds=lambda: int(time.time()))


def _authority(tsa: Authority) -> web.Application:
    async def answer(request: web.Request) -> web.Response:
        body = await asyncio.to_thread(tsa.answer, await request.read())
        return web.Response(body=body, content_type="application/timestamp-reply")

    app = web.Application()
    app.router.add_post("/", answer)
    return app
