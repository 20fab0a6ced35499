"""Reading CSV where quotes go wrong: the words of two citizens never become one case."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.importer.table import MAX_RECORD, Records

HEAD = "message_id,subject,submitted_at,body\n"
ONE, TWO, THREE = "1,路灯,2024,路灯坏了\n", "2,井盖,2024,井盖没了\n", "3,噪音,2024,半夜施工\n"


def read(text: str) -> list[tuple[str, str | None]]:
    """Each record as its cells joined, or why it is none."""
    records = Records(iter(text.splitlines(keepends=True)), ",")
    head = records.head
    assert head is not None
    return [
        ("|".join(one.cells), None)
        if (trouble := one.trouble or head.trouble(len(one.cells))) is None
        else ("", trouble)
        for one in records
    ]


def taken(text: str) -> list[str]:
    return [cells for cells, trouble in read(text) if trouble is None]


def joined(line: str) -> str:
    return line.strip().replace(",", "|")


@pytest.mark.parametrize(
    "broken",
    ['1,"路灯,2024,路灯坏了\n', '1,路灯,"2024,路灯坏了\n', '1,路灯,2024,"路灯坏了\n', '"1,路灯,2024,路灯坏了\n'],
)
def test_a_quote_that_is_never_closed_costs_its_own_row_alone(broken: str) -> None:
    found = read(HEAD + broken + TWO + THREE)
    assert found == [("", "quote not closed (line 2)"), (joined(TWO), None), (joined(THREE), None)]
    assert read(HEAD + TWO + broken + THREE)[1:] == [("", "quote not closed (line 3)"), (joined(THREE), None)]
    assert read(HEAD + TWO + broken) == [(joined(TWO), None), ("", "quote not closed (line 3)")]


@pytest.mark.parametrize(
    "second",
    [
        '2,5",2024,井盖没了\n',
        '2,"井盖",2024,井盖没了\n',
        '2,井盖,2024,"井盖没了"\n',
        '2,井盖,2024,"\n井盖没了"\n',
        '2,井盖,2024,他说""没了""\n',
        '2,"井盖",2024,"井盖\n没了"\n',
        'A-2,5",2024,井盖没了\n',
    ],
)
def test_a_quote_in_a_later_row_never_closes_it(second: str) -> None:
    for place in range(1, 4):
        cells = ONE.strip().split(",")
        cells[place] = f'"{cells[place]}'
        for row in taken(HEAD + ",".join(cells) + "\n" + second + THREE):
            assert ("路灯" in row) + ("井盖" in row) + ("噪音" in row) <= 1
        assert joined(THREE) in taken(HEAD + ",".join(cells) + "\n" + second + THREE)


def test_where_nobody_can_tell_both_rows_are_refused() -> None:
    found = read(HEAD + '1,"路灯,2024,路灯坏了\n' + '2,5",2024,井盖没了\n' + THREE)
    assert [trouble is None for _, trouble in found] == [False, False, True]
    assert "line 2 is not closed, or lines of its text read like rows" in str(found[0][1])


def test_a_quote_within_a_quoted_cell() -> None:
    found = read(HEAD + '1,路灯,2024,"他说"坏了"三天"\n' + TWO)
    assert [trouble is None for _, trouble in found] == [False, True]
    assert "not doubled" in str(found[0][1])


def test_quotes_within_a_cell_without_quotes_are_text() -> None:
    assert taken(HEAD + '1,路灯,2024,他说"坏了"三天\n' + TWO) == ['1|路灯|2024|他说"坏了"三天', joined(TWO)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_texts_over_several_lines_are_whole(end: str) -> None:
    quoted = '""好""'
    body = f"{end}\t第一，{end}{end}第二,第三 说{quoted}{end}"
    text = f'1,"路{end}灯",2024,"{body}"{end}2,井盖,2024,没了{end}'
    assert taken(HEAD + text) == [f"1|路{end}灯|2024|{body}".replace('""', '"'), "2|井盖|2024|没了"]


def test_a_quoted_text_with_a_line_of_as_many_commas_as_a_row() -> None:
    body = "一,二\n三,四,五,六\n七"
    assert taken(HEAD + f'1,路灯,2024,"{body}"\n' + TWO) == [f"1|路灯|2024|{body}", joined(TWO)]


def test_reading_ahead_has_a_bound() -> None:
    long = "字" * 1_000 + "\n"
    text = HEAD + '1,路灯,2024,"' + long * (MAX_RECORD // 1_000 + 10) + TWO + THREE
    found = read(text)
    assert found[0][0] == ""
    assert [cells for cells, _ in found[1:]] == [joined(TWO), joined(THREE)]


CELL = st.text(alphabet='路灯坏了,"\n\r ab1', max_size=12)


@given(rows=st.lists(st.tuples(CELL, CELL, CELL), max_size=6))
def test_what_a_csv_writer_wrote_is_read_again(rows: list[tuple[str, str, str]]) -> None:
    """Row by row as it was written; a text that reads like rows of its own may be refused, and never be mixed."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["message_id", "subject", "submitted_at", "body"])
    for nth, row in enumerate(rows, 1):
        writer.writerow([f"m-{nth}", *row])
    written = {"|".join([f"m-{nth}", *row]) for nth, row in enumerate(rows, 1)}
    records = Records(iter(io.StringIO(file.getvalue(), newline="")), ",")
    assert records.head is not None
    for record in records:
        if record.trouble is None and records.head.trouble(len(record.cells)) is None:
            assert "|".join(record.cells) in written


@given(
    rows=st.lists(st.tuples(CELL, CELL, CELL), min_size=2, max_size=6),
    hit=st.integers(0, 5),
    at=st.integers(0, 80),
)
def test_a_quote_too_many_never_mixes_rows(rows: list[tuple[str, str, str]], hit: int, at: int) -> None:
    lines = []
    for nth, row in enumerate(rows):
        file = io.StringIO()
        csv.writer(file, quoting=csv.QUOTE_ALL).writerow([f"m-{nth}", *(f"<{nth}>{cell}" for cell in row)])
        lines.append(file.getvalue())
    hit %= len(lines)
    at %= len(lines[hit])
    lines[hit] = lines[hit][:at] + '"' + lines[hit][at:]
    records = Records(iter(io.StringIO(HEAD + "".join(lines), newline="")), ",")
    for record in records:
        if record.trouble is None and len(record.cells) == 4:
            assert len({nth for nth in range(len(rows)) if f"<{nth}>" in "".join(record.cells)}) <= 1
