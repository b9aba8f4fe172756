from imaging_selection.mapping.related import StudyImage, with_images

STUDY = {
    "resourceType": "ImagingStudy",
    "series": [{"uid": "1.2.3", "numberOfInstances": 4}, {"uid": "1.2.4"}],
}
CT = "1.2.840.10008.5.1.4.1.1.2"


def test_the_images_of_a_study_are_listed_in_the_order_of_their_numbers():
    images = [
        StudyImage("1.2.3.2", CT, "2"),
        StudyImage("1.2.3.10", CT, "10"),
        StudyImage("1.2.3.1", CT, ""),
    ]
    first, second = with_images(STUDY, {"1.2.3": images})["series"]
    sop_class = {"system": "urn:ietf:rfc:3986", "code": f"urn:oid:{CT}"}
    assert first["instance"] == [
        {"uid": "1.2.3.1", "sopClass": sop_class},
        {"uid": "1.2.3.2", "sopClass": sop_class, "number": 2},
        {"uid": "1.2.3.10", "sopClass": sop_class, "number": 10},
    ]
    assert second == {"uid": "1.2.4"}
    assert "instance" not in STUDY["series"][0]


def test_what_r5_cannot_say_of_an_image_is_left_out_and_still_counted():
    images = [
        StudyImage("1.2_3", CT, "1"),
        StudyImage("1.2.3.1", "", "1"),
        StudyImage("1.2.3.2", CT, "-1"),
    ]
    first, _ = with_images(STUDY, {"1.2.3": images})["series"]
    assert [each["uid"] for each in first["instance"]] == ["1.2.3.2"]
    assert "number" not in first["instance"][0]
    assert first["numberOfInstances"] == 4
