"""The check looks less closely at what it knows: it must refuse no less for that."""

import copy
import json

import pytest
from fhir.resources.imagingselection import ImagingSelection
from imaging_selection.errors import MappingError
from imaging_selection.fhir.checks import Checker
from imaging_selection.fhir.datatypes import dumps
from imaging_selection.fhir.summary import reduce_resource
from pydantic import ValidationError
from support.paths import GOLDEN

SELECTIONS = [
    selection
    for name in ("everything_about_one_roi", "two_frames_studies_and_series")
    for selection in json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
]
# None of them is of any type that stands where it is put, save by chance.
WRONG = (113047, -1, True, "\v", ["\v"], {"unheard": "of"}, {"text": "other"}, [[]])


def parts_of(selection):
    """The selection with one value of one element, and what is mandatory."""
    for name, value in selection.items():
        for each in value if isinstance(value, list) else [value]:
            alone = {**selection, name: [each] if isinstance(value, list) else each}
            yield json.loads(reduce_resource(dumps(alone), "", (name,)))


def places_in(value, path=()):
    """Every place in a resource, as (its path in R5, what holds it, key or index)."""
    if isinstance(value, dict):
        path += (value.get("resourceType"),)
    for key in value if isinstance(value, dict) else range(len(value)):
        there = (*path, key if isinstance(value, dict) else None)
        yield there, value, key
        if isinstance(value[key], dict | list):
            yield from places_in(value[key], there)


def variants_at(holder, key):
    """Make one thing wrong at a place, in each way; put it right at the end."""
    before = copy.copy(holder)
    for wrong in WRONG:
        holder[key] = wrong
        yield wrong
    if isinstance(holder, dict):
        del holder[key]
        yield "left out"
        holder[f"{key}s"] = before[key]
        yield "misspelt"
        holder.clear()
        holder.update(before)
    else:
        holder.append({})
        yield "an empty item"
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


@pytest.mark.slow
def test_what_a_whole_model_refuses_a_check_that_knows_the_shapes_refuses():
    # A place of R5 is tried once, in the smallest part that has it: a model takes
    # milliseconds for a whole selection.
    checker = Checker()
    tried = set()
    refused = 0
    for selection in SELECTIONS:
        checker.check(selection)
        for part in (*parts_of(selection), copy.deepcopy(selection)):
            if refuses(checker.check, part):
                continue
            for path, holder, key in list(places_in(part)):
                if path in tried:
                    continue
                tried.add(path)
                for variant in variants_at(holder, key):
                    if refuses(checker.check, part):
                        refused += 1
                    else:
                        assert not refuses(model_of, part), (path, variant)
            assert not refuses(checker.check, part)
    assert tried >= {path for each in SELECTIONS for path, *_ in places_in(each)}
    assert refused > 5 * len(tried)
