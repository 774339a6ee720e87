"""The reader of imports: one line is one row, whatever a file holds."""

import codecs
import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.errors import GatewayError, OperatorCode
from services.console.domain.import_rows import CSV, LONGEST_LINE, NDJSON, Refused, rows_of, validated
from services.console.domain.imports import SUPPRESSION_COLUMNS, ConsentRow, SuppressionRow

CELLS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"), exclude_characters="\ufffd"), max_size=30)


def read(content: str | bytes, media_type: str = CSV) -> list[Any]:
    raw = content.encode() if isinstance(content, str) else content
    return [row.values for row in rows_of(io.BytesIO(raw), media_type, SUPPRESSION_COLUMNS)]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("phone,reason\n+966500000000,asked\n", id="commas"),
        pytest.param("phone;reason\r\n+966500000000;asked\r\n", id="semicolons and the line ends of Windows"),
        pytest.param("phone\treason\n+966500000000\tasked", id="tabs, and no end of the last line"),
        pytest.param("\ufeffPhone, Reason \n+966500000000,asked\n", id="a byte order mark, capitals and spaces"),
        pytest.param(
            codecs.BOM_UTF16_LE + "phone,reason\n+966500000000,asked\n".encode("utf-16-le"),
            id="UTF-16 of a spreadsheet",
        ),
        pytest.param('phone,reason\n"+966500000000","asked"\n\n  \n', id="quotes, and empty lines"),
    ],
)
def test_spellings_of_one_file_are_read_alike(content: str | bytes) -> None:
    assert read(content) == [{"phone": "+966500000000", "reason": "asked"}]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        pytest.param('"+966500000000,never closed', "has a quote that does not end on its line", id="an open quote"),
        pytest.param("+966500000000,a,b", "has 3 columns, and the header 2", id="too many columns"),
        pytest.param("x" * (LONGEST_LINE + 500), f"is longer than {LONGEST_LINE} characters", id="a huge field"),
        pytest.param(b"+966500000000,\xff\xfe", "is not UTF-8", id="another encoding"),
        pytest.param("+966500000000,a\rb,c", "has a carriage return within its line", id="a stray line end"),
    ],
)
def test_a_broken_line_costs_its_own_row_alone(line: str | bytes, problem: str) -> None:
    raw = line if isinstance(line, bytes) else line.encode()

    rows = read(b"phone,reason\n+966500000001,a\n" + raw + b"\n+966500000002,b\n")

    assert [each for each in rows if not isinstance(each, Refused)] == [
        {"phone": "+966500000001", "reason": "a"},
        {"phone": "+966500000002", "reason": "b"},
    ]
    assert [each.problem for each in rows if isinstance(each, Refused)] == [problem]


@pytest.mark.parametrize(
    "header", ["", "name,reason", "phone,phone", "phone,shoe_size", "+966500000000", '"phone', "x" * (LONGEST_LINE + 9)]
)
def test_a_header_that_does_not_name_the_columns_is_refused(header: str) -> None:
    with pytest.raises(GatewayError) as refused:
        read(f"{header}\n+966500000000,a\n")

    assert refused.value.code is OperatorCode.INVALID_REQUEST


def test_rows_of_json_are_objects_of_the_same_columns() -> None:
    broken = '[1]\n{"shoe": 1}\n{"phone"\n{"phone": "+966500000001", "phone": "+966500000002"}\n'
    rows = read('{"phone": "+966500000000", "reason": null}\n' + broken, NDJSON)

    assert rows[0] == {"phone": "+966500000000"}
    assert [each.problem for each in rows[1:]] == [
        "is not a JSON object",
        "has a field that is none of the columns",
        "is not valid JSON",
        "has a field twice",
    ]


@pytest.mark.parametrize(
    ("phone", "problem"),
    [
        ("4.91711E+11", "has lost digits to a spreadsheet (1.23E+11): write the column as text"),
        ("9,665E+11", "has lost digits to a spreadsheet (1.23E+11): write the column as text"),
        ('=HYPERLINK("http://evil")', "is a formula"),
        ("@SUM(1)", "is a formula"),
    ],
)
def test_what_a_spreadsheet_made_of_a_number_is_refused(phone: str, problem: str) -> None:
    row = validated({"phone": phone}, SuppressionRow)

    assert row == Refused("phone", problem)


@pytest.mark.parametrize("phone", ['="+966500000000"', "'+966500000000", "+966500000000"])
def test_a_number_that_was_wrapped_as_text_is_read(phone: str) -> None:
    row = validated({"phone": phone}, SuppressionRow)

    assert isinstance(row, SuppressionRow)
    assert row.phone == "+966500000000"


@pytest.mark.parametrize(
    "values", [{"scope": "provider_block"}, {"since": "yesterday"}, {"source": "call 0501234567 8"}]
)
def test_a_value_outside_its_column_is_refused_without_being_repeated(values: dict[str, str]) -> None:
    row = validated({"phone": "+966500000000", **values}, SuppressionRow)

    assert isinstance(row, Refused)
    assert row.field_name.startswith(next(iter(values)))
    assert next(iter(values.values())) not in row.problem


@given(rows=st.lists(st.tuples(CELLS, CELLS), max_size=8), delimiter=st.sampled_from(",;\t"))
def test_whatever_a_spreadsheet_writes_comes_back(rows: list[tuple[str, str]], delimiter: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(["phone", "reason"])
    writer.writerows(rows)

    expected = [
        {name: cell.strip() for name, cell in zip(("phone", "reason"), row, strict=True) if cell.strip()}
        for row in rows
        if delimiter.join(row).strip() or delimiter.strip()
    ]
    assert [each for each in read(text.getvalue()) if each != {}] == [each for each in expected if each != {}]


@given(content=st.binary(max_size=400), media_type=st.sampled_from([CSV, NDJSON]))
def test_no_bytes_break_the_reader(content: bytes, media_type: str) -> None:
    with_header = b"phone,scope,since\n" + content if media_type == CSV else content

    for row in rows_of(io.BytesIO(with_header), media_type, SUPPRESSION_COLUMNS):
        for model in (SuppressionRow, ConsentRow):
            assert isinstance(validated(row.values, model), model | Refused)
