"""Real structure sets on the real images that they were drawn on, where there are any.

Expected is what pydicom reads of both; the pages had no part in it.
"""

from collections import Counter, defaultdict

import pydicom
import pytest
from support.paths import IMAGES

# A structure set -> the folder of its images.
PAIRS = {
    "OpenTOPAS__OpenTOPAS__lung-1_rtss.dcm": "OpenTOPAS__OpenTOPAS",
    (
        "hdclark__DICOMautomaton__RS.1.2.246.352.71.4.~0832.1900160."
        "20200212105351_explicit.dcm"
    ): "hdclark__DICOMautomaton",
    "proknow__proknow-sdk-dotnet__Becker_Matthew_RS.dcm": "proknow__proknow-sdk-dotnet",
}
NEAR = 0.011  # mm; the slices of all three are axial, with contours on their planes
BOX = """() => {
  const image = document.getElementById("image");
  const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const { width, height } = canvas;
  const { data } = context.getImageData(0, 0, width, height);
  const lit = [];
  for (let i = 0; i < width * height; i += 1) if (data[4 * i] > 20) lit.push(i);
  const columns = lit.map((i) => i % width);
  const rows = lit.map((i) => Math.floor(i / width));
  const shape = document.querySelector("#overlay .shape").getBBox();
  const [left, top] = [Math.min(...columns), Math.min(...rows)];
  const [right, down] = [Math.max(...columns) + 1, Math.max(...rows) + 1];
  return [
    [left, top, right, down],
    [shape.x, shape.y, shape.x + shape.width, shape.y + shape.height],
  ];
}"""


def contours_by_slice(structure_set, heights):
    """Count the contours of each ROI on each slice, the lowest first."""
    counts = defaultdict(Counter)
    for item in structure_set.ROIContourSequence:
        for contour in item.get("ContourSequence", ()):
            zs = [float(value) for value in contour.ContourData[2::3]]
            for index, height in enumerate(heights):
                if all(abs(z - height) <= NEAR for z in zs):
                    counts[index][str(item.ReferencedROINumber)] += 1
    return counts


@pytest.fixture(scope="module")
def load(orthanc, corpus):
    """Stores a structure set with its images; its id and what pydicom reads."""
    loaded = {}

    def load_one(name):
        if name not in loaded:
            if not IMAGES.is_dir():
                pytest.skip("no real images beside the repository")
            heights = []
            for path in sorted((IMAGES / PAIRS[name]).rglob("*.dcm")):
                assert orthanc.client.store(path.read_bytes()).status == 200
                image = pydicom.dcmread(path, force=True, stop_before_pixels=True)
                heights.append(float(image.ImagePositionPatient[2]))
            answer = orthanc.client.store(corpus[name].read_bytes())
            structure_set = pydicom.dcmread(corpus[name], force=True)
            found = contours_by_slice(structure_set, sorted(heights))
            loaded[name] = answer.json["ID"], found, len(heights)
        return loaded[name]

    return load_one


@pytest.fixture
def show(orthanc, open_page):
    def show_one(instance):
        page = open_page(
            f"{orthanc.client.url}/imaging-selection/structure-sets/{instance}"
        )
        page.wait_for_selector("#frame[aria-busy=false]")
        page.wait_for_load_state("networkidle")
        return page

    return show_one


def go_to(page, index):
    page.locator("#slice").fill(str(index + 1))
    page.wait_for_selector(f"#stage[data-slice='{index + 1}']")


def drawn(page):
    shapes = page.locator("#overlay .shape").all()
    return Counter(each.get_attribute("data-roi").rpartition("-")[2] for each in shapes)


@pytest.mark.parametrize("name", PAIRS, ids=PAIRS.values())
def test_every_slice_shows_the_contours_that_lie_on_it(load, show, name):
    instance, expected, count = load(name)
    page = show(instance)
    assert page.get_attribute("#slice", "max") == str(count)
    assert expected
    for index in range(0, count, 1 + count // 12):
        go_to(page, index)
        assert drawn(page) == expected[index], index
    on_slices = sum(sum(each.values()) for each in expected.values())
    every = page.locator("#rois tbody tr td:nth-child(8)").all_inner_texts()
    left = sum(map(int, every)) - on_slices
    assert page.is_visible("#elsewhere") == (left > 0)
    if left:
        assert page.inner_text("#elsewhere summary").startswith(f"{left} contour")


def test_the_outline_of_a_phantom_is_as_large_as_the_phantom(load, show):
    name = "OpenTOPAS__OpenTOPAS__lung-1_rtss.dcm"
    instance, _, count = load(name)
    page = show(instance)
    page.click("#none")
    page.get_by_role("checkbox", name="Body").check()
    page.select_option("#window", "full")
    for index in (5, count // 2, count - 6):
        go_to(page, index)
        page.wait_for_selector("#overlay .shape")
        image, outline = page.evaluate(BOX)
        far = [abs(a - b) for a, b in zip(image, outline, strict=True)]
        assert max(far) <= 1.0, (index, image, outline)
