"""Strategies for Observations and for their searches, and the oracle that reads all."""

from decimal import Decimal

from hypothesis import strategies as st
from support import search_oracle
from support.search_cases import (
    DATES,
    IDS,
    INSTANTS,
    PREFIXES,
    SYSTEMS,
    concepts,
    identifier_tokens,
    identifiers,
    lists,
    maybe,
    objects,
    reference_values,
    references,
    tokens_of,
)
from support.search_cases import code_tokens as codes
from support.search_cases import texts as text_values

STATUSES = "http://hl7.org/fhir/observation-status"
UNITS = ("mm", "cm3", "1")
NUMBERS = (
    *("0", "-0.5", "12", "12.0", "12.04", "11.95", "1e1", "-12", "-12.5", "0.0001"),
    *("123456789012345678.12345678901234567", "1E+3", "999.5", "-0.00010", "10"),
)
quantities = objects(
    value=st.sampled_from(NUMBERS).map(float)
    | st.integers(-20, 2000)
    | st.sampled_from([1e-5, 12.04, -12.5]),
    unit=maybe(st.sampled_from(["millimeter", "mm"])),
    system=maybe(st.sampled_from(SYSTEMS)),
    code=maybe(st.sampled_from(UNITS)),
)
moments = st.sampled_from([*INSTANTS, "2024", "2024-02", "2024-02-29", "1969-12-31"])
periods = objects(start=maybe(moments), end=maybe(moments))
observations = objects(
    meta=objects(
        profile=lists(st.just("http://example.org/profile")),
        lastUpdated=st.sampled_from(INSTANTS[:2]),
    ),
    identifier=lists(identifiers),
    basedOn=lists(references("ServiceRequest", "CarePlan")),
    partOf=lists(references("ImagingStudy", "Procedure")),
    status=st.sampled_from(["final", "preliminary"]),
    category=lists(concepts),
    code=concepts,
    subject=maybe(references("Patient", "Group")),
    performer=lists(references("Practitioner", "Patient")),
    effectiveDateTime=maybe(moments),
    valueQuantity=maybe(quantities),
    valueCodeableConcept=maybe(concepts),
    bodySite=maybe(concepts),
    bodyStructure=maybe(references("BodyStructure")),
    method=maybe(concepts),
    device=maybe(references("Device")),
    hasMember=lists(references("Observation")),
    derivedFrom=lists(references("ImagingSelection", "Observation", "ImagingStudy")),
    component=lists(objects(code=concepts)),
) | objects(
    meta=objects(lastUpdated=st.sampled_from(INSTANTS[:2])),
    status=st.just("final"),
    code=concepts,
    effectivePeriod=periods,
)
CONCEPTS = {
    "body-site": ("bodySite",),
    "category": ("category",),
    "code": ("code",),
    "method": ("method",),
    "value-concept": ("valueCodeableConcept",),
}
REFERENCES = {
    "based-on": ("basedOn", ("ServiceRequest", "CarePlan")),
    "body-structure": ("bodyStructure", ("BodyStructure",)),
    "derived-from": ("derivedFrom", ("ImagingSelection", "Observation")),
    "device": ("device", ("Device",)),
    "has-member": ("hasMember", ("Observation",)),
    "part-of": ("partOf", ("ImagingStudy", "Procedure")),
    "patient": ("subject", ("Patient",)),
    "performer": ("performer", ("Practitioner", "Patient")),
    "subject": ("subject", ("Patient", "Group")),
}


def with_ids(resources):
    return [
        {"resourceType": "Observation", "id": f"id-{number}", **each}
        for number, each in enumerate(resources)
    ]


statuses = tokens_of([STATUSES, *SYSTEMS], ["final", "preliminary", "Final"])
numbers = st.builds("{}{}".format, st.sampled_from(PREFIXES), st.sampled_from(NUMBERS))
units = st.sampled_from(
    ["", "||mm", "||millimeter", "||cm3", *(f"|{s}|mm" for s in SYSTEMS[:2])]
)


