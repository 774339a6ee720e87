"""What a template of Meta's list takes."""

from typing import Any

from libs.contracts.known_templates import KnownButton
from libs.providers.cloud_api.template_lists import placeholders_of, templates_in


def item(**fields: Any) -> dict[str, Any]:
    return {"name": "ready", "language": "de", "status": "APPROVED", "category": "UTILITY"} | fields


def test_a_template_is_read_with_its_placeholders_and_buttons() -> None:
    [read] = templates_in(
        [
            item(
                parameter_format="NAMED",
                quality_score={"score": "GREEN", "date": 1},
                components=[
                    {"type": "HEADER", "format": "TEXT", "text": "No. {{number}}"},
                    {"type": "BODY", "text": "Hi {{ first_name }}, at {{time}}; {{time}}"},
                    {"type": "FOOTER", "text": "bye"},
                    {
                        "type": "BUTTONS",
                        "buttons": [
                            {"type": "URL", "url": "https://x.example/{{1}}"},
                            {"type": "URL", "url": "https://x.example"},
                            {"type": "QUICK_REPLY", "text": "ok"},
                            {"type": "OTP"},
                        ],
                    },
                ],
            )
        ]
    )

    assert (read.approved, read.category, read.named, read.quality) == (True, "UTILITY", True, "GREEN")
    assert (read.parameters, read.header_parameters, read.header_media) == (("first_name", "time"), ("number",), None)
    assert read.buttons == (
        KnownButton(index=0, type="URL", takes_value=True),
        KnownButton(index=1, type="URL"),
        KnownButton(index=2, type="QUICK_REPLY"),
        KnownButton(index=3, type="OTP", takes_value=True),
    )


def test_a_header_may_show_a_file() -> None:
    [read] = templates_in([item(components=[{"type": "HEADER", "format": "DOCUMENT"}])])

    assert (read.header_media, read.header, read.parameters) == ("document", None, ())


def test_numbered_placeholders_are_in_the_order_of_their_numbers() -> None:
    assert placeholders_of("{{10}} {{2}} {{1}}") == ("1", "2", "10")


def test_what_cannot_be_sent_is_left_out_and_nonsense_does_not_stop_the_rest() -> None:
    bad: list[dict[str, Any]] = [{}, item(name=3), item(name="Bad Name"), item(language=None), item(name="a.b")]
    odd = item(components="x", status=5, category=None, quality_score="x")

    [read] = templates_in([*bad, odd])

    assert (read.status, read.category, read.approved) == ("", "", False)
