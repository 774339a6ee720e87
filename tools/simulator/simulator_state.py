"""`SimulatorState`: the state that the handlers share. `settings` are constant, `behaviour` may change."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from tools.simulator.behaviour import Behaviour
from tools.simulator.faults import Fault, FaultScript
from tools.simulator.history import History
from tools.simulator.ids import Ids
from tools.simulator.limits import ENTRY_POINT_SECONDS, Media, PairRates, Windows
from tools.simulator.restrictions import Restriction, first_fault
from tools.simulator.send_requests import Send
from tools.simulator.status_payloads import Pricing
from tools.simulator.webhook_sender import WebhookSender


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """A simulator's settings. Without numbers or tokens, every number or token is accepted."""

    app_secret: str = field(default="", repr=False)
    phone_number_ids: tuple[str, ...] = ()
    access_tokens: tuple[str, ...] = field(default=(), repr=False)
    journal: Path | None = None
    max_messages: int = 200_000
    behaviour: Behaviour = field(default_factory=Behaviour)


@dataclass(frozen=True, slots=True)
class UploadedMedia:
    """A file that was uploaded to a number; its content is not kept."""

    phone_number_id: str
    mime_type: str
    bytes: int
    sha256: str


class SimulatorState:
    """The parts that handlers share, and their reset."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self.settings = settings
        self.behaviour = settings.behaviour
        self.script = FaultScript()
        self.ids = Ids()
        self.history = History(settings.max_messages, settings.journal)
        self.webhooks = WebhookSender(lambda: self.behaviour, settings.app_secret)
        self.restrictions: tuple[Restriction, ...] = ()
        self.pairs = PairRates()
        self.windows = Windows()
        self.entry_points = Windows(ENTRY_POINT_SECONDS)
        self.media = Media()
        self.ended_urls: dict[str, int] = {}  # how often each file's download was answered 404 for an ended URL
        self.uploads: dict[str, UploadedMedia] = {}
        self.contact_book: list[tuple[str, str]] = []  # what was deleted from it: number and user id
        self.templates: dict[str, tuple[dict[str, Any], ...]] = {}  # by business account; none: not checked
        self.user_ids: dict[str, str] = {}  # by the phone of a customer who wrote with both
        self.released = asyncio.Event()  # set: hanging requests end

    def set_behaviour(self, behaviour: Behaviour) -> None:
        """Change the behaviour. Raises ValueError for webhook URLs without an app secret."""
        if behaviour.webhook_urls and not self.settings.app_secret:
            raise ValueError("Webhook URLs need an app secret: WhatsApp signs every webhook.")
        self.behaviour = behaviour

    async def reset(self) -> None:
        """Return to the initial state: no messages, no script, no pending webhooks, no hanging requests."""
        await self.webhooks.cancel()
        self.release()
        self.behaviour = self.settings.behaviour
        self.script = FaultScript()
        self.history.clear()
        self.webhooks.counts.clear()
        self.restrictions = ()
        self.pairs = PairRates()
        self.windows = Windows()
        self.entry_points = Windows(ENTRY_POINT_SECONDS)
        self.media = Media()
        self.ended_urls = {}
        self.uploads = {}
        self.contact_book = []
        self.templates = {}
        self.user_ids = {}

    def fault_for(self, send: Send) -> Fault | None:
        """The fault of this request: a restriction's, else the script's; counts it for the script."""
        return first_fault(self.restrictions, send) or self.script.fault_for(send)

    def wa_id_of(self, to: str) -> str:
        """WhatsApp's own spelling of a customer's phone; the same without an entry in `wa_ids`."""
        return self.behaviour.wa_ids.get(to, to)

    def pricing_of(self, send: Send, *, now: float) -> Pricing:
        """What the message costs."""
        template = self.behaviour.template_category if send.type == "template" else None
        return Pricing(template, entry_point=self.entry_points.is_open(send.phone_number_id, send.to, now=now))

    def release(self) -> None:
        """End the requests that hang now; later ones hang again."""
        self.released.set()
        self.released = asyncio.Event()


STATE: web.AppKey[SimulatorState] = web.AppKey("simulator_state", SimulatorState)
