"""What a file becomes, before it is saved.

Without SQL: the processes that read files make it, and do not know the database.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imaging_selection.search.parameters import (
    IMAGING_SELECTION,
    IMAGING_STUDY,
    OBSERVATION,
    PATIENT,
)

if TYPE_CHECKING:
    from imaging_selection.search.extract import Indexed

# Type of a resource -> the number that the tables have for it, because each token and
# each index repeats it. A type keeps its number.
RESOURCE_TYPES = {IMAGING_SELECTION: 1, OBSERVATION: 2, PATIENT: 3, IMAGING_STUDY: 4}


@dataclass(frozen=True, slots=True)
class Draft:
    """A resource that is to be saved.

    Attributes
    ----------
    content
        The resource as JSON, without version.
    issued
        The time at which it was made, as it stands in the content. If nothing else is
        new, the content counts as the same.
    """

    resource_type: str
    id: str
    content: bytes
    index: Indexed
    issued: str = ""

    @property
    def name(self) -> tuple[int, str]:
        """The number of its type, and its id: no other resource has both."""
        return RESOURCE_TYPES[self.resource_type], self.id

    @property
    def digest(self) -> str:
        """A hash of the content, without the time at which it was made."""
        content = self.content
        if self.issued:
            content = content.replace(f'"issued":"{self.issued}"'.encode(), b"", 1)
        return hashlib.sha256(content).hexdigest()

    def versioned(self, version_id: int, last_updated: str) -> bytes:
        """Return the content with version and time in `meta`, without parsing it.

        A `meta` of its own comes after the type and the id.
        """
        version = f'"versionId":"{version_id}","lastUpdated":"{last_updated}"'.encode()
        head, meta, rest = _PARTS.fullmatch(self.content).groups()  # type: ignore[union-attr]
        if meta is None:
            return b'%b"meta":{%b},%b' % (head, version, rest)
        comma = b"" if rest.startswith(b"}") else b","
        return b"%b%b%b%b%b" % (head, meta, version, comma, rest)


# The type and the id, the beginning of `meta` if there is one, and the rest.
_PARTS = re.compile(
    rb'(\{(?:"resourceType":"\w+",)?(?:"id":"[^"]*",)?)("meta":\{)?(.*)', re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Conversion:
    """What an object became.

    Attributes
    ----------
    drafts
        Its resources.
    findings
        The findings about the file, as a JSON array.
    is_measurable
        Its ROIs are to be measured.
    awaits
        Orthanc's id of the patient, if images of his were lacking for a measurement.
    """

    drafts: tuple[Draft, ...]
    findings: bytes
    is_measurable: bool = False
    awaits: str | None = None
