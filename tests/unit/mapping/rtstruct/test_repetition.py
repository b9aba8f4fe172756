"""What ROIs repeat, and that a small file is no way to gigabytes."""

from imaging_selection.dicom.entities import Participant, SopReference
from imaging_selection.dicom.rtstruct.structure_set import (
    Contour,
    FrameOfReference,
    GeometricType,
    ReferencedSeries,
    ReferencedStudy,
    Roi,
    RoiContours,
    StructureSet,
)
from imaging_selection.ids import OrthancIds
from imaging_selection.mapping.choices import Choices
from imaging_selection.mapping.rtstruct.imaging_selection import map_structure_set
from imaging_selection.mapping.rtstruct.repetition import MAXIMUM_REPEATED

IDS = OrthancIds("patient-113047", "study-113047", "series-113047", "set-113047")
FRAME = "2.25.116"
SHARED = SopReference(None, "2.25.117")


def people(count):
    return tuple(Participant(name=f"Operator{number}") for number in range(count))


def frames(count, *, shared=False):
    """List as many series, each with an image of its own, or all with the same one."""
    series = tuple(
        ReferencedSeries(
            f"2.25.2{number}",
            (SHARED if shared else SopReference(None, f"2.25.3{number}"),),
        )
        for number in range(count)
    )
    return (FrameOfReference(FRAME, (ReferencedStudy("2.25.114", series),)),)


def drawn_rois(count, uids):
    """Build ROIs, each with a contour on the images."""
    images = tuple(SopReference(None, uid) for uid in uids)
    contour = Contour(GeometricType.POINT, 1, images, None)
    return tuple(
        Roi(
            number,
            1,
            None,
            frame_of_reference_uid=FRAME,
            contours=(RoiContours(number, None, (), (contour,)),),
        )
        for number in range(count)
    )


def build(**parts):
    """Map a structure set; return whole, ROIs, source images, and codes of findings."""
    whole = StructureSet("2.25.113", "2.25.114", "2.25.115", **parts)
    mapped = map_structure_set(whole, IDS, Choices())
    first, *others = mapped.resources
    rois = others[: len(parts["rois"])]
    return first, rois, others[len(rois) :], [each.code for each in mapped.findings]


def tags(selection):
    return {tag["code"] for tag in selection["meta"]["tag"]}


def test_operators_that_too_many_rois_would_repeat_are_left_out_of_the_rois():
    rois = tuple(Roi(number, 1, None) for number in range(MAXIMUM_REPEATED // 100 + 1))
    whole, of_rois, _, codes = build(operators=people(100), rois=rois)

    assert len(whole["performer"]) == 100
    assert not any("performer" in each for each in of_rois)
    assert codes == ["repetition-left-out"]
    assert all("repetition-left-out" in tags(each) for each in (whole, *of_rois))


def test_operators_are_repeated_up_to_the_limit():
    rois = tuple(Roi(number, 1, None) for number in range(MAXIMUM_REPEATED // 100))
    _, of_rois, _, codes = build(operators=people(100), rois=rois)

    assert {len(each["performer"]) for each in of_rois} == {100}
    assert codes == []


def test_many_series_are_no_repetition_where_each_roi_lies_on_one():
    rois = drawn_rois(117, ["2.25.37"])
    whole, of_rois, images, codes = build(frames_of_reference=frames(450), rois=rois)

    assert (len(whole["focus"]), len(images)) == (450, 450)
    assert [each["focus"][0]["reference"][-9:] for each in of_rois] == [
        "-images-8"
    ] * 117
    assert codes == []


def test_series_that_too_many_rois_would_refer_to_are_left_out_of_the_rois():
    rois = drawn_rois(117, [SHARED.sop_instance_uid])
    whole, of_rois, images, codes = build(
        frames_of_reference=frames(450, shared=True), rois=rois
    )

    assert (len(whole["focus"]), len(images)) == (450, 450)
    assert not any("focus" in each for each in of_rois)
    assert codes == ["repetition-left-out"]
    assert "repetition-left-out" in tags(of_rois[0])


def test_what_a_roi_says_of_itself_is_never_left_out():
    creators = people(3)
    rois = tuple(
        Roi(number, 1, f"Name {number}", creators=creators)
        for number in range(MAXIMUM_REPEATED // 100 + 1)
    )
    _, of_rois, _, _ = build(operators=people(100), rois=rois)

    assert {len(each["performer"]) for each in of_rois} == {3}
    assert of_rois[7]["bodySite"]["concept"]["text"] == "Name 7"
