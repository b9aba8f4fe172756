"""When a selection was made: DICOM dates and times become instants, or text.

An instant needs seconds and a zone. If the file has no seconds, or neither file nor
configuration has a zone, there is no instant: UTC is never assumed.

DICOM PS3.3 2025a, C.12.1.1.8.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from zoneinfo import ZoneInfo

    from imaging_selection.dicom.entities import Moment

_WITH_SECONDS = 6  # HHMMSS


def issued_of(moments: Iterable[Moment | None], zone: ZoneInfo | None) -> str | None:
    """Return the first moment that is not None as an instant; None if it is not exact.

    A later moment would be the time of something else.

    Parameters
    ----------
    moments
        In order of preference.
    zone
        The configured zone, for times without a zone of their own.
    """
    first = next((moment for moment in moments if moment is not None), None)
    return None if first is None else instant_of(first, zone)


def instant_of(moment: Moment, zone: ZoneInfo | None) -> str | None:
    """Format a moment as an instant, its digits as in the file; None if not exact.

    Notes
    -----
    With a configured zone, the offset is that of the day, not of today. The hour that a
    clock change repeats, and the one that it skips, have no certain offset.

    Examples
    --------
    >>> from imaging_selection.dicom.entities import Moment
    >>> instant_of(Moment("20240102", "030405.5", 60), None)
    '2024-01-02T03:04:05.5+01:00'
    """
    whole, _, fraction = (moment.time or "").partition(".")
    if len(whole) != _WITH_SECONDS or whole.endswith("60"):  # no type holds second 60
        return None
    local = datetime.strptime(moment.date + whole, "%Y%m%d%H%M%S")  # noqa: DTZ007
    if moment.utc_offset is not None:
        offset: timedelta | None = timedelta(minutes=moment.utc_offset)
    else:
        offset = None if moment.is_zone_unreadable else _offset_at(local, zone)
    if offset is None or offset % timedelta(minutes=1):  # zones of before 1900 or so
        return None
    aware = local.replace(tzinfo=timezone(offset)).isoformat()
    return aware[:19] + (f".{fraction}" if fraction else "") + aware[19:]


def _offset_at(local: datetime, zone: ZoneInfo | None) -> timedelta | None:
    if zone is None:
        return None
    offsets = {local.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1)}
    return offsets.pop() if len(offsets) == 1 else None


def format_moment(moment: Moment | None) -> str | None:
    """Format a moment for people, to the precision of the file; no zone is added.

    Examples
    --------
    >>> from imaging_selection.dicom.entities import Moment
    >>> format_moment(Moment("20240102", "0304", -90))
    '2024-01-02 03:04 -01:30'
    >>> format_moment(Moment("2024", None, None))
    '2024'
    """
    if moment is None:
        return None
    date, time = moment.date, moment.time or ""
    parts = [
        "-".join(filter(None, (date[:4], date[4:6], date[6:]))),
        ":".join(filter(None, (time[:2], time[2:4], time[4:]))),
    ]
    if moment.utc_offset is not None:
        hours, minutes = divmod(abs(moment.utc_offset), 60)
        sign = "-" if moment.utc_offset < 0 else "+"
        parts.append(f"{sign}{hours:02}:{minutes:02}")
    return " ".join(filter(None, parts))
