"""From columns to the form of a request."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest

from services.importer.mapping import MEMBERS, MappingError, RowError, RowMapping, Target, choose, load, presets
from services.importer.rows import Number

SHANGHAI = ZoneInfo("Asia/Shanghai")
BALTIMORE = ZoneInfo("America/New_York")


def message(**changes: Any) -> dict[str, Any]:
    row = {"message_id": 7, "subject": "路灯", "submitted_at": "2026-11-24 08:30:00", "body": "\t坏了\n"}
    return {**row, **changes}


def service_request(**changes: Any) -> dict[str, Any]:
    row = {
        "ServiceRequestNum": "18-1",
        "SRType": "SW-Dirty Alley",
        "MethodReceived": "Phone",
        "CreatedDate": "07/04/2018 01:02:03 PM",
        "Agency": "Solid Waste",
        "Address": "1 MAIN ST",
        "Neighborhood": "",
        "PoliceDistrict": "Southern",
        "Latitude": "39.25",
        "Longitude": "-76.6",
    }
    return {**row, **changes}


def test_a_message_becomes_a_request() -> None:
    form = presets()["messages"].form(message(label="环境"), channel="website-0001", timezone=SHANGHAI)
    assert form == {
        "channel": "website-0001",
        "channel_request_id": "7",
        "submitted_at": "2026-11-24T08:30:00+08:00",
        "subject": "路灯",
        "body": "\t坏了\n",
        "category": "环境",
    }


def test_a_service_request_becomes_a_request() -> None:
    form = presets()["baltimore-311"].form(service_request(), channel=None, timezone=BALTIMORE)
    assert form == {
        "channel": "phone-9600110-0001",
        "channel_request_id": "18-1",
        "submitted_at": "2018-07-04T13:02:03-04:00",
        "subject": "SW-Dirty Alley",
        "category": "SW-Dirty Alley",
        "district": "Southern",
        "place": "1 MAIN ST",
        "body": "SW-Dirty Alley\nAgency: Solid Waste\nNeighborhood: \n1 MAIN ST",
        "location": {"latitude": 39.25, "longitude": -76.6, "datum": "wgs84"},
    }


def test_a_mapping_names_the_datum_of_its_file() -> None:
    shifted = presets()["baltimore-311"].model_copy(update={"datum": "gcj02"})
    form = shifted.form(service_request(), channel=None, timezone=BALTIMORE)
    assert form["location"] == {"latitude": 39.25, "longitude": -76.6, "datum": "gcj02"}


@pytest.mark.parametrize(("latitude", "longitude"), [("39", "-77"), ("39.0", "-76.6"), ("", "-76.6"), ("39.2", "")])
def test_what_was_not_geocoded_has_no_location(latitude: str, longitude: str) -> None:
    row = service_request(Latitude=latitude, Longitude=longitude)
    assert "location" not in presets()["baltimore-311"].form(row, channel=None, timezone=BALTIMORE)


@pytest.mark.parametrize(
    ("method", "channel"), [("API", "open311-0001"), ("Mail", "letters-visits-0001"), ("Drone", "community-0001")]
)
def test_the_method_gives_the_channel_unless_one_is_given(method: str, channel: str) -> None:
    mapping = presets()["baltimore-311"]
    row = service_request(MethodReceived=method)
    assert mapping.form(row, channel=None, timezone=BALTIMORE)["channel"] == channel
    assert mapping.form(row, channel="weibo-0001", timezone=BALTIMORE)["channel"] == "weibo-0001"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (message(message_id=None), "no id"),
        (message(message_id="  "), "no id"),
        (message(body=" \n"), "no text"),
        (message(body=["a"]), "column body holds neither text nor number"),
        (message(submitted_at="yesterday"), "time is neither"),
    ],
)
def test_a_row_that_is_no_request(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(RowError, match=reason):
        presets()["messages"].form(row, channel="website-0001", timezone=SHANGHAI)


def test_without_a_channel_there_is_no_request() -> None:
    with pytest.raises(RowError, match="--channel"):
        presets()["messages"].form(message(), channel=None, timezone=SHANGHAI)


def test_an_offset_in_the_file_is_kept() -> None:
    row = message(submitted_at="2026-11-24T08:30:00+01:00")
    form = presets()["messages"].form(row, channel="website-0001", timezone=SHANGHAI)
    assert form["submitted_at"] == "2026-11-24T08:30:00+01:00"


def test_a_requester_and_a_table_without_otherwise() -> None:
    mapping = RowMapping.model_validate(
        {
            "name": "own",
            "fields": {
                "channel_request_id": {"column": "id"},
                "body": {"column": "text"},
                "phone": {"column": "tel", "drop": ["-"]},
                "kind": {"column": "type", "table": {"投诉": "complaint"}},
            },
        }
    )
    row = {"id": "1", "text": "x", "tel": "138", "type": "投诉"}
    form = mapping.form(row, channel="weibo-0001", timezone=SHANGHAI)
    assert (form["kind"], form["requester"]) == ("complaint", {"phone": "138"})
    assert "requester" not in mapping.form({**row, "tel": "-"}, channel="weibo-0001", timezone=SHANGHAI)
    with pytest.raises(RowError, match="value of type"):
        mapping.form({**row, "type": "其他"}, channel="weibo-0001", timezone=SHANGHAI)


def test_auto_goes_by_the_columns() -> None:
    assert choose("auto", message()).name == "messages"
    assert choose("auto", service_request()).name == "baltimore-311"
    with pytest.raises(MappingError, match=r"a, b\. Name one of baltimore-311, messages"):
        choose("auto", ["b", "a"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: [", "not YAML"),
        ("{name: x, fields: {body: {column: b}}}", "lacks channel_request_id"),
        ("{name: x, fields: {bodi: {column: b}}}", r"fields\.bodi"),
        ("{name: x, fields: {body: {}, channel_request_id: {column: i}}}", "either column or template"),
        (
            "{name: x, timezone: Mars/Base, fields: {body: {column: b}, channel_request_id: {column: i}}}",
            "not a time zone",
        ),
        (
            "{name: x, fields: {body: {column: b}, channel_request_id: {column: i}, latitude: {column: l}}}",
            "go together",
        ),
    ],
)
def test_a_mistake_in_a_mapping_is_told(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(text)
    with pytest.raises(MappingError, match=told):
        load(file)


def test_a_missing_mapping_names_those_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="baltimore-311, messages"):
        choose(str(tmp_path / "none.yaml"), [])


@pytest.mark.parametrize("literal", ["1e3", "1E22", "1.0", "20241124083012345678901.0", "-0", "2.0241124083012346e22"])
def test_a_number_that_may_have_lost_digits_is_no_id(literal: str) -> None:
    with pytest.raises(RowError, match="lost digits"):
        presets()["messages"].id_of(message(message_id=Number(literal)))


@pytest.mark.parametrize("literal", ["20241124083012345678901", "20241124083012345678902", "0", "-5"])
def test_a_whole_number_is_an_id_with_all_its_digits(literal: str) -> None:
    assert presets()["messages"].id_of(message(message_id=Number(literal))) == literal


@pytest.mark.parametrize("cell", ["2.02411E+22", "2E+22", "1.39E+10 ", "2,02411E+22"])
def test_an_id_that_a_spreadsheet_shortened_is_refused(cell: str) -> None:
    with pytest.raises(RowError, match="shortened"):
        presets()["messages"].id_of(message(message_id=cell))


@pytest.mark.parametrize("cell", ["007", "1E5", "12e4", "0.5.1", "E+1", "true"])
def test_texts_are_ids_as_they_are(cell: str) -> None:
    assert presets()["messages"].id_of(message(message_id=cell)) == cell


def test_what_nobody_sees_around_an_id_is_no_part_of_it() -> None:
    for cell in ("\ufeffA-1", " A-1\u3000", "\u200bA-1\u00a0"):
        assert presets()["messages"].id_of(message(message_id=cell)) == "A-1"
    with pytest.raises(RowError, match="no id"):
        presets()["messages"].id_of(message(message_id="\ufeff\u3000"))


@pytest.mark.parametrize("value", [True, False, ["1"], {"a": "1"}])
def test_what_is_neither_text_nor_number_is_no_id(value: Any) -> None:
    with pytest.raises(RowError, match="neither text nor number"):
        presets()["messages"].id_of(message(message_id=value))


@pytest.mark.parametrize("degrees", ["nan", "inf", "1_0", "１２", "1e999", "9999"])
def test_degrees_are_numbers(degrees: str) -> None:
    with pytest.raises(RowError, match="not a number"):
        presets()["baltimore-311"].form(service_request(Latitude=degrees), channel=None, timezone=BALTIMORE)


def test_each_member_that_a_mapping_can_fill_is_told() -> None:
    assert set(MEMBERS) == set(get_args(Target))
