"""JSON bodies of strangers: read strictly, and lists so that one bad item spoils itself alone.

A body is UTF-8, with or without a byte order mark (RFC 8259, 8.1); other encodings are refused and never guessed at. A
name that stands twice in an object is refused, too: readers disagree about which value counts (RFC 8259, 4).
"""

from __future__ import annotations

import codecs
import email.message
import json
import re
from collections import Counter
from typing import Any, Generic, NoReturn, TypeVar

import orjson
from fastapi import Request
from pydantic import BaseModel, ValidationError

from shared.web.problems import Problem, field_errors, invalid_request

M = TypeVar("M", bound=BaseModel)

_UTF8 = frozenset({"utf-8", "utf8", "us-ascii"})
# Possessive throughout: what doesn't match is given up at once, however long it is.
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_SCALAR = rb'[^\s{}\[\],"]++'
_OUTSIDE = rb'[^{}\[\]"]++'
_BLANK_AFTER_NAME = re.compile(rb'"\s++:')
# An object with objects or lists of nothing but texts and numbers in it, which nearly all items are: found in one go.
_SHALLOW = re.compile(
    rb"\{(?:%(o)s|%(s)s|\{(?:%(o)s|%(s)s)*+\}|\[(?:%(o)s|%(s)s)*+\])*+\}" % {b"o": _OUTSIDE, b"s": _STRING}, re.DOTALL
)
_TEXT_OR_SCALAR = re.compile(_STRING + b"|" + _SCALAR, re.DOTALL)
# A quote alone is of a text that never ends, so that nothing behind it is looked at again and again.
_BRACKETS = re.compile(_STRING + rb'|[\[\]{}"]', re.DOTALL)
_BLANKS = re.compile(rb"[ \t\r\n]*+")
_CLOSED_BY = {b"{": b"}", b"[": b"]"}


class _NotJsonError(ValueError):
    """Where the structure of a list ends, so that its items can't be told apart."""


async def read_body(request: Request) -> bytes:
    """The bytes of a request's body without a byte order mark. Raises `Problem` where it says to be no UTF-8."""
    body = await request.body()
    told = request.headers.get("content-type")
    if told is not None and "charset" in told.lower():
        header = email.message.Message()
        header["content-type"] = told
        if (header.get_content_charset() or "utf-8") not in _UTF8:
            raise _not_utf8()
    return body.removeprefix(codecs.BOM_UTF8)


class JsonReader(Generic[M]):
    """Reads bodies as one model, or as lists of it."""

    def __init__(self, model: type[M]) -> None:
        self._read = model.__pydantic_validator__.validate_json

    def one(self, body: bytes) -> M:
        """The model that is the whole body. Raises `Problem` 422, which names the fields at fault."""
        try:
            found: M = self._read(body)
        except ValidationError as error:
            _refuse_other_encodings(body)
            raise invalid_request(field_errors(error.errors(include_url=False, include_input=False))) from None
        if _may_repeat_a_name(body, _names_in(found)) and (twice := _name_given_twice(body)) is not None:
            raise _refused(twice, "repeated_name", "This name stands twice in one object. Give it once.")
        return found

    def each(self, body: bytes, member: str, most: int) -> list[M | Problem]:
        """The items of the list that is a body's only member, `{"member": [...]}`, each read or refused for itself.

        Raises `Problem` 422 where the items can't be told apart, are none, or more than `most`.
        """
        try:
            items = _items(body, member, most)
        except _NotJsonError:
            _refuse_other_encodings(body)
            self._refuse_list(body, member)
        if not items:
            raise _refused(member, "too_short", "The list is empty. Send at least one item.")
        if len(items) > most:
            raise _refused(member, "too_long", f"Send at most {most} items at once.")
        return [self._item(item) for item in items]

    def _item(self, item: bytes) -> M | Problem:
        try:
            return self.one(item)
        except Problem as problem:
            return problem

    @staticmethod
    def _refuse_list(body: bytes, member: str) -> NoReturn:
        """Say what a body is that is not what was asked for."""
        try:
            found = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise _refused("", "json_invalid", "This is not JSON.") from None
        if not isinstance(found, dict):
            raise _refused("", "model_type", f'Send an object with one member: {{"{member}": [...]}}.')
        for name in found:
            if name != member:
                raise _refused(name, "extra_forbidden", f"Only `{member}` is known here.")
        if member not in found:
            raise _refused(member, "missing", "This member is required.")
        if isinstance(found[member], list):
            raise _refused(member, "repeated_name", "This name stands twice in one object. Give it once.")
        raise _refused(member, "list_type", "This must be a list.")


