// Contours as SVG: of one slice, or of all from three sides.

import { make, plural } from "./common.js";
import { fit, isOfPoints, pathOf, PROJECTIONS, sideOf } from "./geometry.js";

const SVG = "http://www.w3.org/2000/svg";
const UNCOLORED = "#ffffff"; // for a ROI without a colour in its file, drawn dashed

export function colorOf(roi) {
  return roi.color ? `rgb(${roi.color.join(" ")})` : UNCOLORED;
}

// Draws contours of one ROI. Those to be combined by exclusive or (C.8.8.6.3) are one
// shape filled by even and odd; all others are shapes of their own, holes or not.
export function shapesOf(roi, contours, project, size, isOutline = false) {
  const polygons = contours.filter((contour) => contour.regionType === "polygon");
  const others = contours.filter((contour) => contour.regionType !== "polygon");
  const isXor = Boolean(roi.geometricTypes.CLOSEDPLANAR_XOR);
  const filled = isXor ? [polygons] : polygons.map((polygon) => [polygon]);
  const paths = filled.filter((group) => group.length).map((group) => shape(roi, group, project, size, isOutline ? "line" : "area"));
  return [...paths, ...others.map((contour) => shape(roi, [contour], project, size, isOfPoints(contour) ? "point" : "line"))];
}

function shape(roi, contours, project, size, kind) {
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", contours.map((contour) => pathOf({ ...contour, size }, project)).join(""));
  path.setAttribute("class", ["shape", kind, !roi.color && "uncolored", roi.isOther && "other"].filter(Boolean).join(" "));
  path.setAttribute("stroke", colorOf(roi));
  path.setAttribute("fill", kind === "area" && !roi.isOther ? colorOf(roi) : "none");
  path.dataset.contours = contours.map((contour) => contour.number).join(" ");
  path.dataset.roi = roi.selection;
  return path;
}

// How large a point is drawn, in the units of a picture.
export function markSize(width, height) {
  return Math.max(width, height) / 60;
}

// Draws ROIs with all their contours along each axis of the patient.
export function projectionsOf(drawn) {
  const every = drawn.flatMap(([, contours]) => contours);
  return PROJECTIONS.map((projection) => {
    const box = fit(every, projection);
    const caption = make("figcaption", {}, `${projection.name}, to the right: ${sideOf(projection.right)}, down: ${sideOf(projection.down)}`);
    if (!box) return make("figure", {}, caption);
    const picture = document.createElementNS(SVG, "svg");
    picture.setAttribute("viewBox", `0 0 ${box.width} ${box.height}`);
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-label", `${projection.name} projection of ${plural(every.length, "contour")}`);
    const size = markSize(box.width, box.height);
    picture.append(...drawn.flatMap(([roi, contours]) => shapesOf(roi, contours, box.project, size, true)));
    return make("figure", {}, picture, caption);
  });
}
