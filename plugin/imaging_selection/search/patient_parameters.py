"""Which parameters name a patient, among those that a search does not support.

R5 permits a server to ignore a parameter that it does not support (search.html,
Handling Errors). Such a search would answer with the resources of every patient, where
the client asked for those of one. So a parameter that may name a patient is never
ignored.
"""

from __future__ import annotations

import re

from imaging_selection.errors import SearchError

# Parts of such names, without case and punctuation: what R5 calls a patient in its
# references, the search parameters of R5's Patient, and what other systems write.
_PARTS = re.compile(
    "patient|subject|person|individual|beneficiary|birth|deceased|death|family|given"
    "|surname|gender|telecom|phone|email|address|medicalrecord|socialsecurity"
    "|0010[0-9a-f]{4}"  # the DICOM attributes of the patient
)
_NAMES = frozenset(
    {
        *("name", "names", "firstname", "lastname", "fullname", "sex", "dob"),
        *("mrn", "pid", "ssn", "phonetic", "generalpractitioner"),
    }
)
# They search all text of a resource, in which a patient may be named.
_ALL_TEXT = frozenset({"_content", "_text"})
_REFERENCE = re.compile(r"\bPatient/")


def names_patient(name: str, value: str) -> bool:
    """Return whether a parameter may name a patient: by its name, or by its value.

    Examples
    --------
    >>> names_patient("patient.birthdate", "2000"), names_patient("owner", "Patient/1")
    (True, True)
    >>> names_patient("modality", "CT")
    False
    """
    # `_has` and `_filter` are conditions in a language of their own.
    texts = (name, value) if name == "_filter" else (name,)
    return (
        name.startswith("_has")
        or name.partition(":")[0] in _ALL_TEXT
        or any(map(_is_name_of_patient, texts))
        or _REFERENCE.search(value) is not None
    )


def refuse_if_patient(name: str, value: str) -> None:
    """Refuse a parameter that would have no effect, if it may name a patient.

    Raises
    ------
    SearchError
        It does: without it, the answer would be about every patient.
    """
    if names_patient(name, value):
        raise SearchError(
            f"{name} may name a patient, and is not supported here: without it, the"
            " answer would be about other patients too (GET metadata lists what is)",
            name,
            "not-supported",
        )


def _is_name_of_patient(text: str) -> bool:
    words = (
        re.sub("[^a-z0-9]", "", each) for each in re.split(r"[:.\s]", text.lower())
    )
    return any(word in _NAMES or _PARTS.search(word) for word in words)
