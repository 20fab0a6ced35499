"""The catalogue's documents: valid, current, and compatible with what was published."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

import shared.events  # noqa: F401 - imports every module of the catalogue
from services.cli.events import DOCUMENTS, PUBLISHED, text_of
from shared.events.documents import Schema, as_markdown, asyncapi, incompatibilities, schemas

PUBLIC_SCHEMAS = Path(__file__).parents[4] / "shared" / "schemas"
CURRENT = schemas()


@pytest.mark.parametrize("event_type", sorted(CURRENT))
def test_every_event_is_published_and_compatible_with_it(event_type: str) -> None:
    path = PUBLISHED / f"{event_type}.json"
    assert path.exists(), f"{event_type} is not published: run `minsheng events publish`"
    assert incompatibilities(json.loads(path.read_text(encoding="utf-8")), CURRENT[event_type]) == []


def test_no_published_event_left_the_catalogue() -> None:
    assert {path.stem for path in PUBLISHED.glob("*.json")} <= set(CURRENT)


@pytest.mark.parametrize("event_type", sorted(CURRENT))
def test_schemas_are_schemas(event_type: str) -> None:
    Draft202012Validator.check_schema(CURRENT[event_type])


def test_the_written_documents_are_current() -> None:
    assert (DOCUMENTS / "asyncapi.json").read_text(encoding="utf-8") == text_of(asyncapi())
    assert (DOCUMENTS / "catalogue.md").read_text(encoding="utf-8") == as_markdown()


def test_the_asyncapi_document_is_valid() -> None:
    path = PUBLIC_SCHEMAS / "asyncapi-3.0.0.json"
    if not path.exists():
        pytest.skip("the public AsyncAPI schema is not beside this checkout")
    errors = list(Draft7Validator(json.loads(path.read_text(encoding="utf-8"))).iter_errors(asyncapi()))
    assert errors == []


def test_public_messages_carry_public_fields_alone() -> None:
    document = asyncapi()
    received = document["components"]["schemas"]["public.minsheng.request.received.v1"]
    assert "channel" in received["properties"]
    assert not {"body", "subject", "requester", "pseudonym", "number"} & set(received["properties"])


def _changed(change: str) -> Schema:
    schema = copy.deepcopy(CURRENT["minsheng.case.assigned.v1"])
    fields, required = schema["properties"], schema["required"]
    match change:
        case "removed":
            del fields["unit"]
            required.remove("unit")
        case "retyped":
            fields["unit"] = {"type": "integer"}
        case "required":
            fields["shift"] = {"type": "string"}
            required.append("shift")
        case "hidden":
            fields["due"]["x-public"] = False
        case "optional":
            fields["shift"] = {"type": "string", "default": ""}
            required.append("shift")
        case "reworded":
            schema["description"] = "other words"
    return schema


@pytest.mark.parametrize("change", ["removed", "retyped", "required", "hidden"])
def test_incompatible_changes_are_refused(change: str) -> None:
    assert incompatibilities(CURRENT["minsheng.case.assigned.v1"], _changed(change)) != []


@pytest.mark.parametrize("change", ["optional", "reworded"])
def test_compatible_changes_pass(change: str) -> None:
    assert incompatibilities(CURRENT["minsheng.case.assigned.v1"], _changed(change)) == []
