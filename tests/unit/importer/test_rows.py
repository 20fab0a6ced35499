"""Reading files row by row."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.importer.rows import FileError, Rows


def rows(tmp_path: Path, name: str, content: bytes, encoding: str | None = None) -> Rows:
    file = tmp_path / name
    file.write_bytes(content)
    return Rows(file, encoding=encoding)


def test_json_lines(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbf{"a": 1}\r\n\n{"a": "\xe4\xb8\xad"}\n[1]\n{"a": \xff}\n{"a": 2'
    found = list(rows(tmp_path, "x.jsonl", content))
    assert [(row.number, row.values, row.trouble) for row in found] == [
        (1, {"a": 1}, None),
        (2, {"a": "中"}, None),
        (3, {}, "it is not a JSON object"),
        (4, {}, "it is not JSON"),
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
            assert found.columns() == {"列", "文"}
            assert [row.values for row in found] == [{"列": "1", "文": "中文"}]


def test_a_character_at_the_end_of_the_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.importer.rows._SAMPLE", 7)
    assert [row.values for row in rows(tmp_path, "x.csv", "ab\n中文\n".encode())] == [{"ab": "中文"}]


def test_tabs_and_files_without_rows(tmp_path: Path) -> None:
    assert [row.values for row in rows(tmp_path, "x.tsv", b"a\tb\n1\t2,3\n")] == [{"a": "1", "b": "2,3"}]
    for name in ("x.csv", "x.jsonl"):
        assert list(rows(tmp_path, name, b"")) == []
        assert rows(tmp_path, name, b"").columns() == set()
    assert list(rows(tmp_path, "x.csv", b"a,b\n")) == []


def test_what_cannot_be_read_at_all(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="suffix"):
        rows(tmp_path, "x.xlsx", b"")
    with pytest.raises(FileError, match="No such file"):
        Rows(tmp_path / "none.csv")
    with pytest.raises(FileError, match="no encoding"):
        rows(tmp_path, "x.csv", b"", "utf-99")
    with pytest.raises(FileError, match="same name"):
        list(rows(tmp_path, "x.csv", b"a,a\n1,2\n"))
