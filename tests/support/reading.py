"""Structure sets that are built and read in one call, and the findings of a reading."""

from imaging_selection import objects
from support.builders import make_rtstruct

__all__ = ["found", "parse", "parse_structure_set", "texts"]


def parse_structure_set(file, *default_encoding):
    """Read the file of a structure set."""
    return objects.read(file, *default_encoding)[1]


def parse(*rois, **overrides):
    """Build a structure set from the same arguments as `make_rtstruct`, and read it."""
    return parse_structure_set(make_rtstruct(*rois, **overrides))


def found(structure_set):
    """Return the code of each finding, and the number of its ROI."""
    return {(finding.code, finding.roi_number) for finding in structure_set.findings}


def texts(structure_set, code):
    """Return the sentences of the findings of one code."""
    return [each.text for each in structure_set.findings if each.code == code]
