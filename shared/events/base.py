"""What an event is: a frozen model with a published type name, a topic, and marks for what may leave the bureau."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T")


class _PublicMark:
    """Marks a field that may leave the bureau on a public topic."""

    def __repr__(self) -> str:
        return "PUBLIC"


PUBLIC = _PublicMark()

Public: TypeAlias = Annotated[T, PUBLIC]
"""`unit: Public[UnitCode]`: the field is carried on `minsheng.public.*`; fields without the mark never are."""


class Event(BaseModel):
    """Something that happened, told in the past tense. Subclasses give `type=` once they are published.

    `type` is the CloudEvents type (`minsheng.case.assigned.v1`), `topic` the logical topic of the emitting service.
    Unknown fields are ignored on reading, so that a newer emitter may add optional ones.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_timedelta="iso8601")

    TYPE: ClassVar[str] = ""
    TOPIC: ClassVar[str] = ""
    PUBLIC_FIELDS: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, *, type: str = "", topic: str = "", **kwargs: Any) -> None:  # noqa: A002
        # The two keywords are read below, once pydantic knows the fields; `object` must not see them.
        super().__init_subclass__(**kwargs)

    @classmethod
    def __pydantic_init_subclass__(cls, *, type: str = "", topic: str = "", **kwargs: Any) -> None:  # noqa: A002
        super().__pydantic_init_subclass__(**kwargs)
        if topic:
            cls.TOPIC = topic
        if not type:
            return
        if not cls.TOPIC:
            raise TypeError(f"{cls.__name__} has a type but its base names no topic.")
        if type in _CATALOGUE:
            raise TypeError(f"{cls.__name__} reuses the event type {type} of {_CATALOGUE[type].__name__}.")
        cls.TYPE = type
        cls.PUBLIC_FIELDS = frozenset(
            name for name, field in cls.model_fields.items() if any(m is PUBLIC for m in field.metadata)
        )
        _CATALOGUE[type] = cls

    def encode(self) -> bytes:
        """The event's JSON, UTF-8."""
        return self.__pydantic_serializer__.to_json(self)

    @classmethod
    def decode(cls, data: bytes) -> Event:
        """Read an event of this class from JSON; raises `pydantic.ValidationError`."""
        return cls.model_validate_json(data)

    def public(self) -> bytes | None:
        """The JSON of the public fields alone, or None where no field may leave the bureau."""
        if not self.PUBLIC_FIELDS:
            return None
        return self.__pydantic_serializer__.to_json(self, include=set(self.PUBLIC_FIELDS))


_CATALOGUE: dict[str, type[Event]] = {}


def catalogue() -> dict[str, type[Event]]:
    """Every published event class by its CloudEvents type, as far as their modules are imported."""
    return dict(_CATALOGUE)


def event_class(event_type: str) -> type[Event] | None:
    """The class of a CloudEvents type, or None where this build doesn't know it."""
    return _CATALOGUE.get(event_type)
