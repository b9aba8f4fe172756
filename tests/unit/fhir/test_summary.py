"""Parts of resources: what R5 marks as summary, and every digit of it."""

import importlib
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imaging_selection.fhir import summary
from imaging_selection.fhir.summary import reduce_resource
from imaging_selection.mapping import selection
from imaging_selection.search.elements import ELEMENTS

NUMBERS = st.one_of(
    st.from_regex(r"\A-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?\Z"),
    st.sampled_from(["1.50", "-0", "0.10", "12345678901234567890123", "1E+400"]),
)
PARTS = [("true", ()), ("data", ()), ("", ("valueQuantity", "value", "subject"))]


# Elements that R5 marks as summary, and that no resource of the plugin has.
NEVER_MADE = {
    *("implicitRules", "modifierExtension", "active", "telecom", "deceased"),
    *("address", "managingOrganization", "link", "encounter", "referrer", "partOf"),
    *("triggeredBy", "procedure", "location", "reason", "note"),
}


def model_of(kind):
    return getattr(importlib.import_module(f"fhir.resources.{kind.lower()}"), kind)


def elements_of(names):
    """The names without those of the types of a choice, such as valueQuantity."""
    return {
        re.sub("^(value|effective|deceased|instantiates).*", r"\1", each)
        for each in names
    }


@given(NUMBERS)
def test_a_part_of_a_resource_keeps_the_digits_of_its_numbers(number):
    content = (
        '{"resourceType":"Observation","id":"a","meta":{},"status":"final","code":{},'
        f'"valueQuantity":{{"value":{number}}}}}'
    ).encode()
    for wanted in PARTS:
        assert f'"value":{number}}}'.encode() in reduce_resource(content, *wanted)


@pytest.mark.parametrize("kind", summary.SUMMARY)
def test_a_summary_has_what_r5_marks_as_summary(kind):
    marked = elements_of(model_of(kind).summary_elements_sequence())
    kept = {
        *summary.ALWAYS,
        *summary.MANDATORY.get(kind, ()),
        *summary.SUMMARY[kind],
    }
    left_out = marked - elements_of(kept)

    assert left_out <= NEVER_MADE
    assert elements_of(kept) - marked <= {
        "resourceType",
        "id",
        "meta",
        "code",
        "status",
    }


def test_the_elements_of_a_selection_are_those_that_it_may_be_reduced_to():
    built = {*selection.ORDER} - {"resourceType"}
    assert built <= ELEMENTS["ImagingSelection"]
    marked = {*model_of("ImagingSelection").summary_elements_sequence()}
    kept = {*summary.ALWAYS, *summary.SUMMARY["ImagingSelection"]} - {"resourceType"}
    assert kept == built & marked


@pytest.mark.parametrize("kind", ELEMENTS)
def test_the_elements_of_a_type_are_those_of_r5(kind):
    every = {*model_of(kind).elements_sequence()}
    theirs = {each for each in every if not each.startswith("fhir_")}
    ours = {
        name
        for each in ELEMENTS[kind]
        for name in theirs
        if re.fullmatch(f"{each}([A-Z].*)?", name)
    }
    assert ours == theirs


def test_a_part_is_read_as_before():
    content = b'{"resourceType":"Patient","id":"a","meta":{},"gender":"male"}'
    assert json.loads(reduce_resource(content, "true", ()))["gender"] == "male"
