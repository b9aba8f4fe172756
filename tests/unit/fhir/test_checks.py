import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imaging_selection.errors import MappingError
from imaging_selection.fhir.checks import Checker
from support.selection import XHTML, selection

SECRET = "secret113047"  # noqa: S105 - what no error may repeat


def changed(path, value):
    """The same selection, with one element replaced, or left out for None."""
    resource = copy.deepcopy(selection())
    *parents, last = path.split(".")
    place = resource
    for key in parents:
        place = place[int(key) if key.isdecimal() else key]
    last = int(last) if last.isdecimal() else last
    if value is None:
        del place[last]
    else:
        place[last] = value
    return resource


def problem_of(resource):
    with pytest.raises(MappingError) as error:
        Checker().check(resource)
    # Not even the cause may hold a value: whoever logs a traceback shows it.
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__ or error.value.__context__ is None
    assert SECRET not in str(error.value)
    return str(error.value)


def test_a_good_selection_passes():
    Checker().check(selection())


def test_the_check_leaves_the_resource_as_it_is():
    resource = selection()
    Checker().check(resource)
    assert resource == selection()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param("id", "a" * 64, id="id-of-64"),
        pytest.param("studyUid", "2." + "1" * 62, id="uid-of-64"),
        pytest.param("bodySite.reference.reference", "#body", id="contained-reference"),
        pytest.param(
            "subject.reference", "http://pacs/fhir/Patient/7", id="absolute-reference"
        ),
        pytest.param("instance.0.imageRegion3D", None, id="no-regions"),
    ],
)
def test_what_is_at_the_limit_passes(path, value):
    Checker().check(changed(path, value))


AN_ID = "not 1 to 64 letters, digits, '-' or '.'"
A_CODE = "not a code of the required binding"
BODY = "ImagingSelection.contained"


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        # What the R5 models reject.
        pytest.param("status", None, "status: model_field_", id="no-status"),
        pytest.param("code", None, "code: missing", id="no-code"),
        pytest.param("unheard", SECRET, "unheard: extra_", id="unknown-element"),
        pytest.param("id", f"{SECRET}_x", "id: ", id="id-with-underscore"),
        pytest.param("studyUid", f"urn:oid:{SECRET}", "studyUid: ", id="uid-as-uri"),
        pytest.param("issued", f"{SECRET}", "issued: ", id="instant"),
        pytest.param("seriesNumber", -1, "seriesNumber: ", id="negative-number"),
        pytest.param("instance.0.subset", [1], "instance.0.subset.0: ", id="integer"),
        # What they let pass (fhir.resources 8.3.0), and we do not.
        pytest.param("id", "a" * 65, f"ImagingSelection.id: {AN_ID}", id="id-of-65"),
        pytest.param(
            "studyUid",
            "2." + "1" * 63,
            f"ImagingSelection.studyUid: {AN_ID}",
            id="study-uid-of-65",
        ),
        pytest.param(
            "instance.0.uid",
            "2." + "1" * 63,
            f"ImagingSelection.instance.uid: {AN_ID}",
            id="instance-uid-of-65",
        ),
        pytest.param(
            "contained.0.id", "b" * 65, f"{BODY}.id: {AN_ID}", id="contained-id-of-65"
        ),
        pytest.param(
            "performer", [], "ImagingSelection.performer: empty", id="empty-array"
        ),
        pytest.param(
            "instance.0.subset",
            [],
            "ImagingSelection.instance.subset: empty",
            id="empty-array-below",
        ),
        pytest.param("code", {}, "ImagingSelection.code: empty", id="empty-object"),
        pytest.param(
            "derivedFrom.0",
            {},
            "ImagingSelection.derivedFrom: empty",
            id="empty-object-in-an-array",
        ),
        pytest.param(
            "status", SECRET, f"ImagingSelection.status: {A_CODE}", id="status"
        ),
        pytest.param(
            "text.status",
            SECRET,
            f"ImagingSelection.text.status: {A_CODE}",
            id="narrative-status",
        ),
        pytest.param(
            "instance.0.imageRegion3D.0.regionType",
            SECRET,
            f"ImagingSelection.instance.imageRegion3D.regionType: {A_CODE}",
            id="region-type",
        ),
        pytest.param(
            "instance.0.imageRegion3D.0.coordinate",
            [1, 2],
            "ImagingSelection.instance.imageRegion3D.coordinate: "
            "not a multiple of 3 numbers",
            id="coordinates",
        ),
        pytest.param(
            "text.div",
            f'<div xmlns="{XHTML}"><b>{SECRET}</div>',
            "ImagingSelection.text.div: not well-formed XHTML",
            id="narrative-not-well-formed",
        ),
        pytest.param(
            "text.div",
            f"<div>{SECRET}</div>",
            "ImagingSelection.text.div: not an XHTML div with text",
            id="narrative-without-namespace",
        ),
        pytest.param(
            "text.div",
            f'<div xmlns="{XHTML}"> <p/> </div>',
            "ImagingSelection.text.div: not an XHTML div with text",
            id="narrative-without-text",
        ),
        pytest.param(
            "bodySite",
            {"concept": {"text": f" {SECRET}"}, "reference": {"reference": "#body"}},
            "ImagingSelection.bodySite.concept.text: blanks around the text",
            id="blank-before",
        ),
        pytest.param(
            "instance.0.subset.0",
            "1 ",
            "ImagingSelection.instance.subset: blanks around the text",
            id="blank-behind",
        ),
        pytest.param(
            "subject.reference",
            f"Group/{SECRET}",
            "ImagingSelection.subject: no reference to Patient",
            id="subject",
        ),
        pytest.param(
            "derivedFrom.0.reference",
            f"Patient/{SECRET}",
            "ImagingSelection.derivedFrom: no reference to ImagingStudy",
            id="derived-from",
        ),
        pytest.param(
            "bodySite.reference.reference",
            "#device",
            "ImagingSelection.bodySite.reference: no reference to BodyStructure",
            id="contained-of-another-type",
        ),
        pytest.param(
            "performer.0.actor.reference",
            f"#{SECRET}",
            "ImagingSelection.performer.actor: no reference to Device or Practitioner",
            id="dangling-contained",
        ),
        pytest.param(
            "subject.reference",
            SECRET,
            "ImagingSelection.subject: no reference to Patient",
            id="reference-without-type",
        ),
        pytest.param(
            "focus.0.reference",
            f"Observation/{SECRET}",
            "ImagingSelection.focus: no reference to ImagingSelection",
            id="focus",
        ),
        pytest.param(
            "contained.1.id",
            "other",
            "contained: Device is not referred to",
            id="contained-not-used",
        ),
        pytest.param(
            "contained.1.id",
            "body",
            "contained: two resources with one id",
            id="contained-of-one-id",
        ),
    ],
)
def test_what_is_wrong_is_named_by_its_path(path, value, problem):
    assert problem in problem_of(changed(path, value))


