"""The check looks less closely at what it knows: it must refuse no less for that."""

import copy
import json

import pytest
from fhir.resources.imagingselection import ImagingSelection
from imaging_selection.errors import MappingError
from imaging_selection.fhir.checks import Checker
from pydantic import ValidationError
from support.paths import GOLDEN

SELECTIONS = [
    pytest.param(selection, id=f"{name}-{number}")
    for name in ("everything_about_one_roi", "two_frames_studies_and_series")
    for number, selection in enumerate(
        json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    )
]
# None of them is of any type that stands where it is put, save by chance.
WRONG = (113047, -1, True, "\v", ["\v"], {"unheard": "of"}, {"text": "other"}, [[]])


def places_in(value):
    """Every place in a resource, as (what holds it, key or index)."""
    keys = value if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places_in(value[key])


def variants_of(selection):
    """The selection with one thing wrong, at each place and in each way."""
    changed = copy.deepcopy(selection)
    for holder, key in list(places_in(changed)):
        before = dict(holder) if isinstance(holder, dict) else list(holder)
        for wrong in WRONG:
            holder[key] = wrong
            yield changed
        if isinstance(holder, dict):
            del holder[key]
            yield changed
            holder[f"{key}s"] = before[key]
            yield changed
            holder.clear()
            holder.update(before)
        else:
            holder.append({})
            yield changed
            holder[:] = before


def model_of(resource):
    try:
        return ImagingSelection.model_validate(resource)
    except (KeyError, TypeError):  # the library's way to say so of a resource's type
        raise MappingError from None


def refuses(check, resource):
    try:
        check(resource)
    except (MappingError, ValidationError):
        return True
    return False


@pytest.mark.parametrize("selection", SELECTIONS)
def test_what_a_whole_model_refuses_a_check_that_knows_the_shapes_refuses(selection):
    checker = Checker()
    checker.check(selection)
    refused = 0
    for variant in variants_of(selection):
        if refuses(model_of, variant):
            refused += 1
            assert refuses(checker.check, variant), variant
    assert refused > len(list(places_in(selection)))
    assert not refuses(checker.check, selection)
