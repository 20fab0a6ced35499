"""Reading files row by row."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.importer.rows import FileError, Number, Rows


def rows(tmp_path: Path, name: str, content: bytes, encoding: str | None = None) -> Rows:
    file = tmp_path / name
    file.write_bytes(content)
    return Rows(file, encoding=encoding)


def test_json_lines(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbf{"a": 1}\r\n\n{"a": "\xe4\xb8\xad"}\n[1]\n{"a": \xff}\n{"a": 2'
    found = list(rows(tmp_path, "x.jsonl", content))
    assert [(row.number, row.values, row.trouble) for row in found] == [
        (1, {"a": "1"}, None),
        (2, {"a": "中"}, None),
        (3, {}, "it is not a JSON object"),
        (4, {}, "it is not UTF-8 throughout"),
        (5, {}, "it is not JSON"),
    ]
    assert found[-1].position == len(content)


def test_a_line_of_any_length(tmp_path: Path) -> None:
    text = "字" * 300_000
    (row,) = rows(tmp_path, "x.jsonl", f'{{"a": "{text}"}}'.encode())
    assert row.values == {"a": text}
    (row,) = rows(tmp_path, "x.csv", f'a\n"{text}"\n'.encode())
    assert row.values == {"a": text}


def test_csv(tmp_path: Path) -> None:
    content = '\ufeffid,text\r\n1,"a ""b""\nc, d"\r\n\r\n2\r\n3,x,y\r\n4,末'.encode()
    found = [(row.number, row.values, row.trouble) for row in rows(tmp_path, "x.csv", content)]
    assert found == [
        (1, {"id": "1", "text": 'a "b"\nc, d'}, None),
        (2, {"id": "2"}, "it has 1 cells, and the head 2"),
        (3, {"id": "3", "text": "x"}, "it has 3 cells, and the head 2"),
        (4, {"id": "4", "text": "末"}, None),
    ]


def test_a_row_of_other_bytes_is_at_fault_alone(tmp_path: Path) -> None:
    content = b"id,text\n1,a\n2,\xff\n3,\xe4\xb8\xad\n"
    found = [(row.number, row.trouble) for row in rows(tmp_path, "x.csv", content, "utf-8")]
    assert found == [(1, None), (2, "it is not UTF-8 throughout"), (3, None)]


def test_the_encoding_is_found(tmp_path: Path) -> None:
    for encoding in ("utf-8", "utf-8-sig", "gb18030"):
        for name, text in (("x.csv", "列,文\n1,中文\n"), ("x.jsonl", '{"列": "1", "文": "中文"}\n')):
            found = rows(tmp_path, name, text.encode(encoding))
            assert found.columns() == ["列", "文"]
            assert [row.values for row in found] == [{"列": "1", "文": "中文"}]


def test_a_character_where_the_looking_pauses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.importer.encoding._CHUNK", 7)
    assert [row.values for row in rows(tmp_path, "x.csv", "ab\n中文\n".encode())] == [{"ab": "中文"}]


def test_tabs_and_files_without_rows(tmp_path: Path) -> None:
    assert [row.values for row in rows(tmp_path, "x.tsv", b"a\tb\n1\t2,3\n")] == [{"a": "1", "b": "2,3"}]
    for name in ("x.csv", "x.jsonl"):
        assert list(rows(tmp_path, name, b"")) == []
        assert rows(tmp_path, name, b"").columns() == []
    assert list(rows(tmp_path, "x.csv", b"a,b\n")) == []


def test_what_cannot_be_read_at_all(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="save its sheet as CSV"):
        rows(tmp_path, "x.xlsx", b"")
    with pytest.raises(FileError, match="suffix"):
        rows(tmp_path, "x.txt", b"")
    with pytest.raises(FileError, match="No such file"):
        Rows(tmp_path / "none.csv")
    with pytest.raises(FileError, match="no encoding"):
        rows(tmp_path, "x.csv", b"", "utf-99")
    with pytest.raises(FileError, match="same name, 'a'"):
        list(rows(tmp_path, "x.csv", b"a,a\n1,2\n"))
    with pytest.raises(FileError, match="names no column"):
        list(rows(tmp_path, "x.csv", b",,\n1,2\n"))
    with pytest.raises(FileError, match="quote in its first line"):
        list(rows(tmp_path, "x.csv", b'a,"b\n1,2\n'))
    with pytest.raises(FileError, match="one JSON array"):
        rows(tmp_path, "x.json", b'[\n{"a": 1}\n]\n').columns()


# C20: ids as numbers.


@pytest.mark.parametrize(
    "literal", ["20241124083012345678901", "20241124083012345678902", "9007199254740993", "-5", "0", "1e3", "1.5", "-0"]
)
def test_a_number_keeps_every_digit_that_was_written(tmp_path: Path, literal: str) -> None:
    (row,) = rows(tmp_path, "x.jsonl", b'{"id": %s}' % literal.encode())
    assert (row.values, row.trouble) == ({"id": literal}, None)
    assert isinstance(row.values["id"], Number)


@pytest.mark.parametrize(
    ("line", "trouble"),
    [
        (b'{"id": 007}', "it is not JSON"),
        (b'{"id": NaN}', "NaN and Infinity are no JSON"),
        (b'{"id": -Infinity}', "NaN and Infinity are no JSON"),
        (b'{"id": 1, "id": 2}', "it has a member twice"),
        (b'{"text": "\\ud83d"}', "it holds half of a character, as `\\ud83d` alone"),
        (b'{"a":' * 100_000, "it is not JSON"),
        (
            b'{"text": "a\\u0000b"}',
            "it holds a NUL character, which no text has: the file is damaged, or of another kind",
        ),
    ],
)
def test_json_that_is_none_is_refused_with_its_reason(tmp_path: Path, line: bytes, trouble: str) -> None:
    bad, good = rows(tmp_path, "x.jsonl", line + b'\n{"id": "2"}\n')
    assert bad.trouble == trouble
    assert (good.values, good.trouble) == ({"id": "2"}, None)


# C21: encodings.

HEAD = "message_id,subject,submitted_at,body\n"
UTF8, GB = "utf-8", "gb18030"


def line(nth: int, encoding: str = UTF8) -> bytes:
    return f"{nth},路灯,2024-11-24 08:30:0{nth},路灯坏了三天，请修\n".encode(encoding)


def cut(written: bytes) -> bytes:
    return written[:-2] + b"\n"


def verdicts(found: Rows) -> list[str | None]:
    return [row.trouble for row in found]


def test_a_row_with_a_cut_character_is_at_fault_alone(tmp_path: Path) -> None:
    found = rows(tmp_path, "x.csv", HEAD.encode() + line(1) + cut(line(2)) + line(3))
    assert found.encoding.name == "UTF-8"
    assert verdicts(found) == [None, "it is not UTF-8 throughout", None]


def test_where_each_row_is_cut_the_file_is_still_utf8(tmp_path: Path) -> None:
    found = rows(tmp_path, "x.csv", HEAD.encode() + cut(line(1)) + cut(line(2)))
    assert verdicts(found) == ["it is not UTF-8 throughout"] * 2
    found = rows(tmp_path, "x.csv", b"a,b\n1," + "中".encode()[:2] + b"\n")
    assert verdicts(found) == ["it is not UTF-8 throughout"]


def test_a_cut_character_of_gb18030_swallows_no_separator(tmp_path: Path) -> None:
    written = line(2, GB).replace("路灯,".encode(GB), "路灯".encode(GB)[:-1] + b",", 1)
    found = rows(tmp_path, "x.csv", HEAD.encode() + line(1, GB) + written + line(3, GB))
    assert found.encoding.name == "GB18030"
    assert verdicts(found) == [None, "it is not GB18030 throughout", None]


def test_a_file_that_two_programs_wrote(tmp_path: Path) -> None:
    found = rows(tmp_path, "x.csv", HEAD.encode() + line(1) + line(2, GB) + line(3))
    assert verdicts(found) == [None, "it is not UTF-8 throughout", None]
    found = rows(tmp_path, "x.csv", HEAD.encode() + line(1, GB) + line(2, GB) + line(3) + line(4, GB) + line(5, GB))
    assert found.encoding.name == "GB18030"
    assert verdicts(found)[:2] == [None, None]
    assert verdicts(found)[2] in {"it is UTF-8, and the rest of the file GB18030", "it is not GB18030 throughout"}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-32"])
@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_files_with_a_mark(tmp_path: Path, encoding: str, suffix: str) -> None:
    text = HEAD + line(1).decode() if suffix == "csv" else '{"message_id": "1", "body": "坏了"}\n'
    (row,) = rows(tmp_path, f"x.{suffix}", text.encode(encoding))
    assert (row.values["message_id"], row.trouble) == ("1", None)


def test_gb18030_with_a_mark(tmp_path: Path) -> None:
    found = rows(tmp_path, "x.csv", ("\ufeff" + HEAD + line(1).decode()).encode(GB))
    assert (found.encoding.name, found.columns()[0], verdicts(found)) == ("GB18030", "message_id", [None])


def test_utf16_without_its_mark_is_not_guessed(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="utf-16-le"):
        rows(tmp_path, "x.csv", HEAD.encode("utf-16-le"))
    (row,) = rows(tmp_path, "x.csv", (HEAD + line(1).decode()).encode("utf-16-le"), "utf-16-le")
    assert row.values["subject"] == "路灯"


def test_big5_is_not_taken_for_gb18030(tmp_path: Path) -> None:
    found = rows(tmp_path, "x.csv", HEAD.encode() + "1,路燈,2024,社區門口的路燈壞了三天，請儘快處理\n".encode("big5"))
    assert verdicts(found) == ["it is not UTF-8 throughout"]


def test_a_nul_is_told(tmp_path: Path) -> None:
    found = rows(tmp_path, "x.csv", HEAD.encode() + line(1).replace("路灯,".encode(), b"a\0b,") + line(2))
    assert verdicts(found)[1] is None
    assert "NUL" in str(verdicts(found)[0])


@given(
    bodies=st.lists(st.text(alphabet='路灯坏了三天请修，。\n"abc,', min_size=8, max_size=40), min_size=3, max_size=8),
    data=st.data(),
)
def test_damage_to_one_row_never_changes_what_others_say(
    tmp_path_factory: pytest.TempPathFactory, bodies: list[str], data: st.DataObject
) -> None:
    written = [
        f'{nth},路灯,2024,"{body.replace(chr(34), chr(34) * 2)}"\n'.encode() for nth, body in enumerate(bodies, 1)
    ]
    hit = data.draw(st.integers(0, len(written) - 1))
    places = [place for place, byte in enumerate(written[hit]) if byte > 0x7F]
    at = data.draw(st.sampled_from(places))
    written[hit] = written[hit][:at] + written[hit][at + 1 :]
    found = rows(tmp_path_factory.mktemp("damaged"), "x.csv", HEAD.encode() + b"".join(written))
    as_written = {str(nth): body for nth, body in enumerate(bodies, 1) if nth != hit + 1}
    taken = {row.values["message_id"]: row.values["body"] for row in found if row.trouble is None}
    assert str(hit + 1) not in taken
    assert taken.items() <= as_written.items()


# C22: heads.


@pytest.mark.parametrize(
    "head",
    [
        "message_id,subject,submitted_at,body,,",
        " message_id ,\tsubject,\u3000submitted_at\u3000,body\u00a0",
        '\ufeffmessage_id, "subject",submitted_at,“body”',
        '\ufeff"message_id","subject","submitted_at",body',
        "\n\r\nmessage_id,subject,submitted_at,body",
    ],
)
def test_names_of_columns_as_people_write_them(tmp_path: Path, head: str) -> None:
    found = rows(tmp_path, "x.csv", f"{head}\n1,路灯,2024,坏了{',,' if head.endswith(',') else ''}\n".encode())
    assert found.columns() == ["message_id", "subject", "submitted_at", "body"]
    (row,) = found
    assert row.values == {"message_id": "1", "subject": "路灯", "submitted_at": "2024", "body": "坏了"}


def test_names_that_are_the_same_once_trimmed(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="same name, 'body'"):
        rows(tmp_path, "x.csv", b"id,body, body \n").columns()


def test_cells_of_nameless_columns_may_be_missing_and_no_others(tmp_path: Path) -> None:
    found = rows(tmp_path, "x.csv", b"a,b,,\n1,2\n1,2,,\n1\n1,2,,,\n")
    assert [trouble is None for trouble in verdicts(found)] == [True, True, False, False]
