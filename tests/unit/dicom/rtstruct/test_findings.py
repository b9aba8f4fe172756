from imaging_selection.dicom.rtstruct.findings import cross_check
from imaging_selection.dicom.rtstruct.structure_set import Roi, StructureSet


def test_a_long_list_is_cut_and_counted():
    rois = tuple(Roi(number=k, ordinal=1, name="same") for k in range(12))
    structure_set = StructureSet("1.2.1", "1.2.2", "1.2.3", rois=rois)
    told = {
        each.text
        for each in cross_check(structure_set, b"")
        if each.code == "duplicate-roi-name"
    }
    assert told == {
        "12 ROIs have one ROI Name: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"
    }
