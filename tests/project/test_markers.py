"""A run without a marker starts none of the programs that the marker stands for."""

import tomllib

import pytest
from support.paths import ROOT
from support.programs import MARKERS, MARKERS_OF_PROGRAMS, UnmarkedError

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_test_has_the_markers_of_the_fixtures_that_it_uses(request):
    for item in request.session.items:
        used = {
            MARKERS[name]
            for name in MARKERS.keys() & {*getattr(item, "fixturenames", ())}
        }
        assert used <= {marker.name for marker in item.iter_markers()}


@pytest.mark.parametrize("program", MARKERS_OF_PROGRAMS)
def test_a_test_without_a_marker_cannot_start_its_program(run, program):
    with pytest.raises(UnmarkedError):
        run(program)


def test_a_program_is_known_behind_another_and_by_its_path(run):
    with pytest.raises(UnmarkedError):
        run("runuser", "-u", "postgres", "--", "/usr/lib/postgresql/15/bin/initdb")


def test_every_marker_is_described():
    lines = PROJECT["tool"]["pytest"]["ini_options"]["markers"]
    described = {line.partition(":")[0] for line in lines}
    assert described >= {*MARKERS.values(), *MARKERS_OF_PROGRAMS.values()}
