"""Measured volumes against volumes that others state, or that geometry gives."""

import math

import pytest
from imaging_selection.objects import read
from support.corpus import FILES
from support.paths import CORPUS
from support.solids import measured_file

pytestmark = pytest.mark.skipif(not FILES, reason="no ../shared/rtstruct")

CMS = (
    "bhklab__med-imagetools__example_0_RTSTRUCT.dcm",
    "bhklab__med-imagetools__example_1_RTSTRUCT.dcm",
    "zhenweishi__O-RAW__RTSTRUCT.1.3.6.1.4.1.40744.2~6013337550235117523425780982.dcm",
)
# Here the writer adds up contours that overlap or repeat each other on a slice.
ADDED_UP = {(CMS[0], 5), (CMS[1], 8)}
ADDED = "with all contours of a plane added up"

# The volume that geometry gives is between that with and without half-slices.
CONE = math.pi * 12**2 * 24 / 3 / 1000
CONES = {
    "victorgabr__pps__Cone_02_0.dcm": 2,
    "victorgabr__pps__Cone_10_X05.dcm": 2,
    "victorgabr__pps__Cone_10_X05Z05.dcm": 2,
    "victorgabr__pps__Cone_20_0.dcm": 2,
    "victorgabr__pps__Cone_20_X10.dcm": 2,
    "victorgabr__pps__Cone_20_X10Z10.dcm": 2,
}


def stated(name):
    """Yield ROI Number, stated and measured volume of each ROI that states one."""
    file = (CORPUS / name).read_bytes()
    found = measured_file(file)
    for each in read(file)[1].rois:
        measurement = found[each.number]
        if measurement and measurement.volume and float(each.volume or 0):
            yield each.number, float(each.volume), measurement


@pytest.mark.slow
@pytest.mark.parametrize("name", CMS)
def test_stated_volumes_are_met_within_a_thousandth(name):
    pairs = [*stated(name)]
    assert pairs
    for number, volume, measurement in pairs:
        ours = (
            measurement.alternatives[ADDED]
            if (name, number) in ADDED_UP
            else measurement.volume
        )
        assert ours == pytest.approx(volume, rel=1e-3, abs=0.05), number


@pytest.mark.parametrize("name", CONES)
def test_a_cone_lies_between_the_volumes_with_and_without_half_slices(name):
    if not (CORPUS / name).exists():
        pytest.skip(f"no file {name}")
    found = measured_file((CORPUS / name).read_bytes())[CONES[name]]
    inner = found.alternatives["without the half-slices at the ends"]
    assert inner * 0.99 < CONE < found.volume
    assert inner == pytest.approx(CONE, rel=0.01)


def test_the_tumour_of_the_ibsi_phantom_has_its_reference_volume():
    # IBSI reference manual, CT phantom: 358 000 mm³ for the mesh, give or take 5 000.
    found = measured_file((CORPUS / CMS[2]).read_bytes())[2]
    assert found.volume == pytest.approx(358, abs=5)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_each_closed_roi_of_a_real_file_is_measured_or_says_why_not(name):
    for each in measured_file((CORPUS / name).read_bytes()).values():
        assert each is None or each.volume is not None or each.findings
