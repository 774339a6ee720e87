"""Request and response models of WhatsApp's templates, and of uploads."""

from pydantic import AwareDatetime

from libs.contracts.known_templates import KnownTemplate
from libs.store.templates import Synchronisation
from libs.store.uploads import KEPT, Upload
from services.console.domain.fields import Id, RequestBody
from services.console.domain.pagination import QueryParams, View


class TemplatesQuery(QueryParams):
    """Whose templates are listed."""

    instance_id: Id
    """The WhatsApp number that sends them."""


class SyncTemplatesRequest(RequestBody):
    """Whose templates are read from WhatsApp again."""

    instance_id: Id


class KnownTemplateView(View):
    """A template of WhatsApp in one language."""

    name: str
    language: str
    status: str
    category: str
    body: str
    parameters: tuple[str, ...]
    """The placeholders of the body, in order; `1`, `2` … for numbered ones."""
    header_parameters: tuple[str, ...]
    header_media: str | None
    """`image`, `video` or `document`, when the header shows a file."""
    buttons: tuple[str, ...]
    """`0 URL`, `1 QUICK_REPLY` …; a `*` marks one that needs a value."""
    quality: str | None


class TemplatesView(View):
    """The templates of a number's business account, as WhatsApp listed them at `synced_at`."""

    business_account_id: str | None
    """Null until a webhook of the number has named it."""
    synced_at: AwareDatetime | None
    due_at: AwareDatetime | None
    """When they are read next."""
    problem: str | None
    """Why the last read failed."""
    items: tuple[KnownTemplateView, ...]


class UploadQuery(QueryParams):
    """Whose file it is."""

    account_id: Id


class UploadCreated(View):
    """A file that can be sent once, as `upload_id` of a message's media."""

    upload_id: str
    mime_type: str
    bytes: int
    sha256: str
    expires_at: AwareDatetime


def template_view_from(template: KnownTemplate) -> KnownTemplateView:
    """The view of one template."""
    return KnownTemplateView(
        name=template.name,
        language=template.language,
        status=template.status,
        category=template.category,
        body=template.body,
        parameters=template.parameters,
        header_parameters=template.header_parameters,
        header_media=template.header_media,
        buttons=tuple(f"{each.index} {each.type}{'*' if each.takes_value else ''}" for each in template.buttons),
        quality=template.quality,
    )


def templates_view_from(
    business_account_id: str | None, state: Synchronisation | None, templates: list[KnownTemplateView]
) -> TemplatesView:
    """The view of all templates."""
    return TemplatesView(
        business_account_id=business_account_id,
        synced_at=None if state is None else state.synced_at,
        due_at=None if state is None else state.due_at,
        problem=None if state is None else state.problem,
        items=tuple(templates),
    )


def upload_view_from(upload: Upload) -> UploadCreated:
    """The view of a complete upload."""
    return UploadCreated(
        upload_id=upload.id,
        mime_type=upload.mime_type,
        bytes=upload.bytes,
        sha256=upload.sha256,
        expires_at=upload.at + KEPT,
    )
