"""The catalogue as documents: JSON Schemas, an AsyncAPI 3 document, and what may change in a published event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from shared.events.base import Event, catalogue
from shared.events.topics import LOGICAL, TopicNames

Schema = dict[str, Any]

EMITTERS = {"requests": "intake", "cases": "routing", "followups": "followup", "insights": "analytics"}
_MEANINGS = {
    "requests": "Requests as intake accepted and normalised them.",
    "cases": "The handling of each case by routing.",
    "followups": "Surveys, rectifications and how each case was settled.",
    "insights": "What analytics found in the stream of all events.",
}


def schemas() -> dict[str, Schema]:
    """The JSON Schema (2020-12) of every published event, by its type."""
    return {event_type: _schema(cls) for event_type, cls in sorted(catalogue().items())}


def _schema(cls: type[Event]) -> Schema:
    schema = cls.model_json_schema(mode="serialization")
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    for name, field in schema["properties"].items():
        field["x-public"] = name in cls.PUBLIC_FIELDS
    return schema


def incompatibilities(published: Schema, now: Schema) -> list[str]:
    """Why `now` can't stand for the published schema: what older readers or stored events would trip over.

    Allowed: a new field that is not required, and a change of words. Everything else needs a new version of the type.
    """
    return list(_differences(published, now, published, now, ""))


def _differences(old: Any, new: Any, old_root: Schema, new_root: Schema, where: str) -> Iterable[str]:
    old, new = _resolved(old, old_root), _resolved(new, new_root)
    name = where or "the event"
    for keyword in ("type", "format", "const", "pattern", "enum"):
        if old.get(keyword) != new.get(keyword):
            yield f"{name}: {keyword} was {old.get(keyword)!r} and is {new.get(keyword)!r}"
    if len(old.get("anyOf", [])) != len(new.get("anyOf", [])):
        yield f"{name}: its alternatives changed"
    else:
        for nth, (before, after) in enumerate(zip(old.get("anyOf", []), new.get("anyOf", []), strict=True)):
            yield from _differences(before, after, old_root, new_root, f"{name} (alternative {nth + 1})")
    if "items" in old or "items" in new:
        yield from _differences(old.get("items", {}), new.get("items", {}), old_root, new_root, f"{name}[]")
    before, after = old.get("properties", {}), new.get("properties", {})
    for field in before:
        place = f"{where}.{field}" if where else field
        if field not in after:
            yield f"{place}: was removed"
            continue
        if before[field].get("x-public") and not after[field].get("x-public"):
            yield f"{place}: left the public topics"
        yield from _differences(before[field], after[field], old_root, new_root, place)
    for field in sorted(set(new.get("required", [])) - set(old.get("required", []))):
        # Serialised events always carry every field, so that "required" says nothing of a field that is new.
        if field not in before and "default" not in after[field]:
            yield f"{where + '.' if where else ''}{field}: is new and required; events stored before lack it"


def _resolved(schema: Any, root: Schema) -> Schema:
    while isinstance(schema, Mapping) and "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    return dict(schema)


def asyncapi(names: TopicNames | None = None, *, version: str = "1.0.0") -> Schema:
    """The AsyncAPI 3.0 document of the internal and the public topics."""
    names = names or TopicNames()
    channels: Schema = {}
    operations: Schema = {}
    messages: Schema = {}
    component_schemas: Schema = {}
    for logical in LOGICAL:
        classes = {t: c for t, c in sorted(catalogue().items()) if logical == c.TOPIC}
        for public in (False, True):
            shown = {t: c for t, c in classes.items() if c.PUBLIC_FIELDS or not public}
            channel = f"public-{logical}" if public else logical
            for event_type, cls in shown.items():
                key = f"public.{event_type}" if public else event_type
                component_schemas[key] = _public_schema(cls) if public else _schema(cls)
                messages[key] = _message(event_type, cls, key)
            channels[channel] = {
                "address": names.public(logical) if public else names.internal(logical),
                "description": _MEANINGS[logical]
                + (" Only the fields that may leave the bureau." if public else " Internal: personal data is sealed."),
                "messages": {
                    event_type: {"$ref": f"#/components/messages/{'public.' if public else ''}{event_type}"}
                    for event_type in shown
                },
                "bindings": {"kafka": {"topic": names.public(logical) if public else names.internal(logical)}},
            }
            operations[f"{EMITTERS[logical]}-emits-{channel}"] = {
                "action": "send",
                "channel": {"$ref": f"#/channels/{channel}"},
                "summary": f"Emitted by {'analytics, from what ' if public else ''}{EMITTERS[logical]}"
                + (" emitted." if public else "."),
            }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Minsheng 民生警务平台",
            "version": version,
            "description": "Events are CloudEvents 1.0 in Kafka binary mode, keyed by the case id. Delivery is at "
            "least once, in order for each case; `ce_sequence` tells repeated events and holes.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": component_schemas},
    }


def _public_schema(cls: type[Event]) -> Schema:
    schema = _schema(cls)
    schema["properties"] = {name: field for name, field in schema["properties"].items() if field["x-public"]}
    schema["required"] = [name for name in schema.get("required", []) if name in schema["properties"]]
    return schema


def _message(event_type: str, cls: type[Event], schema: str) -> Schema:
    text = {"type": "string"}
    return {
        "name": event_type,
        "title": cls.__name__,
        "summary": (cls.__doc__ or "").strip().splitlines()[0],
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "required": ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject", "ce_time", "ce_sequence"],
            "properties": {
                "ce_specversion": {"type": "string", "const": "1.0"},
                "ce_id": text,
                "ce_source": {"type": "string", "const": f"/minsheng/{EMITTERS[cls.TOPIC]}"},
                "ce_type": {"type": "string", "const": event_type},
                "ce_subject": {"type": "string", "format": "uuid", "description": "the case id, which is the key too"},
                "ce_time": {"type": "string", "format": "date-time"},
                "ce_sequence": {"type": "string", "pattern": "^[0-9]{10}$"},
                "traceparent": text,
            },
        },
        "payload": {"$ref": f"#/components/schemas/{schema}"},
        "bindings": {"kafka": {"key": {"type": "string", "format": "uuid"}}},
    }


def as_markdown() -> str:
    """The catalogue for people: every event, its fields, and which of them may leave the bureau."""
    lines = [
        "# Event catalogue",
        "",
        "Generated by `minsheng events write`; don't edit. Fields marked ● also stand on the public topic.",
    ]
    for logical in LOGICAL:
        lines += ["", f"## `minsheng.{logical}`", "", _MEANINGS[logical] + f" Emitted by {EMITTERS[logical]}."]
        for event_type, cls in sorted(catalogue().items()):
            if logical != cls.TOPIC:
                continue
            lines += ["", f"### `{event_type}`", "", " ".join((cls.__doc__ or "").split()), ""]
            lines += ["| field | public | required |", "| --- | --- | --- |"]
            lines += [
                f"| `{name}` | {'●' if name in cls.PUBLIC_FIELDS else ''} | {'yes' if field.is_required() else ''} |"
                for name, field in cls.model_fields.items()
            ]
    return "\n".join(lines) + "\n"
