"""Find one selection by its id, or the error that says why there is none."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from imaging_selection.api.responses import HttpError, not_found
from imaging_selection.ids import instance_of

if TYPE_CHECKING:
    from imaging_selection.api.ports import (
        Catalogue,
        Entry,
        SelectionReader,
        StoredSelection,
    )

_ID = "ImagingSelection.id"
_ORTHANC_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{8}){4}"
_SELECTION_ID = re.compile(f"{_ORTHANC_ID}(?:-.*)?")


def require_orthanc_id(text: str) -> None:
    """Refuse what is not an id of Orthanc's."""
    if not re.fullmatch(_ORTHANC_ID, text):
        raise not_found("Orthanc has no RT Structure Set of this id", _ID)


def find_selection(
    reader: SelectionReader, catalogue: Catalogue, selection_id: str
) -> StoredSelection:
    """Return a selection; convert its structure set first if the store is out of date.

    Raises
    ------
    HttpError
        404; 410 if it was deleted; 422 if its structure set cannot be converted.
    """
    if not _SELECTION_ID.fullmatch(selection_id):
        raise not_found("no ImagingSelection has this id", _ID)
    orthanc_id = instance_of(selection_id)
    stored, entry = None, None
    if not catalogue.is_waiting(orthanc_id):
        stored = reader.read(selection_id)
    if stored is None:
        entry = catalogue.entry(orthanc_id)
        stored = reader.read(selection_id)
    if stored is None or stored.deleted:
        raise _reason_of_absence(stored, entry)
    return stored


def _reason_of_absence(
    deleted: StoredSelection | None, entry: Entry | None
) -> HttpError:
    if entry is not None and entry.reason is not None:
        return HttpError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "processing",
            entry.reason,
            expression="ImagingSelection.instance",
        )
    if deleted is not None:
        return HttpError(HTTPStatus.GONE, "deleted", "it was deleted", expression=_ID)
    if entry is not None:
        return not_found("the structure set has no ImagingSelection of this id", _ID)
    return not_found("Orthanc has no RT Structure Set of this id", _ID)
