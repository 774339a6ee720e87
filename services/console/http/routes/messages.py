"""Routes about messages: templates and files, events, forwards, dead letters, simulations."""

from http import HTTPStatus

from libs.contracts.events import SimulationRequested
from services.console.domain.access import CONFIGURATION, Recorded, RecordedBy, Unrecorded
from services.console.domain.dead_letters import DeadLetterQuery, DeadLetterView, DiscardRequest
from services.console.domain.events import EventQuery, EventTimeline, RecordView
from services.console.domain.forwards import ForwardDetail, ForwardQuery, ForwardView
from services.console.domain.known_templates import (
    SyncTemplatesRequest,
    TemplatesQuery,
    TemplatesView,
    UploadCreated,
    UploadQuery,
)
from services.console.domain.pagination import ListPage
from services.console.domain.principals import Role
from services.console.domain.simulations import SimulationRequest, SimulationView
from services.console.handlers.dead_letters import DeadLetters
from services.console.handlers.events import Events
from services.console.handlers.forwards import Forwards
from services.console.handlers.known_templates import KnownTemplates
from services.console.handlers.simulations import SimulateDecision
from services.console.handlers.uploads import StoreUpload
from services.console.http.route import Route, get, post

CREATED = (HTTPStatus.CREATED,)


def content_routes(templates: KnownTemplates, store_upload: StoreUpload) -> tuple[Route, ...]:
    """Templates, and files to send."""
    return (
        get(
            "/templates",
            "list_templates",
            "List WhatsApp's templates of a number.",
            templates.list,
            TemplatesView,
            query=TemplatesQuery,
            access=CONFIGURATION,
        ),
        post(
            "/templates/sync",
            "sync_templates",
            "Read a number's templates from WhatsApp again.",
            templates.sync,
            TemplatesView,
            body=SyncTemplatesRequest,
        ),
        Route(
            "POST",
            "/uploads",
            "upload_file",
            "Upload a file of at most 16 MB to be sent within 24 hours.",
            store_upload,
            {HTTPStatus.CREATED: UploadCreated},
            Role.OPERATOR,
            query=UploadQuery,
            limited=True,
            takes_file=True,
            access=Unrecorded("takes a file, and shows nothing of others"),
        ),
    )


def events_routes(events: Events, forwards: Forwards) -> tuple[Route, ...]:
    """Events and forwards."""
    return (
        get(
            "/events",
            "list_events",
            "Search the audit record",
            events.page,
            ListPage[RecordView],
            query=EventQuery,
            access=Recorded(),
        ),
        get(
            "/events/{event_id}",
            "show_event",
            "Show every record about one webhook or message",
            events.timeline,
            EventTimeline,
            access=Recorded(),
        ),
        get(
            "/forwards",
            "list_forwards",
            "List forwards",
            forwards.page,
            ListPage[ForwardView],
            query=ForwardQuery,
            access=Recorded(),
        ),
        get(
            "/forwards/{forward_id}",
            "show_forward",
            "Show a forward with its attempts",
            forwards.show,
            ForwardDetail,
            access=Recorded(),
        ),
    )


def dead_letters_routes(dead_letters: DeadLetters) -> tuple[Route, ...]:
    """Dead letters."""
    one = "/dead-letters/{dead_letter_id}"
    return (
        get(
            "/dead-letters",
            "list_dead_letters",
            "List dead letters",
            dead_letters.page,
            ListPage[DeadLetterView],
            query=DeadLetterQuery,
            access=Recorded(),
        ),
        get(
            one,
            "show_dead_letter",
            "Show a dead letter, without its content",
            dead_letters.show,
            DeadLetterView,
            access=Recorded(),
        ),
        post(
            f"{one}/replay",
            "replay_dead_letter",
            "Replay a dead letter",
            dead_letters.replay,
            DeadLetterView,
            conflicts=True,
        ),
        post(
            f"{one}/discard",
            "discard_dead_letter",
            "Discard a dead letter: its content is deleted, and the reason is on record",
            dead_letters.discard,
            DeadLetterView,
            body=DiscardRequest,
            conflicts=True,
        ),
    )


def policy_routes(simulate: SimulateDecision) -> tuple[Route, ...]:
    """Simulated decisions."""
    return (
        post(
            "/policy/simulate",
            "simulate",
            "Show the decision that would be made about a webhook, with its receipt; sends and counts nothing",
            simulate,
            SimulationView,
            body=SimulationRequest,
            role=Role.AUDITOR,
            limited=True,
            access=RecordedBy(SimulationRequested),
        ),
    )
