"""Find one resource of the store by its id, or say why there is none."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from imaging_selection.api.responses import HttpError, not_found
from imaging_selection.ids import instance_of
from imaging_selection.search.parameters import (
    IMAGING_SELECTION,
    REFERRED,
    STORED,
)

if TYPE_CHECKING:
    from imaging_selection.api.ports import (
        Catalogue,
        Entry,
        SelectionReader,
        StoredSelection,
    )

_ID = "ImagingSelection.id"
_ORTHANC_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{8}){4}"
_RESOURCE_ID = re.compile(f"{_ORTHANC_ID}(?:-.*)?")


def require_orthanc_id(text: str) -> None:
    """Refuse what is not an id of Orthanc's."""
    if not re.fullmatch(_ORTHANC_ID, text):
        raise not_found("Orthanc has no instance of this id", _ID)


def find_selection(
    reader: SelectionReader, catalogue: Catalogue, selection_id: str
) -> StoredSelection:
    """Return a selection: see `find_stored`."""
    return find_stored(reader, catalogue, selection_id, IMAGING_SELECTION)


def find_stored(
    reader: SelectionReader,
    catalogue: Catalogue,
    resource_id: str,
    resource_type: str,
) -> StoredSelection:
    """Return a resource; convert its instance first if the store is out of date.

    Raises
    ------
    HttpError
        404; 410 if it was deleted; 422 if its structure set cannot be converted.
    """
    if not _RESOURCE_ID.fullmatch(resource_id):
        raise not_found(f"no {resource_type} has this id", f"{resource_type}.id")
    if resource_type in REFERRED:
        return _find_referred(reader, catalogue, resource_id, resource_type)
    orthanc_id = instance_of(resource_id)
    stored, entry = None, None
    if not catalogue.is_waiting(orthanc_id):
        stored = reader.read(resource_id, resource_type)
    if stored is None:
        entry = catalogue.entry(orthanc_id)
        stored = reader.read(resource_id, resource_type)
    if stored is None or stored.deleted:
        raise _reason_of_absence(stored, entry, resource_type)
    return stored


def find_all(
    reader: SelectionReader, catalogue: Catalogue, orthanc_id: str
) -> list[tuple[str, StoredSelection]]:
    """Return all resources that an instance became, each with its type.

    An instance of which the settings make no resource has an empty list.

    Raises
    ------
    HttpError
        As of `find_stored`.
    """
    require_orthanc_id(orthanc_id)
    entry = catalogue.entry(orthanc_id)
    with reader.limited():
        found = [
            (resource_type, stored)
            for resource_type in STORED
            if resource_type not in REFERRED
            for stored in reader.below([orthanc_id], resource_type)
        ]
    if not found and (entry is None or entry.reason is not None):
        whole = reader.read(orthanc_id, IMAGING_SELECTION)
        raise _reason_of_absence(whole, entry, IMAGING_SELECTION)
    return found


def _find_referred(
    reader: SelectionReader,
    catalogue: Catalogue,
    resource_id: str,
    resource_type: str,
) -> StoredSelection:
    """Return a patient or a study, made again from what Orthanc knows now."""
    catalogue.refresh(resource_type, resource_id)
    stored = reader.read(resource_id, resource_type)
    if stored is None:
        raise not_found(f"no {resource_type} has this id", f"{resource_type}.id")
    if stored.deleted:
        raise _reason_of_absence(stored, None, resource_type)
    return stored


def _reason_of_absence(
    deleted: StoredSelection | None, entry: Entry | None, resource_type: str
) -> HttpError:
    where = f"{resource_type}.id"
    if entry is not None and entry.reason is not None:
        return HttpError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "processing",
            entry.reason,
            expression="ImagingSelection.instance",
        )
    if deleted is not None:
        return HttpError(HTTPStatus.GONE, "deleted", "it was deleted", expression=where)
    if entry is not None:
        return not_found(f"the instance has no {resource_type} of this id", where)
    return not_found("Orthanc has no instance of this id that is converted", where)
