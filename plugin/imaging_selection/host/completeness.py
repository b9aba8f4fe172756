"""How complete the store is, as numbers: the status route and the metrics show them."""

from __future__ import annotations

from typing import NamedTuple


class Completeness(NamedTuple):
    """Numbers of objects; `total` is the sum of the other three."""

    total: int
    converted: int
    waiting: int
    failed: int


def completeness(
    *, known: int, pending: int, failed: int, stored: int, is_counted: bool
) -> Completeness:
    """Compute how complete the store is: an object in doubt is waiting.

    Parameters
    ----------
    known
        The known objects of Orthanc.
    pending
        Those of them for which the store may be out of date.
    failed
        Those of the others that could not be converted.
    stored
        The objects that the store has, converted by the present mapping; 0 when the
        store does not answer.
    is_counted
        Whether all objects of Orthanc are known.

    Examples
    --------
    >>> completeness(known=9, pending=2, failed=1, stored=5, is_counted=True)
    Completeness(total=9, converted=5, waiting=3, failed=1)
    """
    if not is_counted and not pending:  # at least one object may be unknown
        known, pending = known + 1, 1
    failed = min(failed, known - pending)
    # Both must confirm an object: the inventory in memory, and the rows of the store.
    converted = min(known - pending - failed, stored)
    return Completeness(known, converted, known - converted - failed, failed)
