from zoneinfo import ZoneInfo

from imaging_selection.mapping.choices import Choices, version_of


def test_the_version_tells_one_set_of_choices_from_another():
    versions = {
        version_of(Choices()),
        version_of(Choices(sop_class_coding="Dicom")),
        version_of(Choices(timezone=ZoneInfo("Europe/Brussels"))),
        version_of(Choices(levels=("Roi",))),
        version_of(Choices(default_encoding="Utf8")),
    }

    assert len(versions) == 5