def cases():
    for name in (*CONCEPTS, "combo-code"):
        yield name, codes
        yield f"{name}:not", codes
        yield f"{name}:text", text_values
    for name, (_, kinds) in REFERENCES.items():
        yield name, reference_values(kinds)
        yield f"{name}:identifier", identifier_tokens
        for kind in kinds:
            yield f"{name}:{kind}", st.sampled_from(IDS)
    yield "identifier", identifier_tokens
    yield "status", statuses
    yield "status:not", statuses
    yield (
        "date",
        st.builds("{}{}".format, st.sampled_from(PREFIXES), st.sampled_from(DATES)),
    )
    yield "value-quantity", st.builds("{}{}".format, numbers, units)
    for name in (*CONCEPTS, *REFERENCES, "combo-code", "date", "value-quantity"):
        yield f"{name}:missing", st.sampled_from(["true", "false"])


CASES = dict(cases())


def values_of(name):
    one = CASES[name]
    if name.endswith(":missing"):
        return one
    return st.lists(one, min_size=1, max_size=3).map(",".join)


# The oracle: R5's rules in plain Python, without the package.


def elements_of(name, resource):
    at = search_oracle.at
    if name in CONCEPTS:
        return at(resource, *CONCEPTS[name])
    if name in REFERENCES:
        return at(resource, REFERENCES[name][0])
    if name == "combo-code":
        return at(resource, "code") + at(resource, "component", "code")
    if name == "date":
        return at(resource, "effectiveDateTime") + at(resource, "effectivePeriod")
    if name == "value-quantity":
        return at(resource, "valueQuantity")
    return at(resource, name)


EVER = (
    search_oracle.interval("0001")[0],
    search_oracle.interval("9998")[1],
)


def meets_date(element, value, now):
    prefix = value[:2] if value[:2].isalpha() else ""
    if isinstance(element, str):
        own = search_oracle.interval(element)
    else:
        start, end = EVER
        if "start" in element:
            start = search_oracle.interval(element["start"])[0]
        if "end" in element:
            end = search_oracle.interval(element["end"])[1]
        own = start, end
        if start >= end:
            return False
    return search_oracle.compares(
        prefix, own, search_oracle.interval(value.removeprefix(prefix)), now
    )


def meets_quantity(element, value):
    text, *unit = value.replace("\\,", ",").replace("\\|", "\0").split("|")
    if unit:
        system, code = (each.replace("\0", "|") for each in unit)
        if system and (element.get("system"), element.get("code")) != (system, code):
            return False
        if not system and code not in {element.get("unit"), element.get("code")}:
            return False
    prefix = text[:2] if text[:2].isalpha() else ""
    digits = text.removeprefix(prefix)
    number, own = Decimal(digits), Decimal(str(element["value"]))
    half = Decimal(1).scaleb(number.as_tuple().exponent) / 2
    near = max(abs(number) / 10, half)
    within = number - half <= own < number + half
    return {
        "": within,
        "eq": within,
        "ne": not within,
        "gt": own > number,
        "sa": own > number,
        "ge": own >= number,
        "lt": own < number,
        "eb": own < number,
        "le": own <= number,
        "ap": number - near <= own <= number + near,
    }[prefix]


def meets_value(name, modifier, element, value, asked):  # noqa: PLR0911 - one a kind
    if name == "date":
        return meets_date(element, value, asked["now"])
    if name == "value-quantity":
        return meets_quantity(element, value)
    if name == "status":
        token = {"system": STATUSES, "code": element}
        value = value.removeprefix("|")
        return search_oracle.has_token("code", {"coding": [token]}, value)
    if modifier == "text":
        texts = search_oracle.texts_of("code", element)
        return any(search_oracle.is_in_text(each, value, "") for each in texts)
    if modifier == "identifier":
        element = element.get("identifier", {})
        return "value" in element and search_oracle.has_token(
            "identifier", element, value
        )
    if name in REFERENCES:
        return search_oracle.refers(name, element, value, modifier, asked["base_url"])
    name = "identifier" if name == "identifier" else "code"
    return search_oracle.has_token(name, element, value)


def meets(resource, pair, asked):
    name, _, modifier = pair[0].partition(":")
    elements = elements_of(name, resource)
    if modifier == "missing":
        return (not elements) == (pair[1] == "true")
    found = any(
        meets_value(name, modifier, element, each, asked)
        for element in elements
        for each in search_oracle.split(pair[1], ",")
        if each
    )
    return found != (modifier == "not")
