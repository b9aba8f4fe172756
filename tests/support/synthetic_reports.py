"""Measurement reports that together contain everything that their mapping reads.

Each row of the templates, each value type and each graphic type has a case (PS3.16
TID 1500, 1501, 1410, 1411, 1419, 1420, 300, 310 to 312, 1002, 4019).
"""

import struct

from support.builders import (
    BIG_ENDIAN,
    CT_SERIES,
    DEFLATED,
    FRAME,
    IMPLICIT,
    RT_STRUCTURE_SET_STORAGE,
    SEGMENTATION,
    SEGMENTATION_STORAGE,
    STRUCTURE_SET,
    STUDY,
    code,
    content,
    image_uid,
    make_sr,
    number,
    person,
    reference,
)

MOD, CONTEXT, HAS = "HAS CONCEPT MOD", "HAS OBS CONTEXT", "HAS PROPERTIES"
MM = code("mm", "UCUM", "millimeter")
VOLUME = code("118565006", "SCT", "Volume")
DIAMETER = code("81827009", "SCT", "Diameter")
LUNG = code("39607008", "SCT", "Lung")
FINDING = code("121071", "DCM", "Finding")
SITE = code("363698007", "SCT", "Finding Site")
TRACKING = code("112039", "DCM", "Tracking Identifier")
TRACKING_UID = code("112040", "DCM", "Tracking Unique Identifier")
REGION = code("111030", "DCM", "Image Region")
SEGMENT = code("121191", "DCM", "Referenced Segment")
IN_SPACE = code("130488", "DCM", "Region in Space")
ROI_IDENTIFIER = code("130489", "DCM", "Referenced Region of Interest Identifier")
SOURCE = code("121324", "DCM", "Source Image")
MR_STORAGE = "1.2.840.10008.5.1.4.1.1.4"

EVIDENCE = {
    STUDY: {
        CT_SERIES: [reference(image_uid(1)), reference(image_uid(2))],
        "2.25.113047210": [reference(STRUCTURE_SET, RT_STRUCTURE_SET_STORAGE)],
        "2.25.113047220": [reference(SEGMENTATION, SEGMENTATION_STORAGE)],
    }
}


def container(value, meaning, *children, scheme="DCM", **overrides):
    return content("CONTAINER", code(value, scheme, meaning), *children, **overrides)


def measurements(*children, **overrides):
    return container("126010", "Imaging Measurements", *children, **overrides)


def group(*children, **overrides):
    return container("125007", "Measurement Group", *children, **overrides)


def coded(name, value, *children, relationship="CONTAINS"):
    return content(
        "CODE", name, *children, relationship=relationship, ConceptCodeSequence=value
    )


def text(name, value, relationship="CONTAINS"):
    return content("TEXT", name, relationship=relationship, TextValue=value)


def uidref(name, uid, relationship="CONTAINS"):
    return content("UIDREF", name, relationship=relationship, UID=uid)


def image(name, *references, relationship="CONTAINS"):
    return content(
        "IMAGE",
        name,
        relationship=relationship,
        ReferencedSOPSequence=list(references),
    )


def selected(*references):
    return image(SOURCE, *references, relationship="SELECTED FROM")


def plane(kind, values, *images, name=REGION, **overrides):
    return content(
        "SCOORD",
        name,
        *(images or [selected(reference(image_uid(1)))]),
        **({"GraphicType": kind, "GraphicData": values} | overrides),
    )


def space(kind, values, name=REGION, **overrides):
    return content(
        "SCOORD3D",
        name,
        **{
            "GraphicType": kind,
            "GraphicData": values,
            "ReferencedFrameOfReferenceUID": FRAME,
        }
        | overrides,
    )


def in_space(number_text, uid=STRUCTURE_SET):
    return content(
        "COMPOSITE",
        IN_SPACE,
        text(ROI_IDENTIFIER, number_text, HAS),
        ReferencedSOPSequence=reference(uid, RT_STRUCTURE_SET_STORAGE),
    )


def segment_of(*numbers, uid=SEGMENTATION, name=SEGMENT, **overrides):
    item = reference(uid, SEGMENTATION_STORAGE, **overrides)
    return image(name, item | {"ReferencedSegmentNumber": list(numbers)})


