"""The entries of a transaction: updates by id, deletions (R5 http.html 3.2.0.14)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import orjson

from imaging_selection.fhir.datatypes import dumps

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imaging_selection.fhir.datatypes import Resource


@dataclass(frozen=True, slots=True)
class Entry:
    """A resource to put, or to delete.

    Attributes
    ----------
    name
        Type and id.
    content
        The resource as JSON; None to delete it.
    """

    name: str
    content: bytes | None = None

    def json(self, url: str) -> bytes:
        """Return the entry as JSON; `url` is the base of the target."""
        if self.content is None:
            return dumps({"request": {"method": "DELETE", "url": self.name}})
        return dumps(
            {
                "fullUrl": f"{url}/{self.name}",
                "resource": orjson.Fragment(self.content),
                "request": {"method": "PUT", "url": self.name},
            }
        )


def entry_of(resource: Resource) -> Entry:
    """Return the entry that puts a resource."""
    name = f"{resource['resourceType']}/{resource['id']}"
    return Entry(name, dumps(resource))


def parsed(content: bytes) -> Resource:
    """Parse a resource of the store, without the version that it has there.

    Its decimals keep their digits.
    """
    resource: Resource = json.loads(content, parse_float=Decimal)
    meta = resource.get("meta", {})
    for key in ("versionId", "lastUpdated"):
        meta.pop(key, None)
    if not meta:  # FHIR JSON has no empty object
        resource.pop("meta", None)
    return resource


def revision_of(settings: str, entries: Iterable[Entry]) -> str:
    """Return a digest of what is put, and of the settings of the target."""
    digest = hashlib.sha256(settings.encode())
    for each in sorted(entries, key=lambda entry: entry.name):
        content = each.content or b""
        digest.update(b"%b %d " % (each.name.encode(), len(content)))
        digest.update(content)
    return digest.hexdigest()
