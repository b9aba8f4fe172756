from imaging_selection.dicom.findings import FINDING_KINDS
from imaging_selection.fhir import canonicals
from imaging_selection.mapping.tags import (
    CODE_SYSTEMS,
    approval_tag,
    finding_tag,
    is_approval_status,
    level_tag,
)


def test_every_tag_is_of_a_code_system_that_is_served():
    tags = [
        *map(level_tag, CODE_SYSTEMS[canonicals.LEVEL_SYSTEM].codes),
        *map(approval_tag, ("APPROVED", "UNAPPROVED", "REJECTED")),
        *map(finding_tag, FINDING_KINDS),
    ]
    codes = [
        (url, code)
        for url, system in CODE_SYSTEMS.items()
        for code in system[1]
        if url != canonicals.MEASUREMENT_SYSTEM  # its codes are no tags
    ]
    assert [(tag["system"], tag["code"]) for tag in tags] == codes


def test_a_status_that_the_standard_does_not_have_is_no_tag():
    assert is_approval_status("APPROVED")
    assert not is_approval_status("approved")