def tracked(name="lesion 1", uid="2.25.113047901"):
    return text(TRACKING, name, CONTEXT), uidref(TRACKING_UID, uid, CONTEXT)


def one_measurement():
    return make_sr(measurements(group(number("1.50", MM, DIAMETER))))


def everything_about_a_group():
    left = code("7771000", "SCT", "Left")
    laterality = coded(code("272741003", "SCT", "Laterality"), left, relationship=MOD)
    upper = coded(
        code("106233006", "SCT", "Topographical modifier"),
        code("261183002", "SCT", "Upper"),
        relationship=MOD,
    )
    mean = coded(
        code("121401", "DCM", "Derivation"),
        code("373098007", "SCT", "Mean"),
        relationship=MOD,
    )
    method = coded(
        code("370129005", "SCT", "Measurement Method"),
        code("126410", "DCM", "SUV body weight calculation method"),
        relationship=MOD,
    )
    normal = coded(
        code("121402", "DCM", "Normality"),
        code("17621005", "SCT", "Normal"),
        relationship=HAS,
    )
    return make_sr(
        measurements(
            group(
                text(code("C67447", "NCIt", "Activity Session"), "1", CONTEXT),
                *tracked(),
                coded(
                    code("276214006", "SCT", "Finding category"),
                    code("49755003", "SCT", "Morphologically Altered Structure"),
                ),
                coded(FINDING, code("427359005", "SCT", "Solitary nodule of lung")),
                coded(SITE, LUNG, laterality, upper, relationship=MOD),
                method,
                segment_of(1),
                number("1.50", MM, DIAMETER, mean, normal),
                coded(
                    code("C45992", "NCIt", "Subtlety score"),
                    code("105", "99LIDC", "5 out of 5"),
                ),
                text(code("RID36042", "RADLEX", "Malignancy"), "likely <b>"),
                ObservationUID="2.25.113047910",
                ObservationDateTime="20240701100000+0100",
            )
        ),
        evidence=EVIDENCE,
        Manufacturer="maker-113047",
        AccessionNumber="accession-113047",
        TimezoneOffsetFromUTC="+0200",
    )


def every_region_on_images():
    return make_sr(
        measurements(
            group(
                plane("POINT", [1, 2.5]),
                plane("MULTIPOINT", [1, 2, 3, 4]),
                plane("POLYLINE", [0.1, 0.2, 3, 4, 5, 6]),
                plane("CIRCLE", [10, 10, 10, 15]),
                plane("ELLIPSE", [1, 5, 9, 5, 5, 3, 5, 7]),
                plane(
                    "POINT",
                    [7, 8],
                    selected(reference(image_uid(3), ReferencedFrameNumber=[2, 3])),
                ),
                plane("POINT", [7, 8], name=None),
                plane("POINT", [7, 8], name=code("121055", "DCM", "Path")),
            )
        ),
        evidence=EVIDENCE,
    )


def every_region_in_space():
    ring = [0, 0, 0, 9, 0, 0, 9, 9, 0, 0, 0, 0]
    return make_sr(
        measurements(
            group(
                space("POINT", [1, 2, -3.5]),
                space("MULTIPOINT", [1, 2, 3, 4, 5, 6]),
                space("POLYLINE", [1, 2, 3, 4, 5, 6]),
                space("POLYGON", ring),
                space("ELLIPSE", ring),
                space("ELLIPSOID", [*ring, 5, 5, 5, 6, 6, 6]),
                space("POLYGON", ring, code("121231", "DCM", "Volume Surface")),
                uidref(code("121232", "DCM", "Source series"), CT_SERIES),
            )
        ),
        evidence=EVIDENCE,
    )


def coordinates_that_form_no_region():
    return make_sr(
        measurements(
            group(
                plane("POINT", [1]),
                plane("POINT", [1, 2, 3, 4]),
                plane("SPIRAL", [1, 2]),
                plane("CIRCLE", [float("nan"), 2, 3, 4]),
                plane("POINT", [1, 2], GraphicData=None),
                space("POLYGON", [1, 2, 3]),
                space("POINT", [1, 2, 3], ReferencedFrameOfReferenceUID=None),
            )
        )
    )


