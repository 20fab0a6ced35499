"""The citizen's contact: opened in memory where it is needed, recognised by a pseudonym where it is not."""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.privacy.contact import ContactError, normalise_phone
from shared.privacy.keys import KeyRing
from shared.privacy.pseudonym import pseudonym
from shared.privacy.sealing import seal, unseal


class Contact(BaseModel):
    """What intake sealed of the requester, as far as follow-up needs it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str | None = Field(default=None, repr=False)
    phone: str | None = Field(default=None, repr=False)
    extension: str | None = Field(default=None, repr=False)
    """Digits to dial once the number has answered: no SMS comes through."""
    unread_contact: str | None = Field(default=None, repr=False)
    """What they wrote where no number could be read: a person may make something of it."""


class UnreadableContactError(Exception):
    """A sealed contact opens, but what is in it is not a contact."""


class Contacts:
    """The keys to citizens' contacts."""

    def __init__(self, sealing: KeyRing, pseudonyms: KeyRing) -> None:
        self._sealing = sealing
        # One ring for each key: a number written to before a rotation is still recognised after it.
        self._pseudonyms = [KeyRing({kid: key}, kid) for kid in pseudonyms.kids if (key := pseudonyms.get(kid))]

    def open(self, sealed: str, case_id: UUID) -> Contact:
        """The contact of a case's requester. Raises `UnsealError` or `UnreadableContactError`."""
        opened = unseal(self._sealing, sealed, case_id.bytes)
        try:
            return Contact.model_validate_json(opened)
        except ValidationError:
            raise UnreadableContactError("The sealed text holds no contact.") from None

    def pseudonym_of(self, number: str) -> str:
        """What a message to this number (E.164) is remembered by."""
        return pseudonym(self._pseudonyms[0], number)

    def pseudonyms_of(self, number: str) -> tuple[str, ...]:
        """By what a reply from this number may be recognised; empty where it is no number."""
        try:
            normal = normalise_phone(number)
        except ContactError:
            return ()
        return tuple(pseudonym(ring, normal) for ring in self._pseudonyms)

    def seal_text(self, text: str, case_id: UUID) -> str:
        """A citizen's words, sealed for the case."""
        return seal(self._sealing, text.encode(), case_id.bytes)

    def open_text(self, sealed: str, case_id: UUID) -> str:
        """The words that `seal_text` sealed. Raises `UnsealError`."""
        return unseal(self._sealing, sealed, case_id.bytes).decode()
