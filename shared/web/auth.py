"""Who may come in: staff by a signed token, channels by their key, gateways by a signature."""

from __future__ import annotations

from shared.web.callbacks import SignatureError, sign, signed_body, verify
from shared.web.channels import ChannelScope, channel_key, channel_scope, read_channel_key, wrong_channel
from shared.web.staff import Role, Staff, issue_token, read_token, require

__all__ = [
    "ChannelScope",
    "Role",
    "SignatureError",
    "Staff",
    "channel_key",
    "channel_scope",
    "issue_token",
    "read_channel_key",
    "read_token",
    "require",
    "sign",
    "signed_body",
    "verify",
    "wrong_channel",
]