def a_roi_of_a_structure_set():
    return make_sr(
        measurements(group(in_space("2"), number("3.0", MM, VOLUME))),
        evidence=EVIDENCE,
    )


def a_roi_of_an_unlisted_structure_set():
    return make_sr(
        measurements(
            group(in_space(" 02 "), number("3.0", MM, VOLUME)),
            group(in_space("none"), number("4.0", MM, VOLUME)),
        )
    )


def segments_of_segmentations():
    frame = code("121214", "DCM", "Referenced Segmentation Frame")
    return make_sr(
        measurements(
            group(
                segment_of(1, 2),
                image(code("121233", "DCM", "Source"), reference(image_uid(1))),
            ),
            group(
                segment_of(3, 4, uid="2.25.113047311"),
                uidref(code("121232", "DCM", "Source series"), CT_SERIES),
            ),
            group(
                segment_of(1, name=frame, ReferencedFrameNumber=7),
                image(code("121233", "DCM", "Source"), reference(image_uid(2))),
            ),
            group(segment_of(1, name=frame, ReferencedFrameNumber=[7, 8])),
        ),
        evidence=EVIDENCE,
    )


def illustrations_explanations_and_maps():
    value_map = reference("2.25.113047330", "1.2.840.10008.5.1.4.1.1.67")
    return make_sr(
        measurements(
            group(
                plane("POINT", [1, 2]),
                image(
                    code("121200", "DCM", "Illustration of ROI"),
                    reference(image_uid(1)),
                ),
                image(
                    code("130401", "DCM", "Visual explanation"),
                    reference(image_uid(2), MR_STORAGE),
                ),
                content(
                    "COMPOSITE",
                    code("126100", "DCM", "Real World Value Map used"),
                    ReferencedSOPSequence=value_map,
                ),
                image(code("113047", "99OWN", "Own image"), reference(image_uid(1))),
            )
        ),
        evidence=EVIDENCE,
    )


def numbers_of_all_sorts():
    def qualified(value):
        qualifier = code(value, "DCM", "qualifier")
        return number(None, MM, VOLUME, NumericValueQualifierCodeSequence=qualifier)

    own = code("slices", "99OWN", "slices")
    return make_sr(
        measurements(
            group(
                number("31112.20", MM, VOLUME),
                number("+.50", MM, VOLUME),
                number("-119.0738", MM, VOLUME, FloatingPointValue=-119.07384),
                number(
                    "-119.07385253906", MM, VOLUME,
                    FloatingPointValue=-119.0738525390625,
                ),
                number("1", MM, VOLUME, FloatingPointValue=2.0),
                number("1e-30", MM, VOLUME),
                number("3", own, VOLUME),
                number("3", code("1", "UCUM", "no units"), VOLUME),
                number("3", None, VOLUME),
                number("x", MM, VOLUME),
                number("", MM, VOLUME),
                number(None, MM, VOLUME),
                *map(qualified, ("114000", "114001", "114002", "114007", "114009")),
            )
        )
    )  # fmt: skip


def derived_measurements():
    by_reference = {
        "RelationshipType": "R-INFERRED FROM",
        "ReferencedContentItemIdentifier": [1, 1, 1],
    }
    return make_sr(
        measurements(group(number("2", MM, DIAMETER))),
        container(
            "126011",
            "Derived Imaging Measurements",
            number("5", MM, VOLUME, by_reference),
            number(
                "6",
                MM,
                VOLUME,
                group(number("3", MM, DIAMETER), relationship="INFERRED FROM"),
            ),
            number("7", MM, VOLUME),
        ),
    )


LOWER_LIMIT = code("385524004", "SCT", "Normal Range Lower Limit")
UPPER_LIMIT = code("371933006", "SCT", "Normal Range Upper Limit")
RANGE_DESCRIPTION = code("121407", "DCM", "Normal Range description")
Z_SCORE = code("126220", "DCM", "Z-score of measurement")
RATIO = code("1", "UCUM", "no units")


