"""Files piece by piece: whatever their form, packing and pieces, the rows are the same."""

import gzip
import json
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Refusal
from shared.stock.intake.files import (
    MOST_BYTES,
    Form,
    Read,
    Row,
    Start,
    detect_form,
    form_of,
    gunzipped,
    read_events,
    rows,
)
from tests.support.events import EVENTS
from tests.support.profiles import examples

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AS_OF = datetime(2026, 3, 1, 9, tzinfo=UTC)
HEADER = "sku,location_id,quantity\n"


def cut(content: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def rows_of(content: bytes, size: int = 1 << 16, start: Start | None = None) -> list[Row]:
    form, pieces = detect_form(gunzipped(cut(content, size)))
    return list(rows(form, pieces, start or Start()))


def events_of(content: bytes) -> list[Read]:
    form = form_of(content)
    return list(read_events(form, rows(form, [content]), "file:x", AS_OF, NOW))


def documents(count: int) -> list[dict[str, Any]]:
    return [{"sku": f"SKU-\u00e9{n}", "location_id": "L1", "quantity": n} for n in range(count)]


def written(form: Form, count: int) -> bytes:
    match form:
        case Form.CSV:
            lines = [f"{row['sku']},L1,{row['quantity']}" for row in documents(count)]
            return f"\ufeff{HEADER}{chr(10).join(lines)}".encode()
        case Form.LINES:
            lines = [json.dumps(row, ensure_ascii=False) for row in documents(count)]
            return "\r\n".join(lines).encode()
        case Form.ARRAY:
            return json.dumps(documents(count), ensure_ascii=False, indent=1).encode()
        case _:
            body = {"other": [{}], "eventList": documents(count), "after": 1.25}
            whole = {"type": "EPCISDocument", "a": "[{", "epcisBody": body, "z": None}
            return json.dumps(whole, ensure_ascii=False).encode()


FORMS = (Form.CSV, Form.LINES, Form.ARRAY, Form.EPCIS)


@examples(80)
@given(
    st.sampled_from(FORMS),
    st.integers(0, 30),
    st.integers(1, 400),
    st.booleans(),
    st.integers(1, 9),
)
def test_neither_form_nor_packing_nor_pieces_change_the_rows(
    form: Form, count: int, size: int, packed: bool, members: int
) -> None:
    content = written(form, count)
    if packed:
        content = b"".join(map(gzip.compress, cut(content, len(content) // members + 1)))
    found = rows_of(content, size)
    assert [row.row for row in found] == documents(count)
    first = 2 if form is Form.CSV else 1
    assert [row.number for row in found] == list(range(first, first + count))


@examples(80)
@given(st.sampled_from(FORMS), st.integers(2, 30), st.data())
def test_what_is_read_on_from_any_row_is_what_would_have_come(
    form: Form, count: int, data: st.DataObject
) -> None:
    content = written(form, count)
    whole = rows_of(content)
    behind = data.draw(st.integers(0, count - 1))
    start = whole[behind].behind
    rest = content[start.at :] if form in {Form.CSV, Form.LINES} else content
    assert list(rows(form, [rest], start)) == whole[behind + 1 :]


def test_wrong_lines_are_named_and_cost_themselves_only() -> None:
    content = (
        HEADER.encode()
        + b'A,L1,1\nB,L1,"2\nC,L1,3,4\nD,L1,x\nE\xff,L1,5\n'
        + b"F" * (MOST_BYTES + 1)
        + b"\nG,L1,7\n"
    )
    for size in (1 << 16, 1000):
        found = rows_of(content, size)
        reasons = {row.number: row.row for row in found if isinstance(row.row, str)}
        assert reasons == {
            3: "a quoted cell has no closing quote",
            4: "more cells than the header has columns",
            5: "quantity: 'x' is not a whole number",
            6: "not UTF-8",
            7: f"longer than {MOST_BYTES} bytes",
        }
        assert [row.row["sku"] for row in found if isinstance(row.row, dict)] == ["A", "G"]


@pytest.mark.parametrize(
    "content",
    [
        b'[{"sku": 1}',
        b"[1 2]",
        b'{"type": "EPCISDocument"}',
        b'{"type": "EPCISDocument", "epcisBody": {}}',
        gzip.compress(b"sku,location_id\n" * 99, mtime=0)[:-30] + b"?" * 30,
    ],
)
def test_a_broken_document_is_refused_as_a_whole(content: bytes) -> None:
    with pytest.raises(Refusal):
        rows_of(content)


def test_of_two_counts_of_a_position_in_one_file_the_later_line_is_true() -> None:
    content = f"{HEADER}A,L1,9\nA,L1,3\n".encode()
    sequences = [event["sequence"] for one in events_of(content) for event in one.events]
    assert sequences == [2, 3]


def test_a_refused_row_says_where_by_its_path() -> None:
    (one,) = events_of(f"{HEADER}A,L1,-9\n".encode())
    assert (one.row.number, one.events) == (2, ())
    assert "$.data.quantity" in one.reason


def test_epcis_events_become_counts_and_movements() -> None:
    found = events_of((EVENTS / "stock/epcis.json").read_bytes())
    told = [
        (event["type"], event["data"].get("delta", event["data"].get("quantity")))
        for one in found
        for event in one.events
    ]
    assert told == [
        ("stock.counted", 5),
        ("stock.moved", 4),
        ("stock.moved", -2),
        ("stock.moved", 1),
        ("stock.moved", -1),
    ]
    places = {(e["data"]["sku"], e["data"]["location_id"]) for one in found for e in one.events}
    assert places == {("gtin:10614141123459", "gln:0614141007776")}
    reasons = [e["data"].get("reason") for one in found for e in one.events]
    assert reasons == ["stock_taking", "receiving", "retail_selling", "returned", "shipping"]
    assert found[-1].row.number == 6
    assert "$.bizStep" in found[-1].reason


def test_memory_does_not_grow_with_the_file() -> None:
    def peak(count: int) -> int:
        line = b"SKU-%d,L1,3\n"
        content = (b"".join(line % n for n in range(start, start + 500)) for start in range(count))
        tracemalloc.start()
        for _ in islice(rows(Form.CSV, _head(content)), count):
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    def _head(pieces: Iterator[bytes]) -> Iterator[bytes]:
        yield HEADER.encode()
        yield from pieces

    peak(1000)
    assert peak(40_000) < 1.5 * peak(2_000)
