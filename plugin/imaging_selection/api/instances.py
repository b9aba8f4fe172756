"""Search of studies by the images that Orthanc has: R5 ImagingStudy, `instance`.

The store does not know images: a study has thousands. Orthanc has an index of them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from imaging_selection.fhir.canonicals import DICOM_UID
from imaging_selection.search.criteria import (
    ChainMatch,
    Criterion,
    Query,
    ReverseMatch,
    TokenMatch,
)
from imaging_selection.search.parameters import IMAGING_STUDY

if TYPE_CHECKING:
    from imaging_selection.api.ports import Archive
    from imaging_selection.search.criteria import Match

_NONE = TokenMatch(None, ":none")  # no id has a colon


def with_studies(query: Query, archive: Archive) -> Query:
    """Return a query that names studies by their ids, not by their images."""
    kind = query.resource_type
    criteria = tuple(_resolved(each, kind, archive) for each in query.criteria)
    return query if criteria == query.criteria else replace(query, criteria=criteria)


def _resolved(criterion: Criterion, kind: str, archive: Archive) -> Criterion:
    if kind == IMAGING_STUDY and criterion.name == "instance":
        uids = [
            each.code
            for each in criterion.matches
            if isinstance(each, TokenMatch) and each.system in {None, DICOM_UID}
        ]
        found = [TokenMatch(None, each) for each in archive.studies_of_images(uids)]
        return Criterion("_id", tuple(found) or (_NONE,), criterion.negated)
    matches = tuple(_resolved_match(each, archive) for each in criterion.matches)
    return replace(criterion, matches=matches)


def _resolved_match(match: Match, archive: Archive) -> Match:
    if isinstance(match, ChainMatch):
        inner = _resolved(match.criterion, match.target, archive)
        return replace(match, criterion=inner)
    if isinstance(match, ReverseMatch):
        inner = _resolved(match.criterion, match.source, archive)
        return replace(match, criterion=inner)
    return match