def about(name, value, unit=MM, *children, **overrides):
    return number(value, unit, name, *children, relationship=HAS, **overrides)


def normal_ranges_and_other_properties():
    old_low = code("R-41F90", "SRT", "Normal Range Lower Limit")
    low, high, description = LOWER_LIMIT, UPPER_LIMIT, RANGE_DESCRIPTION
    authority = code("121408", "DCM", "Normal Range Authority")
    return make_sr(
        measurements(
            group(
                number(
                    "31.0",
                    MM,
                    DIAMETER,
                    about(low, "20.00"),
                    about(high, "29.50"),
                    text(description, "adults <b>", HAS),
                    text(authority, "society", HAS),
                    about(Z_SCORE, "+2.10", RATIO),
                ),
                number("1", MM, DIAMETER, about(high, "2")),
                number(
                    "2",
                    MM,
                    DIAMETER,
                    about(old_low, "1", MM, text(description, "of men", HAS)),
                    about(low, "0.5", MM, text(description, "of women", HAS)),
                    about(high, "3"),
                ),
                number("3", MM, DIAMETER, text(description, "no limits", HAS)),
            )
        )
    )


def time_points_and_statistics():
    """TID 1502, and the rows of TID 300, 310 and 311 that no other case has."""

    def point(value, what, meaning):
        return text(code(value, "DCM", meaning), what, CONTEXT)

    def property_of(value, meaning, coded_value):
        name = code(value, "DCM", meaning)
        return coded(name, coded_value, relationship=HAS)

    return make_sr(
        measurements(
            group(
                text(code("C2348792", "UMLS", "Time Point"), "week 6", CONTEXT),
                coded(
                    code("126072", "DCM", "Time Point Type"),
                    code("121079", "DCM", "Baseline"),
                    relationship=CONTEXT,
                ),
                number(
                    "2",
                    RATIO,
                    code("126073", "DCM", "Time Point Order"),
                    relationship=CONTEXT,
                ),
                point("126070", "subject 7", "Subject Time Point Identifier"),
                point("126071", "protocol 7", "Protocol Time Point Identifier"),
                coded(SITE, LUNG, relationship=MOD),
                number(
                    "31.0",
                    MM,
                    DIAMETER,
                    text(code("121420", "DCM", "Equation"), "a + b", "INFERRED FROM"),
                    text(
                        code("121424", "DCM", "Table of Values"), "t", "INFERRED FROM"
                    ),
                    property_of(
                        "121403",
                        "Level of Significance",
                        code("121998", "99OWN", "significant"),
                    ),
                    property_of(
                        "121404",
                        "Selection Status",
                        code("121411", "DCM", "Most recent value chosen"),
                    ),
                    text(code("121405", "DCM", "Population description"), "all", HAS),
                ),
            )
        )
    )


def normal_ranges_without_values():
    infinity = code("114002", "DCM", "Positive infinity")
    return make_sr(
        measurements(
            group(
                number(
                    "4",
                    MM,
                    DIAMETER,
                    about(LOWER_LIMIT, None),
                    about(UPPER_LIMIT, "5", None),
                    about(Z_SCORE, None, RATIO),
                    about(
                        Z_SCORE,
                        None,
                        RATIO,
                        NumericValueQualifierCodeSequence=infinity,
                    ),
                ),
            )
        )
    )


def items_by_reference():
    def to(*position):
        return {
            "RelationshipType": "R-INFERRED FROM",
            "ReferencedContentItemIdentifier": list(position),
        }

    return make_sr(
        container(
            "111028",
            "Image Library",
            image(SOURCE, reference(image_uid(1))),
        ),
        measurements(
            group(
                number("1", MM, DIAMETER, to(1, 1, 1)),
                number("2", MM, DIAMETER, to(1, 2, 1, 1)),
                number("3", MM, DIAMETER, to(1, 99)),
                number("4", MM, DIAMETER, to(1, 2, 1, 4)),
                plane("POINT", [1, 2], to(1, 1, 1)),
                number("5", MM, DIAMETER, to(1)),
            )
        ),
        evidence=EVIDENCE,
    )


