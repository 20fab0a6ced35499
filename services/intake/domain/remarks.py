"""What a channel is told of a request that was taken although not all of it could be read."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from services.intake.domain.form import RequestForm
from shared.privacy.contact import Unread


class Remark(BaseModel):
    """One thing about a request that was taken."""

    model_config = ConfigDict(frozen=True)

    code: Literal["contact-unread", "contact-several"]
    field: str = Field(description="The member of the form that it is about", examples=["requester.phone"])
    text: str = Field(description="For the citizen, in Chinese")


_CONTACT = {
    Unread.NOT_A_NUMBER: Remark(
        code="contact-unread",
        field="requester.phone",
        text="您的诉求已受理。联系电话未能识别，已原样保密留存，由工作人员查看；如需接听回访，请补充11位手机号码，或带区号的固定电话。",
    ),
    Unread.SEVERAL: Remark(
        code="contact-several",
        field="requester.phone",
        text="您的诉求已受理。您留了多个联系电话，将优先使用第一个，其余已一并保密留存。",
    ),
}


def remarks_on(form: RequestForm) -> tuple[Remark, ...]:
    """What to tell of a request, in the order of its members; nothing of most."""
    phone = form.requester.phone if form.requester is not None else None
    return () if phone is None or phone.why is None else (_CONTACT[phone.why],)
