"""Strategies for selections and for searches, from few words, so that many match.

No DICOM here: the selections have any shape that R5 allows the elements that searches
read.
"""

from urllib.parse import quote

from hypothesis import strategies as st

BASE = "https://fhir.example.org/base-113047"
NOW = "2024-03-01T12:00:00Z"
DCM = "http://dicom.nema.org/resources/ontology/DCM"
SCT = "http://snomed.info/sct"
OTHER = "http://example.org/code,system|113047"
URI = "urn:ietf:rfc:3986"
STATUSES = "http://hl7.org/fhir/imagingselection-status"
DICOM_UID = "urn:dicom:uid"
RT = "1.2.840.10008.5.1.4.1.1.481.3"
PART4 = "https://dicom.nema.org/medical/dicom/current/output/chtml/part04/sect_B.5"
PROFILE = "http://hl7.org/fhir/uv/dicom-sr/StructureDefinition/region-in-space"
PROFILES = (PROFILE, PROFILE + "-2", PROFILE + "|1.0", PROFILE + "|1.0.2")
PARENT = PROFILE.rpartition("/")[0]
BELOW = (
    *(PROFILE, PARENT, PARENT + "/", PARENT[:-1], PROFILE[:-1]),
    *(PROFILE + "|1", PROFILE + "|1.0", PROFILE + "|2", "http://example.org"),
)

SYSTEMS = (DCM, SCT, OTHER)
CODES = ("130047", "10200004", "a,b", "c|d", r"e\f", "g$h", "130488", "É")
TEXTS = (
    "PTV_70", "ptv 70", "PTV", "Moelle épinière", "MOELLE", "Œdème", "œdeme", "Straße",
    "STRASSE", "ﬁn", "a,b|c$d\\e", "50% _x", "İ", "Σίσυφος", "ΣΊΣΥΦΟΣ", "e\u0301",
    "x  y", "\U0010ffff", "p\U0010ffff", "z", "ptw",
)  # fmt: skip
IDS = ("p-1", "p-2", "S.3", "113047")
UIDS = ("2.25.1", "2.25.12", "2.25.113047", "1.2.3")
INSTANTS = (
    "2024-02-29T23:59:59Z", "2024-02-29T23:59:59.999Z", "2024-03-01T00:00:00+01:00",
    "2024-03-01T00:00:00.5-05:00", "2023-12-31T23:30:00Z", "1969-12-31T23:59:59.25Z",
    "2024-03-01T11:59:59.123456Z", "2024-03-01T12:00:00Z",
)  # fmt: skip
DATES = (
    "2024", "2023", "2024-02", "2024-02-29", "2024-03-01", "1969-12-31",
    "2024-03-01T00:00", "2024-03-01T00:00+01:00", "2024-02-29T23:59:59Z",
    "2024-02-29T23:59:59.999Z", "2024-03-01T00:00:00 01:00", "2024-03-01T11:59:59.12Z",
    "2023-12-31T18:30:00-05:00",
)  # fmt: skip
PREFIXES = ("", "eq", "ne", "gt", "ge", "lt", "le", "sa", "eb", "ap")


def maybe(strategy):
    return st.none() | strategy


def objects(**fields):
    """JSON objects without the members that are None or an empty list."""
    return st.fixed_dictionaries(fields).map(
        lambda each: {k: v for k, v in each.items() if v is not None and v != []}
    )


def lists(strategy, maximum=2):
    return st.lists(strategy, max_size=maximum)


codings = objects(
    system=maybe(st.sampled_from(SYSTEMS)),
    code=st.sampled_from(CODES),
    display=maybe(st.sampled_from(TEXTS)),
)
concepts = objects(coding=lists(codings), text=maybe(st.sampled_from(TEXTS)))
identifiers = st.one_of(
    objects(
        system=st.just(DICOM_UID), value=st.sampled_from([f"urn:oid:{u}" for u in UIDS])
    ),
    objects(
        type=maybe(concepts),
        system=maybe(st.sampled_from(SYSTEMS)),
        value=st.sampled_from([*CODES, *UIDS]),
    ),
)


def references(*kinds):
    return objects(
        reference=maybe(
            st.builds("{}/{}".format, st.sampled_from(kinds), st.sampled_from(IDS))
        ),
        identifier=maybe(identifiers),
    )


misspelt = {
    "system": PART4,
    "code": "1" + RT,
    "_code": {
        "extension": [
            {
                "url": "http://hl7.org/fhir/StructureDefinition/alternate-codes",
                "valueCodeableConcept": {
                    "coding": [{"system": URI, "code": f"urn:oid:{RT}"}]
                },
            }
        ]
    },
}
sop_classes = st.sampled_from(
    [
        misspelt,
        {"system": PART4, "code": RT},
        {"system": URI, "code": "urn:oid:1.2.840.10008.5.1.4.1.1.2"},
    ]
)
instances = objects(
    uid=st.sampled_from(UIDS),
    sopClass=maybe(sop_classes),
    subset=lists(st.sampled_from(["1", "2", "10"])),
)
selections = objects(
    meta=objects(
        profile=lists(st.sampled_from(PROFILES)),
        tag=lists(codings, 3),
        lastUpdated=st.sampled_from(INSTANTS[:2] + INSTANTS[5:]),
    ),
    identifier=lists(identifiers),
    status=st.sampled_from(["available", "unknown"]),
    subject=maybe(references("Patient", "Group")),
    issued=maybe(st.sampled_from(INSTANTS)),
    basedOn=lists(references("ServiceRequest", "Task")),
    category=lists(concepts),
    code=concepts,
    studyUid=maybe(st.sampled_from(UIDS)),
    derivedFrom=lists(references("ImagingStudy", "DocumentReference")),
    endpoint=lists(references("Endpoint")),
    seriesUid=maybe(st.sampled_from(UIDS)),
    frameOfReferenceUid=maybe(st.sampled_from(UIDS)),
    bodySite=maybe(
        objects(
            concept=maybe(concepts),
            reference=maybe(
                st.just({"reference": "#structure"}) | references("BodyStructure")
            ),
        )
    ),
    instance=lists(instances),
)