def observers_and_their_overriding():
    def kind(value):
        return coded(
            code("121005", "DCM", "Observer Type"),
            code(value, "DCM", "kind"),
            relationship=CONTEXT,
        )

    def name(value):
        person_name = code("121008", "DCM", "Person Observer Name")
        return content("PNAME", person_name, relationship=CONTEXT, PersonName=value)

    def device(value, what):
        return text(code(value, "DCM", "device"), what, CONTEXT)

    def algorithm(value, what):
        return text(code(value, "DCM", "algorithm"), what, MOD)

    return make_sr(
        kind("121006"),
        name("Reader^Rita"),
        kind("121007"),
        uidref(code("121012", "DCM", "Device Observer UID"), "2.25.113047800", CONTEXT),
        device("121013", "reading room"),
        device("121014", "device maker"),
        device("121015", "device model"),
        device("121016", "serial-1"),
        measurements(
            group(number("1", MM, DIAMETER)),
            group(
                name("Other^Otto"),
                number(
                    "2",
                    MM,
                    DIAMETER,
                    algorithm("111001", "net"),
                    algorithm("111003", "2.1"),
                    algorithm("111002", "-v"),
                ),
            ),
        ),
        Manufacturer="maker-113047",
        VerifyingObserverSequence={
            "VerifyingObserverName": "Verifier^Vera",
            "VerifyingOrganization": "hospital",
            "VerificationDateTime": "20240702",
            "VerifyingObserverIdentificationCodeSequence": code("7", "99STAFF"),
        },
        AuthorObserverSequence=person("Author^Ann"),
    )


def subjects_that_are_not_the_patient():
    def subject(value, meaning):
        return coded(
            code("121024", "DCM", "Subject Class"),
            code(value, "DCM", meaning),
            relationship=CONTEXT,
        )

    def identified(value):
        return text(code("121030", "DCM", "Subject ID"), value, CONTEXT)

    return make_sr(
        measurements(
            group(subject("121026", "Fetus"), number("1", MM, DIAMETER)),
            group(identified("patient-113047"), number("2", MM, DIAMETER)),
            group(
                subject("121025", "Patient"),
                identified("another"),
                number("3", MM, DIAMETER),
            ),
        )
    )


def evaluations_alone():
    return make_sr(
        container(
            "C0034375",
            "Qualitative Evaluations",
            coded(code("RID36042", "RADLEX", "Malignancy"), code("1", "99OWN", "low")),
            text(FINDING, "a text"),
            content("DATE", FINDING, Date="20240101"),
            scheme="UMLS",
        ),
        measurements(
            group(
                container(
                    "C0034375",
                    "Qualitative Evaluations",
                    coded(FINDING, LUNG),
                    scheme="UMLS",
                ),
                coded(FINDING, LUNG),
                coded(FINDING, VOLUME),
            )
        ),
    )


def content_without_an_element():
    return make_sr(
        coded(
            code("121049", "DCM", "Language"), code("en", "RFC5646"), relationship=MOD
        ),
        text(code("113047", "99OWN", "Own remark"), "a text <i>of</i> the root"),
        container("113048", "Own section", text(FINDING, "inside"), scheme="99OWN"),
        measurements(
            group(
                content("TIME", FINDING, Time="101112"),
                content("DATETIME", FINDING, DateTime="20240101101112"),
                content("PNAME", FINDING, PersonName="Some^One"),
                content("WAVEFORM", FINDING, ReferencedSOPSequence=reference("2.25.9")),
                content("TCOORD", FINDING),
                number("1", MM, None),
                {"RelationshipType": "CONTAINS"},
            )
        ),
    )  # fmt: skip


def repeated_tracking_uids():
    return make_sr(
        measurements(
            group(*tracked(), number("1", MM, DIAMETER)),
            group(*tracked(), coded(SITE, LUNG, relationship=MOD)),
        )
    )


def sites_of_all_sorts():
    def at(*values):
        return [coded(SITE, value, relationship=MOD) for value in values]

    return make_sr(
        measurements(
            group(*at(LUNG), number("1", MM, DIAMETER)),
            group(
                *at(LUNG, code("64033007", "SCT", "Kidney")),
                number("2", MM, DIAMETER, *at(code("T-28000", "SRT", "Lung"))),
            ),
        )
    )


