from imaging_selection.dicom.person_name import PersonName, parse_person_name


def test_a_name_has_five_components_and_further_groups():
    assert parse_person_name("Doe ^John Paul^M^Dr^PhD=山田^太郎") == PersonName(
        "Doe", "John Paul", "M", "Dr", "PhD", ("山田 太郎",)
    )


def test_the_first_group_that_says_anything_has_the_components():
    assert parse_person_name("^^=山田^太郎") == PersonName(
        "山田", "太郎", "", "", "", ()
    )


def test_delimiters_alone_name_nobody():
    assert parse_person_name(" ^ =^^") is None
