from decimal import Decimal

import pytest
from imaging_selection.mapping.target_names import Target, parse_target


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("GTV", Target("GTV")),
        ("PTV!", Target("PTV")),
        ("CTVn2", Target("CTV")),
        ("PTVsb1_5040", Target("PTV", Decimal(5040))),
        ("GTV_CT1PT1", Target("GTV")),
        ("PTV_Liver_2000x3", Target("PTV", Decimal(2000))),
        ("PTV_Lung_L_50.4Gy", Target("PTV", Decimal(5040))),
        ("PTV_50p4Gy-03", Target("PTV", Decimal(5040))),
        ("ITV_Mid01", Target("ITV", level="Mid01")),
        ("CTV_Low^old one", Target("CTV", level="Low")),
        ("IGTV", Target("IGTV")),
    ],
)
def test_names_by_the_rules_are_read(name, target):
    assert parse_target(name) == target


@pytest.mark.parametrize(
    "name",
    ["ptv", "PTV_1", "PTV 50", "PTV_60", "PTV_ALL", "PTV1+2", "xPTV", "PTV_Nowhere"],
)
def test_other_names_are_not_read_as_targets(name):
    assert parse_target(name) is None
