"""Person names (VR PN), taken apart by pydicom (DICOM PS3.5 2025a, 6.2.1)."""

from __future__ import annotations

from typing import NamedTuple

from pydicom import config
from pydicom.valuerep import PersonName as _PersonName


class PersonName(NamedTuple):
    """The components of one component group; each may hold several names.

    Attributes
    ----------
    others
        The further component groups, such as the ideographic and the phonetic one, each
        with its components in the order of the file and blanks between them.
    """

    family: str
    given: str
    middle: str
    prefix: str
    suffix: str
    others: tuple[str, ...]


def parse_person_name(text: str) -> PersonName | None:
    """Split a decoded PN value; None where no component group says anything.

    The components are those of the first group that says anything.

    Examples
    --------
    >>> parse_person_name("Doe^John Paul^M^Dr^PhD").given
    'John Paul'
    >>> parse_person_name("Yamada^Tarou=山田^太郎").others
    ('山田 太郎',)
    """
    groups = [group for group in text.split("=") if group.strip(" ^")]
    if not groups:
        return None
    # Without validation: pydicom's warnings quote the value.
    name = _PersonName(groups[0], validation_mode=config.IGNORE)
    return PersonName(
        name.family_name.strip(),
        name.given_name.strip(),
        name.middle_name.strip(),
        name.name_prefix.strip(),
        name.name_suffix.strip(),
        tuple(" ".join(group.replace("^", " ").split()) for group in groups[1:]),
    )