def _items(body: bytes, member: str, most: int) -> list[bytes]:
    """The bytes of each item, up to one more than `most`. Raises `_NotJsonError`."""
    head = re.compile(rb'[ \t\r\n]*+\{[ \t\r\n]*+"%s"[ \t\r\n]*+:[ \t\r\n]*+\[' % re.escape(member.encode())).match(
        body
    )
    if head is None:
        raise _NotJsonError
    items: list[bytes] = []
    place = _after_blanks(body, head.end())
    if body[place : place + 1] != b"]":
        while True:
            end = _end_of_value(body, place)
            items.append(body[place:end])
            place = _after_blanks(body, end)
            follows = body[place : place + 1]
            if follows == b"]" or len(items) > most:
                break
            if follows != b",":
                raise _NotJsonError
            place = _after_blanks(body, place + 1)
    if len(items) <= most:
        place = _after_blanks(body, place + 1)
        if body[place : place + 1] != b"}" or _after_blanks(body, place + 1) != len(body):
            raise _NotJsonError
    return items


def _after_blanks(body: bytes, place: int) -> int:
    found = _BLANKS.match(body, place)
    assert found is not None
    return found.end()


def _end_of_value(body: bytes, place: int) -> int:
    """Where the value that begins at `place` ends, however deep it is."""
    found = _SHALLOW.match(body, place) or _TEXT_OR_SCALAR.match(body, place)
    if found is not None:
        return found.end()
    waiting: list[bytes] = []
    for token in _BRACKETS.finditer(body, place):
        if not waiting and token.start() != place:
            break
        bracket = token[0]
        if bracket in _CLOSED_BY:
            waiting.append(_CLOSED_BY[bracket])
        elif len(bracket) == 1:
            if not waiting or waiting.pop() != bracket:
                break
            if not waiting:
                return token.end()
    raise _NotJsonError


def _may_repeat_a_name(body: bytes, distinct: int) -> bool:
    """Whether JSON with `distinct` names in it has more names than that. Counting is cheap, looking is not."""
    # Within a text this is a quote with a backslash before it: that makes it more, never fewer.
    return body.count(b'":') != distinct or _BLANK_AFTER_NAME.search(body) is not None


def _names_in(model: BaseModel) -> int:
    """How many names of objects made this model; fewer where it has lists of models, and then it is looked into."""
    given = model.__pydantic_fields_set__
    members = model.__dict__.items()
    return len(given) + sum(_names_in(one) for name, one in members if isinstance(one, BaseModel) and name in given)


def _name_given_twice(body: bytes) -> str | None:
    twice: list[str] = []

    def members(pairs: list[tuple[str, Any]]) -> None:
        twice.extend(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)

    json.loads(body, object_pairs_hook=members)
    return twice[0] if twice else None


def _refuse_other_encodings(body: bytes) -> None:
    try:
        body.decode()
    except UnicodeDecodeError:
        raise _not_utf8() from None
    if b"\0" in body[:4]:
        raise _not_utf8()


def _not_utf8() -> Problem:
    return _refused("", "json_encoding", "The body is not UTF-8. Write JSON in UTF-8 (RFC 8259, 8.1).")


def _refused(field: str, code: str, message: str) -> Problem:
    return invalid_request([{"field": field, "code": code, "message": message}])
