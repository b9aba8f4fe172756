// The contours of ROIs, as the FHIR API serves them; fetched when a ROI is first drawn.

import { address, ask } from "./common.js";

const AT_ONCE = 3; // the server answers few such requests at a time

export class Contours {
  constructor(fhirRoot, data) {
    this.fhirRoot = fhirRoot;
    this.images = data.images;
    this.made = new Set(data.selections);
    this.known = new Map(); // selection id -> promise of what was drawn
    this.waiting = [];
    this.running = 0;
  }

  // Returns the contours of a ROI: {contours, leftOut, remarks}. Never rejects.
  of(roi) {
    if (!this.known.has(roi.selection)) {
      this.known.set(roi.selection, this.take(roi).catch((error) => ({ contours: [], leftOut: 0, remarks: [error.message], failed: true })));
    }
    return this.known.get(roi.selection);
  }

  async take(roi) {
    if (!roi.contours.length) return { contours: [], leftOut: 0, remarks: [] };
    if (!this.made.has(roi.selection)) {
      const remark = "there is no selection of this ROI here (setting Levels), which the contours come with";
      return { contours: [], leftOut: roi.contours.length, remarks: [remark], failed: true };
    }
    await this.turn();
    try {
      const path = `${this.fhirRoot}/ImagingSelection/${roi.selection}/$contours`;
      return this.read(roi, await ask(address(path), { headers: { Accept: "application/fhir+json" } }));
    } finally {
      this.running -= 1;
      this.waiting.shift()?.();
    }
  }

  async turn() {
    while (this.running >= AT_ONCE) await new Promise((resolve) => this.waiting.push(resolve));
    this.running += 1;
  }

  read(roi, selection) {
    const regions = selection.instance[0].imageRegion3D ?? [];
    // If the server left one out, the order no longer matches; then the planes alone decide.
    const isComplete = regions.length === roi.contours.length;
    const contours = regions.map((region, index) => ({
      regionType: region.regionType,
      points: region.coordinate,
      images: isComplete ? roi.contours[index].map(([image, ...frames]) => ({ uid: this.images[image], frames })) : [],
      number: isComplete ? index + 1 : null,
    }));
    const outcomes = (selection.contained ?? []).filter((each) => each.resourceType === "OperationOutcome");
    const remarks = outcomes.flatMap((outcome) => outcome.issue).map((issue) => issue.details?.text).filter(Boolean);
    return { contours, leftOut: roi.contours.length - regions.length, remarks };
  }
}
