"""Times of the carrier: ISO 8601 with an offset, and no numbers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from services.followup.callbacks import ReceiptBody, ReplyBody


@pytest.mark.parametrize(
    "at", ["1732400000000", "1732400000", 1732400000, 1732400000.5, "2024-11-24", "2024-11-24T08:30:00"]
)
def test_a_number_is_no_time(at: object) -> None:
    with pytest.raises(ValidationError):
        ReceiptBody.model_validate({"message_id": "m", "status": "delivered", "at": at})
    with pytest.raises(ValidationError):
        ReplyBody.model_validate({"reply_id": "r", "from": "13900000001", "text": "1", "at": at})


def test_a_time_with_an_offset_is_one() -> None:
    receipt = ReceiptBody.model_validate({"message_id": "m", "status": "delivered", "at": "2024-11-24T08:30:00+0800"})
    assert receipt.at == datetime(2024, 11, 24, 0, 30, tzinfo=UTC)
