"""Structure sets made to order and read at once, and what the reading noticed."""

from imaging_selection.dicom.rtstruct.reader import parse_structure_set
from support.builders import make_rtstruct

__all__ = ["found", "parse", "texts"]


def parse(*rois, **overrides):
    """Read what `builders.make_rtstruct` makes of the same arguments."""
    return parse_structure_set(make_rtstruct(*rois, **overrides))


def found(structure_set):
    """Give the code of each finding, and the number of the ROI that it is about."""
    return {(finding.code, finding.roi_number) for finding in structure_set.findings}


def texts(structure_set, code):
    """Give the sentences of the findings of one code."""
    return [each.text for each in structure_set.findings if each.code == code]
