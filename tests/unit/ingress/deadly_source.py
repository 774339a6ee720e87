"""`Deadly`: a source of webhooks that no reader survives. It imports little, as the reader's process imports it too."""

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass

from libs.providers.inbound import Inbound, UnreadablePost, WebhookRequest
from services.ingress.adapters.reading import CPU_SECONDS, MEMORY


@dataclass(frozen=True)
class Deadly:
    """A source whose reader ends the process with a signal, takes all memory, computes for ever or just waits."""

    how: str

    def challenge(self, query: Mapping[str, str]) -> str | None:
        return None

    def authenticate(self, request: WebhookRequest) -> bool:
        return True

    def parse(self, request: WebhookRequest) -> Inbound:
        match self.how:
            case "dies":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "raises":
                raise RuntimeError("a text of a customer")
            case "memory":
                return Inbound(unreadable=(UnreadablePost(b"x" * (2 * MEMORY)),))
            case "computes":
                signal.setitimer(signal.ITIMER_PROF, signal.getitimer(signal.ITIMER_PROF)[0] / (CPU_SECONDS * 20))
                while True:
                    pass
            case "waits":
                signal.pause()
            case _:
                pass
        return Inbound()
