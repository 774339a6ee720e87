"""All that one running simulator knows, in one place that handlers share; `settings` never change, `behaviour` may."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from tools.simulator.behaviour import Behaviour
from tools.simulator.faults import Script
from tools.simulator.limits import PairRates, Windows
from tools.simulator.memory import Memory
from tools.simulator.webhooks import Webhooks
from tools.simulator.wire import Ids


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """How a simulator starts. An empty list of numbers or tokens means that any one is taken."""

    app_secret: str = field(default="", repr=False)
    phone_number_ids: tuple[str, ...] = ()
    access_tokens: tuple[str, ...] = field(default=(), repr=False)
    journal: Path | None = None
    max_messages: int = 200_000
    behaviour: Behaviour = field(default_factory=Behaviour)


class State:
    """The parts that handlers share, and how they are put back to the start."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self.settings = settings
        self.behaviour = settings.behaviour
        self.script = Script()
        self.ids = Ids()
        self.memory = Memory(settings.max_messages, settings.journal)
        self.webhooks = Webhooks(lambda: self.behaviour, settings.app_secret)
        self.pairs = PairRates()
        self.windows = Windows()
        self.released = asyncio.Event()  # set: everything that hangs lets go of its line

    def behave(self, behaviour: Behaviour) -> None:
        """From now on behave so; ValueError where webhooks could not be signed."""
        if behaviour.webhook_urls and not self.settings.app_secret:
            raise ValueError("Webhook URLs need an app secret: WhatsApp signs every webhook.")
        self.behaviour = behaviour

    async def reset(self) -> None:
        """As after the start: no messages, no script, nothing pending, hanging requests cut off."""
        await self.webhooks.cancel()
        self.release()
        self.behaviour = self.settings.behaviour
        self.script = Script()
        self.memory.forget()
        self.webhooks.counts.clear()
        self.pairs = PairRates()
        self.windows = Windows()

    def release(self) -> None:
        """Cut off the requests that hang now; later ones hang again."""
        self.released.set()
        self.released = asyncio.Event()


STATE: web.AppKey[State] = web.AppKey("simulator_state", State)
