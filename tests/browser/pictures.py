"""What is on a screenshot, in numbers: edges of discs, and lines drawn around them."""

import base64
import math
from dataclasses import dataclass
from statistics import fmean

DECODE = """async (png) => {
  const bytes = Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0));
  const picture = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  const context = canvas.getContext("2d");
  context.drawImage(picture, 0, 0);
  const { data } = context.getImageData(0, 0, picture.width, picture.height);
  let text = "";
  for (let i = 0; i < data.length; i += 8192) {
    text += String.fromCharCode(...data.subarray(i, i + 8192));
  }
  return [picture.width, picture.height, btoa(text)];
}"""
TURNS = [2 * math.pi * k / 72 for k in range(72)]
STEP = 0.2  # of a screen pixel, along a ray


@dataclass(frozen=True)
class Picture:
    """The pixels of a screenshot: red, green, blue and alpha, row by row."""

    width: int
    height: int
    data: bytes

    @classmethod
    def of(cls, browser, png):
        """Read a screenshot; the browser knows how to."""
        page = browser.new_page()
        width, height, data = page.evaluate(DECODE, base64.b64encode(png).decode())
        page.close()
        return cls(width, height, base64.b64decode(data))

    def color(self, x, y):
        """The red, green and blue at a point; pixel (0, 0) covers 0 to 1."""
        column = min(max(int(x), 0), self.width - 1)
        row = min(max(int(y), 0), self.height - 1)
        start = 4 * (row * self.width + column)
        return self.data[start : start + 3]

    def smooth(self, x, y, value):
        """A value of the colours around a point, weighed by how near they are."""
        left, top = math.floor(x - 0.5), math.floor(y - 0.5)
        right, down = x - 0.5 - left, y - 0.5 - top
        return sum(
            weight * value(self.color(left + dx, top + dy))
            for dx, across in ((0, 1 - right), (1, right))
            for dy, below in ((0, 1 - down), (1, down))
            if (weight := across * below)
        )


def middle_of_light(picture):
    """The centre of what is bright in a gray picture."""
    bright = [
        (x + 0.5, y + 0.5)
        for y in range(0, picture.height, 2)
        for x in range(0, picture.width, 2)
        if picture.color(x, y)[1] > 127
    ]
    return fmean(x for x, _ in bright), fmean(y for _, y in bright)


def ray(center, turn, reach):
    """Points from a centre outwards, and how far each is."""
    for k in range(int(reach / STEP)):
        distance = k * STEP
        yield (
            distance,
            center[0] + distance * math.cos(turn),
            center[1] + distance * math.sin(turn),
        )


def edge(picture, center, turn, reach):
    """How far the light reaches: to where it is half as bright."""
    for distance, x, y in ray(center, turn, reach):
        if picture.smooth(x, y, lambda color: color[1]) < 127.5:
            return distance
    raise AssertionError("the light has no end")


def line(picture, center, turn, reach, paint):
    """How far the middle of a drawn line is; `paint` tells how much of it is there."""
    seen = [
        (distance, weight)
        for distance, x, y in ray(center, turn, reach)
        if (weight := picture.smooth(x, y, paint)) > 60
    ]
    if not seen:
        return None
    return sum(d * weight for d, weight in seen) / sum(weight for _, weight in seen)


@dataclass(frozen=True)
class Deviation:
    """How far a line is from an edge, in pixels of the image.

    Attributes
    ----------
    most
        In the direction in which it is farthest.
    shift
        Of the line as a whole: what is left when all directions are added up.
    """

    most: float
    shift: float


def deviation(bare, drawn, per_pixel, paint):
    """Compare two screenshots of one place, without and with the line.

    Parameters
    ----------
    per_pixel
        Screen pixels for the width and for the height of a pixel of the image.
    """
    center = middle_of_light(bare)
    reach = min(center[0], center[1], bare.width - center[0], bare.height - center[1])
    found = []
    for turn in TURNS:
        drawn_at = line(drawn, center, turn, reach, paint)
        if drawn_at is None:
            raise AssertionError(f"no line at {math.degrees(turn):.0f} degrees")
        off = drawn_at - edge(bare, center, turn, reach)
        found.append(
            (
                off * math.cos(turn) / per_pixel[0],
                off * math.sin(turn) / per_pixel[1],
            )
        )
    # A circle shifted by d along an axis is off by d cos: twice the mean of d cos².
    shift = math.hypot(*(2 * fmean(axis) for axis in zip(*found, strict=True)))
    return Deviation(max(math.hypot(*each) for each in found), shift)