def with_ids(resources):
    return [
        {"resourceType": "ImagingSelection", "id": f"id-{number}", **each}
        for number, each in enumerate(resources)
    ]


def archives(minimum=0, maximum=12):
    """Lists of selections, each with an id of its own."""
    return st.lists(selections, min_size=minimum, max_size=maximum).map(with_ids)


# Searches: the values of a parameter, as they stand in a URL before it is escaped.


def escape(text):
    for letter in "\\,|$":
        text = text.replace(letter, "\\" + letter)
    return text


def tokens_of(systems, codes):
    code = st.sampled_from([escape(each) for each in codes])
    system = st.sampled_from([escape(each) for each in systems])
    return st.one_of(
        code,
        st.builds("{}|{}".format, system, code),
        code.map("|{}".format),
        system.map("{}|".format),
    )


UID_TEXTS = (*UIDS, *(f"urn:oid:{uid}" for uid in UIDS))
code_tokens = tokens_of(SYSTEMS, CODES)
uid_tokens = tokens_of([DICOM_UID, URI, DCM], UID_TEXTS)
identifier_tokens = tokens_of([DICOM_UID, *SYSTEMS], [*UID_TEXTS, *CODES])
sop_class_tokens = tokens_of(
    [PART4, URI],
    [RT, "1" + RT, f"urn:oid:{RT}", "1.2.840.10008.5.1.4.1.1.2", "1.2.840"],
)
texts = st.sampled_from(TEXTS).flatmap(
    lambda text: st.integers(1, len(text)).map(lambda n: escape(text[:n]))
)
dates = st.builds("{}{}".format, st.sampled_from(PREFIXES), st.sampled_from(DATES))

TOKENS = {
    "_id": st.sampled_from([f"id-{n}" for n in range(12)]) | st.just("id-1|"),
    "_tag": code_tokens,
    "body-site": code_tokens,
    "category": code_tokens,
    "code": code_tokens,
    "frame-of-reference": uid_tokens,
    "identifier": identifier_tokens,
    "instance-uid": uid_tokens,
    "roi-number": tokens_of(["http://x"], ["1", "2", "10", "01"]),
    "series-uid": uid_tokens,
    "sop-class": sop_class_tokens,
    "status": tokens_of([DCM, STATUSES], ["available", "unknown", "Available"]),
    "study-uid": uid_tokens,
}
REFERENCES = {
    "based-on": ("ServiceRequest", "Task"),
    "body-structure": ("BodyStructure",),
    "derived-from": ("ImagingStudy", "DocumentReference"),
    "endpoint": ("Endpoint",),
    "patient": ("Patient",),
    "subject": ("Patient", "Group"),
}
WITH_TEXT = {"_tag", "body-site", "category", "code", "identifier", "sop-class"}


def reference_values(kinds):
    identity, kind = st.sampled_from(IDS), st.sampled_from([*kinds, "Organization"])
    local = st.builds("{}/{}".format, kind, identity)
    return st.one_of(
        identity,
        local,
        local.map((BASE + "/{}").format),
        local.map("https://elsewhere.example.org/{}".format),
    )


of_types = st.builds(
    "{}|{}|{}".format,
    st.sampled_from([escape(each) for each in SYSTEMS]),
    st.sampled_from([escape(each) for each in CODES[:4]]),
    st.sampled_from([escape(each) for each in (*CODES[:4], *UIDS)]),
)


def cases():
    """Yield every name with modifier and the strategy of its values."""
    for name, values in TOKENS.items():
        yield name, values
        yield f"{name}:not", values
        if name in WITH_TEXT:
            yield f"{name}:text", texts
    for name, kinds in REFERENCES.items():
        yield name, reference_values(kinds)
        yield f"{name}:identifier", identifier_tokens
        for kind in kinds:
            yield f"{name}:{kind}", st.sampled_from(IDS)
    yield "roi-name", texts
    yield "roi-name:exact", st.sampled_from(TEXTS).map(escape)
    yield "roi-name:contains", texts
    yield "_lastUpdated", dates
    yield "issued", dates
    yield "_profile", st.sampled_from([PROFILE, PROFILE + "-2", PROFILE[:-1]])
    yield "_profile:below", st.sampled_from(BELOW)
    yield "identifier:of-type", of_types
    for name in (
        *TOKENS,
        *REFERENCES,
        "roi-name",
        "_lastUpdated",
        "issued",
        "_profile",
    ):
        yield f"{name}:missing", st.sampled_from(["true", "false"])


CASES = dict(cases())


def values_of(name):
    """One value, or several joined by commas."""
    one = CASES[name]
    if name.endswith(":missing"):
        return one
    return st.lists(one, min_size=1, max_size=3).map(",".join)


pairs = st.sampled_from(sorted(CASES)).flatmap(
    lambda name: values_of(name).map(lambda value: (name, value))
)
searches = st.lists(pairs, max_size=3)


def url_of(pairs):
    return "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs)
