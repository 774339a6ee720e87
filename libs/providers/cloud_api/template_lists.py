"""Templates at the Cloud API: `GET /{version}/{business account}/message_templates`, page by page.

Meta, "Message templates": `parameter_format` is `POSITIONAL` (`{{1}}`) or `NAMED` (`{{first_name}}`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from libs.contracts.events import MAX_NAME
from libs.contracts.known_templates import KnownButton, KnownTemplate
from libs.contracts.text import without_controls
from libs.providers.cloud_api.responses import refusal_in
from libs.providers.http import HttpAnswer, fits_header, get_json
from libs.providers.json_values import Json, dict_in, id_in, list_in
from libs.providers.outcomes import NotSent, OutcomeUnknown, Refused, TemplatesOutcome, TemplatesRead
from libs.providers.outgoing import NumberCredentials
from libs.providers.provider import SenderOptions

FIELDS: Final = "name,status,category,language,components,quality_score,parameter_format"
PAGE: Final = 100
MAX_PAGES: Final = 100
"""More than the 6,000 templates that Meta allows a business account."""
MAX_PAGE_BYTES: Final = 4 * 1024 * 1024
MAX_BODY: Final = 4_096
NAME: Final = re.compile(r"[a-z0-9_]{1,512}", re.ASCII)
PLACEHOLDER: Final = re.compile(r"\{\{\s*([A-Za-z0-9_]{1,64})\s*\}\}", re.ASCII)
MEDIA_HEADERS: Final = {"IMAGE": "image", "VIDEO": "video", "DOCUMENT": "document"}


@dataclass(frozen=True, slots=True)
class Page:
    """One page, and the cursor of the next one."""

    items: tuple[Json, ...]
    after: str | None


@dataclass(frozen=True, slots=True)
class CloudApiTemplateLists:
    """Reads from the deployment's API address."""

    options: SenderOptions

    async def read(self, number: NumberCredentials, business_account_id: str | None) -> TemplatesOutcome:
        """As `libs.providers.provider.TemplateLists.read`. A page that fails fails the whole: no template is lost."""
        if business_account_id is None:
            return NotSent("business_account_unknown")
        if not fits_header(number.access_token):
            return NotSent("invalid_token")
        found: list[Json] = []
        after: str | None = None
        for _ in range(MAX_PAGES):
            page = await self._page(number, business_account_id, after)
            if not isinstance(page, Page):
                return page
            found += page.items
            after = page.after
            if after is None:
                return TemplatesRead(tuple(templates_in(found)))
        return OutcomeUnknown("too_many_pages")

    async def _page(
        self, number: NumberCredentials, business_account_id: str, after: str | None
    ) -> Page | Refused | OutcomeUnknown | NotSent:
        base = (number.base_url or self.options.api_url).rstrip("/")
        cursor = "" if after is None else f"&after={quote(after, safe='')}"
        return await get_json(
            self.options.session,
            f"{base}/{self.options.api_version}/{quote(business_account_id, safe='')}/message_templates"
            f"?fields={FIELDS}&limit={PAGE}{cursor}",
            headers={"Authorization": f"Bearer {number.access_token}"},
            outcome_from=_page_from,
            clock=self.options.clock,
            template="/{version}/{business_account_id}/message_templates",
            max_bytes=MAX_PAGE_BYTES,
        )


def _page_from(answer: HttpAnswer) -> Page | Refused | OutcomeUnknown:
    body = dict_in(answer.body)
    refused = refusal_in(answer, body.get("error"))
    if refused is not None:
        return refused
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return OutcomeUnknown("server_error", answer.status)
    if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
        return Refused(code=None, http_status=answer.status, retry_after=answer.retry_after)
    if not isinstance(body.get("data"), list):
        return OutcomeUnknown("no_templates", answer.status)
    paging = dict_in(body.get("paging"))
    cursor = id_in(dict_in(paging.get("cursors")).get("after"), longest=2_048)
    return Page(tuple(map(dict_in, list_in(body["data"]))), cursor if "next" in paging else None)


def templates_in(items: list[Json]) -> Iterator[KnownTemplate]:
    """The templates that can be read; one without a name or language cannot be sent and is left out."""
    for item in items:
        name, language = id_in(item.get("name")), id_in(item.get("language"), longest=16)
        if name is not None and language is not None and NAME.fullmatch(name):
            yield _template_from(item, name, language)


def _template_from(item: Json, name: str, language: str) -> KnownTemplate:
    parts = [dict_in(each) for each in list_in(item.get("components"))]
    body = next((_text(part) for part in parts if _word(part.get("type")) == "BODY"), "")
    header = next((part for part in parts if _word(part.get("type")) == "HEADER"), {})
    header_text = _text(header) if _word(header.get("format")) == "TEXT" else None
    buttons = [button for part in parts for button in list_in(part.get("buttons"))]
    return KnownTemplate(
        name=name,
        language=language,
        status=_word(item.get("status")),
        category=_word(item.get("category")),
        body=body,
        parameters=placeholders_of(body),
        named=_word(item.get("parameter_format")) == "NAMED",
        header=header_text,
        header_parameters=placeholders_of(header_text or ""),
        header_media=MEDIA_HEADERS.get(_word(header.get("format"))),
        buttons=tuple(_button_from(index, dict_in(each)) for index, each in enumerate(buttons[:10])),
        quality=_word(dict_in(item.get("quality_score")).get("score")) or None,
    )


def _button_from(index: int, button: Json) -> KnownButton:
    """An address with a placeholder takes a value, and so does the code of an authentication template (`OTP`)."""
    kind = _word(button.get("type"))
    takes = (kind == "URL" and PLACEHOLDER.search(str(button.get("url", ""))) is not None) or kind == "OTP"
    return KnownButton(index=index, type=kind, takes_value=takes)


def placeholders_of(text: str) -> tuple[str, ...]:
    """The names of a text's placeholders, each once, in order; numbered ones by number."""
    names = tuple(dict.fromkeys(PLACEHOLDER.findall(text)))
    return tuple(sorted(names, key=int)) if all(name.isdecimal() for name in names) else names


def _text(part: Json) -> str:
    text = part.get("text")
    return without_controls(text)[:MAX_BODY] if isinstance(text, str) else ""


def _word(value: object) -> str:
    word = value.upper() if isinstance(value, str) else ""
    return word[:MAX_NAME] if word.isascii() and word.isprintable() else ""