def nested(depth, *, undefined_length=False):
    """Nest containers, each in the only item of its parent, as bytes."""
    head = b"\x40\x00\x10\xa0CS\x08\x00CONTAINS\x40\x00\x40\xa0CS\x0a\x00CONTAINER "
    sequence, item = b"\x40\x00\x30\xa7SQ\x00\x00", b"\xfe\xff\x00\xe0"
    content = head
    for _ in range(depth):
        if undefined_length:
            content = (
                head + sequence + b"\xff" * 4 + item + b"\xff" * 4 + content
                + b"\xfe\xff\x0d\xe0" + bytes(4) + b"\xfe\xff\xdd\xe0" + bytes(4)
            )  # fmt: skip
        else:
            content = item + struct.pack("<I", len(content)) + content
            content = head + sequence + struct.pack("<I", len(content)) + content
    deep = {"RelationshipType": "CONTAINS", "ValueType": "CONTAINER"}
    start = content.index(item)
    children = content[start:-8] if undefined_length else content[start:]
    return make_sr(
        deep | {"ContentSequence": children},
        measurements(group(number("1", MM, DIAMETER))),
    )


def a_thousand_levels():
    return nested(1000)


def a_thousand_levels_of_undefined_length():
    return nested(1000, undefined_length=True)


def a_preliminary_report():
    return make_sr(
        measurements(group(number("1", MM, DIAMETER))),
        PreliminaryFlag="PRELIMINARY",
        CompletionFlag="PARTIAL",
        SeriesNumber="-1",
    )


def an_unverified_report():
    return make_sr(
        measurements(group(number("1", MM, DIAMETER))), VerificationFlag="UNVERIFIED"
    )


def a_report_without_flags():
    return make_sr(
        measurements(group(number("1", MM, DIAMETER))),
        CompletionFlag=None,
        VerificationFlag=None,
        template=None,
    )


def a_report_of_another_template():
    return make_sr(text(FINDING, "all is well"), template="2000")


def an_enhanced_report():
    return make_sr(
        measurements(group(number("1", MM, DIAMETER), ObservationUID="2.25.113047911")),
        SOPClassUID="1.2.840.10008.5.1.4.1.1.88.22",
        transfer_syntax=IMPLICIT,
    )


def a_comprehensive_report():
    return make_sr(
        measurements(group(number("1", MM, DIAMETER), ObservationUID="2.25.113047911")),
        SOPClassUID="1.2.840.10008.5.1.4.1.1.88.33",
        transfer_syntax=BIG_ENDIAN,
    )


def an_extensible_report():
    return make_sr(
        measurements(group(number("1", MM, DIAMETER), ObservationUID="2.25.113047911")),
        SOPClassUID="1.2.840.10008.5.1.4.1.1.88.35",
        transfer_syntax=DEFLATED,
    )


def an_empty_report():
    return make_sr(ContentSequence=None)


CASES = {
    case.__name__: case
    for case in (
        one_measurement,
        everything_about_a_group,
        every_region_on_images,
        every_region_in_space,
        coordinates_that_form_no_region,
        a_roi_of_a_structure_set,
        a_roi_of_an_unlisted_structure_set,
        segments_of_segmentations,
        illustrations_explanations_and_maps,
        numbers_of_all_sorts,
        derived_measurements,
        normal_ranges_and_other_properties,
        normal_ranges_without_values,
        time_points_and_statistics,
        items_by_reference,
        observers_and_their_overriding,
        subjects_that_are_not_the_patient,
        evaluations_alone,
        content_without_an_element,
        repeated_tracking_uids,
        sites_of_all_sorts,
        a_thousand_levels,
        a_thousand_levels_of_undefined_length,
        a_preliminary_report,
        an_unverified_report,
        a_report_without_flags,
        a_report_of_another_template,
        an_enhanced_report,
        a_comprehensive_report,
        an_extensible_report,
        an_empty_report,
    )
}
