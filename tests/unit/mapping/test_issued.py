from zoneinfo import ZoneInfo

import pytest
from imaging_selection.dicom.entities import Moment
from imaging_selection.mapping.issued import format_moment, instant_of, issued_of

BRUSSELS = ZoneInfo("Europe/Brussels")


@pytest.mark.parametrize(
    ("moment", "zone", "expected"),
    [
        pytest.param(
            Moment("20240102", "030405", 60),
            None,
            "2024-01-02T03:04:05+01:00",
            id="own",
        ),
        pytest.param(
            Moment("20240102", "030405", -210),
            BRUSSELS,
            "2024-01-02T03:04:05-03:30",
            id="own-before-configured",
        ),
        pytest.param(
            Moment("20240102", "030405.120", 0),
            None,
            "2024-01-02T03:04:05.120+00:00",
            id="digits-of-the-fraction-stay",
        ),
        pytest.param(Moment("20240102", "030405", None), None, None, id="no-zone"),
        pytest.param(
            Moment("20240115", "120000", None),
            BRUSSELS,
            "2024-01-15T12:00:00+01:00",
            id="winter",
        ),
        pytest.param(
            Moment("20240715", "120000", None),
            BRUSSELS,
            "2024-07-15T12:00:00+02:00",
            id="summer",
        ),
        pytest.param(
            Moment("20241027", "023000", None), BRUSSELS, None, id="repeated-hour"
        ),
        pytest.param(
            Moment("20240331", "023000", None), BRUSSELS, None, id="skipped-hour"
        ),
        pytest.param(
            Moment("20240102", "030405", None, is_zone_unreadable=True),
            BRUSSELS,
            None,
            id="a-zone-that-nobody-can-read-is-not-the-sites",
        ),
        pytest.param(Moment("20240102", None, 60), None, None, id="date-only"),
        pytest.param(Moment("20240102", "0304", 60), None, None, id="no-seconds"),
        pytest.param(Moment("20240102", "235960", 0), None, None, id="leap-second"),
        pytest.param(
            Moment("18700102", "120000", None), BRUSSELS, None, id="zone-of-odd-seconds"
        ),
    ],
)
def test_an_instant_is_told_only_when_the_zone_is_certain(moment, zone, expected):
    assert instant_of(moment, zone) == expected


def test_the_first_moment_that_is_there_is_taken_or_none():
    told = Moment("20240102", "030405", 0)

    assert issued_of([None, told], None) == "2024-01-02T03:04:05+00:00"
    assert issued_of([None, Moment("20240101", None, 0), told], None) is None
    assert issued_of([], None) is None


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (None, None),
        (Moment("2024", None, None), "2024"),
        (Moment("202402", None, None), "2024-02"),
        (Moment("20240203", None, None), "2024-02-03"),
        (Moment("20240203", "04", None), "2024-02-03 04"),
        (Moment("20240203", "040506.70", 330), "2024-02-03 04:05:06.70 +05:30"),
        (Moment("2024", None, 0), "2024 +00:00"),
    ],
)
def test_a_moment_for_people_has_the_precision_of_the_file(moment, expected):
    assert format_moment(moment) == expected
