"""What citizens write about: templates with slots, and the pieces that go into them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.events.words import RequestKind, Satisfaction

SLOT = re.compile(r"\{(\w+)\}")
OWN_SLOTS = frozenset({"place", "thing", "district", "spot"})
"""Slots that no list of phrases fills."""


class Matter(BaseModel):
    """One kind of matter. `category` is a code of the organisation's taxonomy, `kinds` weigh what is wanted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    category: str
    weight: float = Field(default=1.0, gt=0)
    kinds: Mapping[RequestKind, float]
    subjects: tuple[str, ...] = Field(min_length=1)
    things: tuple[str, ...] = Field(min_length=1)
    bodies: tuple[str, ...] = Field(min_length=1)
    short: tuple[str, ...] = Field(min_length=1)
    hurried: bool = False
    """Who writes about it has no time for courtesies."""


class Phrases(BaseModel):
    """Pieces that go into the slots of the same name in the singular, and sentences around a matter."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    openings: tuple[str, ...] = Field(min_length=1)
    closings: tuple[str, ...] = Field(min_length=1)
    asides: tuple[str, ...] = Field(min_length=1)
    times: tuple[str, ...] = Field(min_length=1)
    sinces: tuple[str, ...] = Field(min_length=1)
    streets: tuple[str, ...] = Field(min_length=1)
    estates: tuple[str, ...] = Field(min_length=1)
    landmarks: tuple[str, ...] = Field(min_length=1)
    signs: tuple[str, ...] = Field(min_length=1)
    neighbours: tuple[str, ...] = Field(min_length=1)
    relatives: tuple[str, ...] = Field(min_length=1)
    men: tuple[str, ...] = Field(min_length=1)
    moneys: tuple[str, ...] = Field(min_length=1)
    counts: tuple[str, ...] = Field(min_length=1)
    days: tuple[str, ...] = Field(min_length=1)

    def slots(self) -> dict[str, tuple[str, ...]]:
        """What each slot can take."""
        return {
            "time": self.times,
            "since": self.sinces,
            "street": self.streets,
            "estate": self.estates,
            "landmark": self.landmarks,
            "neighbour": self.neighbours,
            "relative": self.relatives,
            "man": self.men,
            "money": self.moneys,
            "count": self.counts,
            "day": self.days,
        }


class OfficerNotes(BaseModel):
    """What officers write down at the end of their work on a case."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    results: tuple[str, ...] = Field(min_length=1)
    rectifications: tuple[str, ...] = Field(min_length=1)
    understood: tuple[str, ...] = Field(min_length=1)


class Replies(BaseModel):
    """What citizens answer to a survey; `{digit}` is the number that the message gives the level."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    levels: Mapping[Satisfaction, tuple[str, ...]]
    unclear: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        missing = [level.value for level in Satisfaction if not self.levels.get(level)]
        if missing:
            raise ValueError(f"There is no reply for {', '.join(missing)}.")
        return self


class Script(BaseModel):
    """All words that the city's people have."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    phrases: Phrases
    matters: tuple[Matter, ...] = Field(min_length=1)
    urgent: tuple[Matter, ...] = Field(min_length=1)
    replies: Replies
    officers: OfficerNotes

    @model_validator(mode="after")
    def _known_slots(self) -> Self:
        known = OWN_SLOTS | self.phrases.slots().keys()
        for matter in (*self.matters, *self.urgent):
            for text in (*matter.subjects, *matter.bodies, *matter.short):
                for slot in SLOT.findall(text):
                    if slot not in known:
                        raise ValueError(
                            f"A text of {matter.category} has the slot {{{slot}}}; known: {', '.join(sorted(known))}."
                        )
        return self
