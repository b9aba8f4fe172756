// The positions of contours in images. Patient coordinates are in mm, to the patient's left,
// back and head (LPS); DICOM PS3.3 C.7.6.2.1.1 (Image Plane), C.8.8.6 (ROI Contour).

// How far rounded decimal strings may move a point off its plane.
export const ROUNDING_MM = 0.01;
// The thickness of a slice that has no neighbour and states none.
export const UNKNOWN_THICKNESS_MM = 1;
// Cosine of the angle up to which two slices are of one stack.
const PARALLEL = 0.9999;
// The smallest component of a unit vector that gets a letter.
const WORTH_A_LETTER = 0.25;

const dot = (one, other) => one[0] * other[0] + one[1] * other[1] + one[2] * other[2];

const cross = (one, other) => [
  one[1] * other[2] - one[2] * other[1],
  one[2] * other[0] - one[0] * other[2],
  one[0] * other[1] - one[1] * other[0],
];

function unit(vector) {
  const length = Math.hypot(...vector);
  return length > 0 ? vector.map((value) => value / length) : null;
}

// The plane of a slice; null if the image lacks an attribute that drawing needs.
export function planeOf(slice) {
  const { position, orientation, spacing, rows, columns } = slice;
  if (!position || !orientation || !spacing || !rows || !columns) return null;
  if (!(spacing[0] > 0 && spacing[1] > 0) || slice.frames !== 1) return null;
  const right = unit(orientation.slice(0, 3));
  const down = unit(orientation.slice(3));
  const normal = right && down && unit(cross(right, down));
  if (!normal) return null;
  // Pixel Spacing is the distance of rows, then of columns (PS3.3 10.7.1.3).
  return { origin: position, right, down, normal, perRow: spacing[0], perColumn: spacing[1], rows, columns };
}

// From patient coordinates to those of the drawn image, whose pixel (0, 0) covers 0 to 1.
// Image Position is the centre of that pixel, hence the half.
export function toPixel(plane, point) {
  const from = [point[0] - plane.origin[0], point[1] - plane.origin[1], point[2] - plane.origin[2]];
  return [dot(from, plane.right) / plane.perColumn + 0.5, dot(from, plane.down) / plane.perRow + 0.5];
}

// Sorts slices into stacks: one frame of reference, one direction, in order along it.
// Each slice gets its plane, its place `at` along the direction, and its `tolerance`:
// what lies at most so far off its plane is drawn on it, half the way to its neighbour.
export function arrange(slices) {
  const stacks = [];
  const left = [];
  for (const slice of slices) {
    const plane = planeOf(slice);
    if (!plane) {
      left.push(slice);
      continue;
    }
    let stack = stacks.find((each) => each.frame === slice.frameOfReferenceUid && Math.abs(dot(each.normal, plane.normal)) > PARALLEL);
    if (!stack) {
      stack = { frame: slice.frameOfReferenceUid, normal: plane.normal, slices: [] };
      stacks.push(stack);
    }
    stack.slices.push({ ...slice, plane, at: dot(plane.origin, stack.normal) });
  }
  for (const stack of stacks) {
    stack.slices.sort((one, other) => one.at - other.at || (one.instanceNumber ?? 0) - (other.instanceNumber ?? 0));
    for (const slice of stack.slices) slice.tolerance = toleranceOf(slice, stack.slices);
  }
  let first = 0;
  for (const stack of stacks) {
    stack.first = first;
    first += stack.slices.length;
  }
  return { stacks, slices: stacks.flatMap((stack) => stack.slices), left };
}

function toleranceOf(slice, neighbours) {
  let gap = Infinity;
  const index = neighbours.indexOf(slice);
  for (const step of [-1, 1]) {
    let next = index + step;
    // Others of the same plane, such as of another time, are no neighbours.
    while (neighbours[next] && Math.abs(neighbours[next].at - slice.at) <= ROUNDING_MM) next += step;
    if (neighbours[next]) gap = Math.min(gap, Math.abs(neighbours[next].at - slice.at));
  }
  if (gap === Infinity) gap = slice.thickness > 0 ? slice.thickness : UNKNOWN_THICKNESS_MM;
  return gap / 2;
}

