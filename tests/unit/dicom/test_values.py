import pytest
from imaging_selection.dicom.entities import Moment
from imaging_selection.dicom.values import (
    is_legal_uid,
    is_plain_integer,
    parse_date,
    parse_datetime,
    parse_decimal,
    parse_integer,
    parse_time,
    parse_uid,
    parse_utc_offset,
)


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        (b"7", 7),
        (b" 7 ", 7),
        (b"+7", 7),
        (b"007\0", 7),
        (b"-5", -5),
        (b"2147483647", 2**31 - 1),
        (b"-2147483648", -(2**31)),
        (b"7.0", 7),
        (b"7.", 7),
        (b"+7.000", 7),
        (b"0000000000000007", 7),
        (b"0.7e1", 7),
        (b"70E-1", 7),
        (b"-0", 0),
        (b"0e999999999999", 0),
        (b"\0 7\0 ", 7),
        (b"\t7\r\n", 7),
        (b"2147483647.0", 2**31 - 1),
    ],
)
def test_an_integer_string_is_read_in_any_notation_of_one_value(raw, number):
    assert parse_integer(raw) == number


@pytest.mark.parametrize("raw", [b"7", b" 7 ", b"7\0", b"-5", b"0", b"7 \0"])
def test_the_usual_notation_of_an_integer_is_plain_in_any_padding(raw):
    assert is_plain_integer(raw)


@pytest.mark.parametrize(
    "raw", [b"7.0", b"7.", b"+7", b"007", b"7e0", b"\t7", b"-0", b"", b"A", b"7.5"]
)
def test_another_notation_of_an_integer_is_not_plain(raw):
    assert not is_plain_integer(raw)


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b" ", b"7.5", b"7\\8", b"1 2", b"- 1", b"2147483648", b"0x7", b"1_0"),
        *(b"\xb2", b"+", b"A", b".", b"7,0", b"1e10", b"1e-1", b"7.0.0", b"NaN"),
        *(b"1e999999999", b"1e-999999999", b"1e99999999999999999999", b"7.0000000001"),
    ],
)
def test_what_is_no_integer_string_is_refused(raw):
    with pytest.raises(ValueError, match="integer"):
        parse_integer(raw)


@pytest.mark.parametrize(
    ("raw", "text"),
    [(b" 12.50 ", "12.50"), (b"+1e-3", "+1e-3"), (b".5", ".5"), (b"1.", "1.")],
)
def test_a_decimal_keeps_its_digits(raw, text):
    assert parse_decimal(raw) == text


@pytest.mark.parametrize("raw", [b"", b"nan", b"1,5", b".", b"1\\2", b"--1", b"1e"])
def test_what_is_no_decimal_string_is_refused(raw):
    with pytest.raises(ValueError, match="decimal"):
        parse_decimal(raw)


@pytest.mark.parametrize(
    ("raw", "uid"),
    [
        (b"1.2.840\0", "1.2.840"),
        (b" 1.2.840 ", "1.2.840"),
        (b"1.02.4", "1.02.4"),
        (b"2.25." + b"9" * 59, "2.25." + "9" * 59),
    ],
)
def test_a_uid_loses_its_padding_and_nothing_else(raw, uid):
    assert parse_uid(raw) == uid


@pytest.mark.parametrize(
    "raw", [b"1..2", b"1.2.", b".1", b"1.2a", b"ANON-7.", b"-", b"a" * 64]
)
def test_an_illegal_uid_that_an_id_can_hold_is_kept(raw):
    assert parse_uid(raw) == raw.decode()
    assert not is_legal_uid(raw.decode())


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "is missing"),
        (b" \0", "is missing"),
        (b"1\\2", "is there, but has characters"),
        (b"1\xb2", "is there, but has characters"),
        (b"1.2_3", "is there, but has characters"),
        (b"1 2", "is there, but has characters"),
        (b"1.2\n", "is there, but has characters"),
        (b"urn:oid:1.2", "is there, but has characters"),
        (b"2.25." + b"9" * 60, "is there, but longer .* 65 characters"),
    ],
)
def test_what_no_id_can_hold_is_refused_with_the_reason(raw, reason):
    with pytest.raises(ValueError, match=reason):
        parse_uid(raw)


@pytest.mark.parametrize(
    ("uid", "expected"),
    [("1.0.2", True), ("1.00", False), ("01.2", False), ("0.1", True), ("1.10", True)],
)
def test_a_component_zero_is_legal_and_a_leading_zero_is_not(uid, expected):
    assert is_legal_uid(uid) is expected


@pytest.mark.parametrize(
    ("raw", "date"),
    [
        (b"20210304", "20210304"),
        (b"2021.03.04", "20210304"),
        (b"20200229 ", "20200229"),
        (b"00010101", "00010101"),
    ],
)
def test_a_date_is_read_in_both_of_its_forms(raw, date):
    assert parse_date(raw) == date


@pytest.mark.parametrize(
    "raw",
    [b"", b"00000000", b"20210229", b"2021", b"202103", b"2021.0304", b"2021-03-04"],
)
def test_a_day_that_no_calendar_has_is_refused(raw):
    with pytest.raises(ValueError, match=r"date|year|month|day"):
        parse_date(raw)


@pytest.mark.parametrize(
    ("raw", "time"),
    [
        (b"05", "05"),
        (b"0506", "0506"),
        (b"050607", "050607"),
        (b"050607.123456", "050607.123456"),
        (b"05:06:07", "050607"),
        (b"05:06", "0506"),
        (b"235960 ", "235960"),
    ],
)
def test_a_time_keeps_the_precision_it_has(raw, time):
    assert parse_time(raw) == time


@pytest.mark.parametrize(
    "raw", [b"", b"24", b"0560", b"050661", b"5", b"0506:07", b"050607.", b"noon"]
)
def test_what_no_clock_shows_is_refused(raw):
    with pytest.raises(ValueError, match="time"):
        parse_time(raw)


@pytest.mark.parametrize(
    ("raw", "moment"),
    [
        (b"20210304", Moment("20210304", None, None)),
        (b"2021030405", Moment("20210304", "05", None)),
        (b"20210304050607.5", Moment("20210304", "050607.5", None)),
        (b"20180316152319.134-0300", Moment("20180316", "152319.134", -180)),
        (b"20210304+0530", Moment("20210304", None, 330)),
        (b"202103", Moment("202103", None, None)),
        (b"2021-0100", Moment("2021", None, -60)),
    ],
)
def test_a_date_time_states_its_own_offset_or_none(raw, moment):
    assert parse_datetime(raw) == moment


@pytest.mark.parametrize(
    "raw",
    [b"", b"20", b"202113", b"20210229", b"2021030425", b"20210304050607-9900", b"x"],
)
def test_a_date_time_that_no_calendar_or_clock_has_is_refused(raw):
    with pytest.raises(ValueError, match=r"time|offset|month|day"):
        parse_datetime(raw)


@pytest.mark.parametrize(
    ("raw", "minutes"),
    [(b"+0000", 0), (b"+1400", 840), (b"-1200", -720), (b"-0330 ", -210)],
)
def test_an_offset_is_read_as_minutes_east(raw, minutes):
    assert parse_utc_offset(raw) == minutes


@pytest.mark.parametrize("raw", [b"-0000", b"+1401", b"-1201", b"+0160", b"0100", b"Z"])
def test_an_offset_that_no_place_has_is_refused(raw):
    with pytest.raises(ValueError, match="offset"):
        parse_utc_offset(raw)
