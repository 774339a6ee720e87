"""What an agent's message may hold besides text: a template, media, buttons or a list; as 3CX sends it.

The limits are WhatsApp's (Meta, "Send messages": interactive, media and template messages). A body that breaks one is
refused before anything is called, so the limits stand here, where the body is read.
"""

from enum import StrEnum, unique
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from libs.contracts.identity import Personal

MAX_CAPTION: Final = 1_024
"""Characters of a caption, and of the text above buttons."""
MAX_LIST_TEXT: Final = 4_096
"""Characters of the text above a list."""
MAX_BUTTONS, MAX_ROWS = 3, 10
MAX_PARAMETERS: Final = 64
"""Parameters of one part of a template; templates of WhatsApp have fewer."""
REQUEST_CONTACT_INFO: Final = "request_contact_info"
"""WhatsApp's name for the question for a customer's phone number (Meta, "Business-scoped user IDs")."""


def _wrong(problem: str, **limits: int) -> PydanticCustomError:
    return PydanticCustomError("wrong", "{problem}", {"problem": problem, **limits})


def _not_blank(value: str) -> str:
    if not value.strip():
        raise _wrong("missing")
    return value


WrittenText = Annotated[str, Personal.TEXT, AfterValidator(_not_blank)]
"""A text from outside that is not blank."""


class _Part(BaseModel):
    """Unknown keys are refused where 3CX's body is read, and ignored on the wire: a later release may add one."""

    model_config = ConfigDict(frozen=True, extra="ignore")


@unique
class MediaKind(StrEnum):
    """The kinds of media that can be sent."""

    IMAGE = "image"
    DOCUMENT = "document"
    AUDIO = "audio"
    VIDEO = "video"


class MediaRequest(_Part):
    """Media to send: exactly one of `url`, which the gateway fetches, and `upload_id`, of `POST /api/v1/uploads`."""

    kind: MediaKind
    url: Annotated[WrittenText, Field(max_length=2_048)] | None = Field(default=None, repr=False)
    upload_id: Annotated[str, Field(pattern=r"^upl_[0-9a-f]{32}$")] | None = None
    caption: Annotated[WrittenText, Field(max_length=MAX_CAPTION)] | None = Field(default=None, repr=False)
    """Not for audio, which WhatsApp shows without one."""
    filename: Annotated[WrittenText, Field(max_length=240)] | None = Field(default=None, repr=False)
    """Shown for a document."""

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if (self.url is None) == (self.upload_id is None):
            raise _wrong("one_of_url_and_upload_id")
        if self.kind is MediaKind.AUDIO and self.caption is not None:
            raise _wrong("audio_takes_no_caption")
        return self


class TemplateHeader(_Part):
    """The values of a template's header: texts, or the media that it shows."""

    text: tuple[WrittenText, ...] | None = Field(default=None, repr=False, max_length=MAX_PARAMETERS)
    media: MediaRequest | None = None

    @model_validator(mode="after")
    def _has_one_kind(self) -> Self:
        if (self.text is None) == (self.media is None):
            raise _wrong("one_of_text_and_media")
        if self.media is not None and (self.media.caption is not None or self.media.kind is MediaKind.AUDIO):
            raise _wrong("no_caption_and_no_audio")
        return self


class TemplateButton(_Part):
    """The value of one of a template's buttons: the end of its address, or what pressing it tells us."""

    index: Annotated[int, Field(ge=0, le=9, strict=True)]
    type: Literal["url", "quick_reply"]
    value: Annotated[WrittenText, Field(max_length=2_000)] = Field(repr=False)


class TemplateRequest(_Part):
    """An approved template of WhatsApp, asked for by name, with the values of its placeholders."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,512}$")]
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(_[A-Za-z]{2,4})?$")]
    header: TemplateHeader | None = None
    body: tuple[WrittenText, ...] | dict[str, WrittenText] = Field(default=(), repr=False, max_length=MAX_PARAMETERS)
    """In order, or by name for a template with named placeholders."""
    buttons: tuple[TemplateButton, ...] = Field(default=(), max_length=10)

    @model_validator(mode="after")
    def _names_each_button_once(self) -> Self:
        if len({button.index for button in self.buttons}) != len(self.buttons):
            raise _wrong("an_index_twice")
        return self

    @property
    def media(self) -> MediaRequest | None:
        """The media of the header; None without."""
        return None if self.header is None else self.header.media


class ReplyButton(_Part):
    """A button under a text; pressing it sends its title back, with its id."""

    id: Annotated[WrittenText, Field(max_length=256)] = Field(repr=False)
    title: Annotated[WrittenText, Field(max_length=20)] = Field(repr=False)


class ListRow(_Part):
    """A row of a list."""

    id: Annotated[WrittenText, Field(max_length=256)] = Field(repr=False)
    title: Annotated[WrittenText, Field(max_length=24)] = Field(repr=False)
    description: Annotated[WrittenText, Field(max_length=72)] | None = Field(default=None, repr=False)


@unique
class InteractiveForm(StrEnum):
    """What stands under the text of an interactive message."""

    BUTTONS = "buttons"
    LIST = "list"
    CONTACT_REQUEST = "contact_request"
    """A button with which the customer shares the phone number; WhatsApp words it."""


class InteractiveRequest(_Part):
    """A text with buttons to press, with a list that `button` opens, or with the question for the phone number."""

    type: Literal["request_contact_info"] | None = Field(default=None, exclude_if=lambda value: value is None)
    """`request_contact_info` asks the customer for the phone number; neither buttons nor a list go with it."""
    text: Annotated[WrittenText, Field(max_length=MAX_LIST_TEXT)] = Field(repr=False)
    buttons: tuple[ReplyButton, ...] = Field(default=(), max_length=MAX_BUTTONS)
    button: Annotated[WrittenText, Field(max_length=20)] | None = Field(default=None, repr=False)
    rows: tuple[ListRow, ...] = Field(default=(), max_length=MAX_ROWS)

    @model_validator(mode="after")
    def _has_one_form(self) -> Self:
        if self.type is not None:
            return self._with_text_alone()
        if bool(self.buttons) == bool(self.rows) or bool(self.rows) != (self.button is not None):
            raise _wrong("buttons_or_a_list")
        for ids in ([each.id for each in self.buttons], [each.id for each in self.rows]):
            if len(set(ids)) != len(ids):
                raise _wrong("an_id_twice")
        titles = [each.title for each in self.buttons]
        if len(set(titles)) != len(titles):
            raise _wrong("a_title_twice")
        if self.buttons and len(self.text) > MAX_CAPTION:
            raise _wrong("too_long", limit=MAX_CAPTION)
        return self

    def _with_text_alone(self) -> Self:
        if self.buttons or self.rows or self.button is not None:
            raise _wrong("contact_request_takes_text_alone")
        if len(self.text) > MAX_CAPTION:
            raise _wrong("too_long", limit=MAX_CAPTION)
        return self

    @property
    def form(self) -> InteractiveForm:
        """What stands under the text."""
        if self.type is not None:
            return InteractiveForm.CONTACT_REQUEST
        return InteractiveForm.BUTTONS if self.buttons else InteractiveForm.LIST


class ContentProblem(BaseModel):
    """Why the content of a message cannot be read; it holds names of ours and numbers, nothing that was sent."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    field: str
    """The path of the value, such as `template.body.0`."""
    problem: str
    """A word: `missing`, `too_long`, `unknown_field` …"""
    limit: int | None = None
    """What the value exceeds, in characters or items."""