// Returns the slices that a contour lies on, as their numbers in the whole arrangement.
//
// It lies on the slice nearest to it, if all its points are within the tolerance. The
// images that it names decide between several of one plane, and only when the plane is
// theirs: `isNamedElsewhere` tells of a contour that names one it does not lie on.
export function place(contour, stack) {
  const [least, most] = extent(contour.points, stack.normal);
  const fits = (slice) => Math.max(Math.abs(least - slice.at), Math.abs(most - slice.at)) <= slice.tolerance + ROUNDING_MM;
  const numbered = stack.slices.map((slice, index) => ({ slice, index: stack.first + index }));
  const named = numbered.filter(({ slice }) => isNamed(slice, contour.images));
  const fitting = named.filter(({ slice }) => fits(slice));
  if (fitting.length) return { indices: fitting.map(({ index }) => index), isNamedElsewhere: false };
  const middle = (least + most) / 2;
  const nearest = numbered.reduce(
    (best, each) => (Math.abs(each.slice.at - middle) < Math.abs(best.slice.at - middle) - ROUNDING_MM ? each : best),
  );
  const indices = fits(nearest.slice)
    ? numbered.filter(({ slice }) => Math.abs(slice.at - nearest.slice.at) <= ROUNDING_MM).map(({ index }) => index)
    : [];
  return { indices, isNamedElsewhere: named.length > 0 };
}

function isNamed(slice, images) {
  return images.some(({ uid, frames }) => (
    uid === slice.sopInstanceUid && (slice.frame === null || !frames.length || frames.includes(slice.frame + 1))
  ));
}

// The minimum and maximum of points along a direction.
export function extent(points, direction) {
  let least = Infinity;
  let most = -Infinity;
  for (let i = 0; i < points.length; i += 3) {
    const value = points[i] * direction[0] + points[i + 1] * direction[1] + points[i + 2] * direction[2];
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return [least, most];
}

// The maximum distance of the points of a contour from a slice.
export function distance(contour, slice, stack) {
  const [least, most] = extent(contour.points, stack.normal);
  return Math.max(Math.abs(least - slice.at), Math.abs(most - slice.at));
}

// Formats a contour as the data of an SVG path; the function converts mm to pixels.
export function pathOf(contour, project) {
  const { points } = contour;
  const isPoints = isOfPoints(contour);
  let path = "";
  for (let i = 0; i < points.length; i += 3) {
    const [x, y] = project([points[i], points[i + 1], points[i + 2]]);
    path += isPoints ? crossAt([x, y], contour.size ?? 1) : `${i ? "L" : "M"}${x.toFixed(3)} ${y.toFixed(3)}`;
  }
  return contour.regionType === "polygon" ? `${path}Z` : path;
}

// Returns whether a contour is drawn as crosses: nothing connects its points.
export function isOfPoints(contour) {
  return contour.regionType === "point" || contour.regionType === "multipoint";
}

function crossAt([x, y], size) {
  return `M${x - size} ${y}L${x + size} ${y}M${x} ${y - size}L${x} ${y + size}`;
}

// Names the side of the patient that a direction points to (PS3.3 C.7.6.1.1.1).
export function sideOf(direction) {
  return ["RL", "AP", "FH"]
    .map((letters, axis) => ({ letter: letters[direction[axis] > 0 ? 1 : 0], size: Math.abs(direction[axis]) }))
    .filter(({ size }) => size >= WORTH_A_LETTER)
    .sort((one, other) => other.size - one.size)
    .map(({ letter }) => letter)
    .join("");
}

// The three projections: which direction is right, and which is down, on the screen.
export const PROJECTIONS = [
  { name: "Axial", right: [1, 0, 0], down: [0, 1, 0] },
  { name: "Coronal", right: [1, 0, 0], down: [0, 0, -1] },
  { name: "Sagittal", right: [0, 1, 0], down: [0, 0, -1] },
];

// Fits contours into a box; returns it with the function from mm into it.
export function fit(contours, projection) {
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const { points } of contours) {
    const [least, most] = extent(points, projection.right);
    const [highest, lowest] = extent(points, projection.down);
    [left, right] = [Math.min(left, least), Math.max(right, most)];
    [top, bottom] = [Math.min(top, highest), Math.max(bottom, lowest)];
  }
  if (left > right) return null;
  const margin = Math.max(right - left, bottom - top, 10) * 0.04;
  return {
    width: right - left + 2 * margin,
    height: bottom - top + 2 * margin,
    project: (point) => [dot(point, projection.right) - left + margin, dot(point, projection.down) - top + margin],
  };
}
