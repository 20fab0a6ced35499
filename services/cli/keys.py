"""`minsheng keys` and `minsheng token`: secrets of a deployment, and what is made with them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from services.cli.running import err, fail, told
from shared.bilingual import Text
from shared.privacy.keys import KeyRingError, check_kid
from shared.settings import KEY_SETTINGS, MissingSettingError, Settings, new_keys, variable_of
from shared.web.channel_keys import channel_key
from shared.web.tokens import Role, Staff, issue_token

_SET_ALREADY = Text(
    "Set here already: {names}. Don't append these lines to the same .env: the last line of a name wins, and what the "
    "old keys sealed or signed can't be read any more. Put a new key behind the old one first (see the guide).",
    "此处已设置：{names}。不要把这些行追加到同一个 .env：同名的行以最后一行为准，旧密钥加密或签名的内容将无法再读取。"
    "请先把新密钥放在旧密钥之后（见运维手册）。",
)
_KID = Text(
    "{kid!r} is no key id: give 1 to 32 letters, digits, '-' or '_'.",
    "{kid!r} 不能作为密钥编号：请用 1 至 32 个字母、数字、“-”或“_”。",
)
_ROLE = Text(
    "Give --role (one of {roles}) or --channel.",
    "请给出 --role（{roles} 之一）或 --channel。",
)
_UNIT_NEEDED = Text(
    "A token of role {role} needs --unit; the units are {units}.",
    "角色 {role} 的令牌须注明 --unit；现有单位：{units}。",
)
_NO_UNIT = Text(
    "There is no unit {unit!r} in {file}; the units are {units}.",
    "{file} 中没有单位 {unit!r}；现有单位：{units}。",
)
_NO_ORGANISATION = Text(
    "The organisation file {file} can't be read ({reason}); name it in MINSHENG_ORGANISATION_FILE.",
    "无法读取组织机构文件 {file}（{reason}）；请在 MINSHENG_ORGANISATION_FILE 中写明其路径。",
)
_UNIT_ROLES = (Role.OFFICER, Role.UNIT_LEAD)
_CHANNEL = Text(
    "{channel!r} is neither a channel (wechat-0012) nor a family of channels (wechat/*).",
    "{channel!r} 既不是渠道（如 wechat-0012），也不是渠道类别（如 wechat/*）。",
)


def keys(
    kid: Annotated[str, typer.Option(help="The new keys' id, kept with what they seal or sign.")] = "",
) -> None:
    """Print a fresh set of secrets as lines for `.env`. All services of a deployment share one set.

    To rotate a key without an interruption: put the new one behind the old (OLD,NEW) and restart all services, then put
    it in front (NEW,OLD) and restart them again. So no process meets a key that it doesn't know.

    Example: minsheng keys >> .env && chmod 600 .env
    """
    kid = kid or f"k{datetime.now(UTC):%Y%m%d}"
    try:
        check_kid(kid)
    except KeyRingError:
        raise fail(_KID, kid=kid) from None
    settings = Settings()
    if present := [variable_of(field) for field in KEY_SETTINGS if getattr(settings, field) is not None]:
        err.print(_SET_ALREADY.of(names=", ".join(present)), markup=False, highlight=False, soft_wrap=True)
    for name, value in new_keys(kid).items():
        typer.echo(f"{name}={value}")


def token(
    role: Annotated[Role | None, typer.Option(help="The staff member's role.")] = None,
    unit: Annotated[str | None, typer.Option(help="The unit that officers and unit leads belong to.")] = None,
    subject: Annotated[str, typer.Option(help="Who it is: an officer's id, or a login.")] = "admin",
    name: Annotated[str | None, typer.Option(help="The name to show. Default: the subject.")] = None,
    hours: Annotated[float, typer.Option(min=0.01, max=24, help="How long the token holds.")] = 12.0,
    channel: Annotated[
        str | None, typer.Option(help="Print the key of a channel (`wechat-0001`) or a family (`wechat/*`) instead.")
    ] = None,
) -> None:
    """Print a staff token for the Authorization header, or a channel's key for X-Channel-Key.

    Examples: minsheng token --role supervisor · minsheng token --role officer --unit service-centre --subject m0101 ·
    minsheng token --channel website-0001
    """
    try:
        if channel is not None:
            typer.echo(_channel_key(channel))
            return
        if role is None:
            raise fail(_ROLE, roles=", ".join(Role))
        _check_unit(role, unit)
        typer.echo(
            issue_token(
                Settings().staff_ring,
                Staff(subject=subject, name=name or subject, role=role, unit=unit),
                now=datetime.now(UTC),
                lifetime=timedelta(hours=hours),
            )
        )
    except (MissingSettingError, KeyRingError) as error:
        raise told(str(error)) from None


def _channel_key(channel: str) -> str:
    ring = Settings().channel_ring
    try:
        return channel_key(ring, channel)
    except ValueError:
        raise fail(_CHANNEL, channel=channel) from None


def _check_unit(role: Role, unit: str | None) -> None:
    """See that the token names a unit of the organisation where it needs one."""
    if unit is None and role not in _UNIT_ROLES:
        return
    file, units = _units()
    if unit is None:
        raise fail(_UNIT_NEEDED, role=role.value, units=", ".join(units))
    if unit not in units:
        raise fail(_NO_UNIT, unit=unit, file=file, units=", ".join(units))


def _units() -> tuple[Path, list[str]]:
    """The organisation file, and the codes of its units; routing reads and checks all of it."""
    import yaml
    from pydantic import BaseModel, ValidationError

    class Organised(Settings):
        organisation_file: Path = Path(__file__).parents[2] / "deploy" / "organisation.yaml"

    class Unit(BaseModel):
        code: str

    class Organisation(BaseModel):
        units: list[Unit]

    file = Organised().organisation_file
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        return file, [unit.code for unit in Organisation.model_validate(content).units]
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        raise fail(_NO_ORGANISATION, file=file, reason=type(error).__name__) from None