def test_every_problem_is_told_once():
    resource = changed("status", "unheard-of") | {"performer": [], "focus": []}
    resource["contained"].pop()
    assert problem_of(resource).split("; ") == [
        "ImagingSelection.focus: empty",
        "ImagingSelection.performer: empty",
        f"ImagingSelection.status: {A_CODE}",
    ]


@given(st.text(max_size=8))
def test_no_error_text_contains_the_value(text):
    value = SECRET + text
    for path in ("id", "studyUid", "status", "subject.reference", "text.div"):
        try:
            Checker().check(changed(path, value))
        except MappingError as error:
            assert SECRET not in str(error)  # noqa: PT017 - no error is fine, too


def observation(**elements):
    return {
        "resourceType": "Observation",
        "id": "observation-113047",
        "text": {"status": "generated", "div": f'<div xmlns="{XHTML}">113047</div>'},
        "status": "final",
        "code": {"text": "Volume"},
        "subject": {"reference": "Patient/patient-113047"},
    } | elements


def test_a_good_observation_passes():
    derived_from = [{"reference": "ImagingSelection/a"}, {"reference": "Observation/b"}]
    Checker().check(observation(derivedFrom=derived_from))


@pytest.mark.parametrize(
    ("elements", "problem"),
    [
        ({"status": SECRET}, "Observation.status: not a code"),
        ({"derivedFrom": [{"reference": "ImagingStudy/a"}]}, "Observation.derivedFrom"),
        ({"hasMember": [{"reference": "ImagingSelection/a"}]}, "no reference to Obs"),
        ({"device": {"reference": "#nothing"}}, "no reference to Device"),
        ({"valueQuantity": {"value": SECRET}}, "valueQuantity"),
        ({"seriesUid": SECRET}, "seriesUid"),
    ],
)
def test_a_wrong_observation_is_refused(elements, problem):
    assert problem in problem_of(observation(**elements))


def test_a_selection_is_not_derived_from_another_selection():
    wrong = selection() | {"derivedFrom": [{"reference": "ImagingSelection/a"}]}
    assert "derivedFrom" in problem_of(wrong)
