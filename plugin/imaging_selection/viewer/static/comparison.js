// Another structure set of the same patient, compared with the one that the page shows:
// a table of the ROIs, and its contours, dotted, over those of the page.

import { address, ask, byId, make, plain, plural, said, show } from "./common.js";
import { Contours } from "./contours.js";

const OFFERED = 50;
const LABEL = "http://hl7.org/fhir/StructureDefinition/artifact-title";
const WORDS = { contours: "contours changed", recolored: "other color" };

export class Comparison {
  constructor(site, data, viewer) {
    this.site = site;
    this.data = data;
    this.viewer = viewer;
    this.drawn = new Set(); // ROIs of the page that are drawn
    this.partners = new Map(); // selection of a ROI of the page -> the ROI of the other
    this.alone = []; // ROIs that only the other has
    byId("other").addEventListener("change", () => this.choose(byId("other").value));
    byId("overlaid").addEventListener("change", () => this.overlay());
  }

  // Offers the other structure sets of the patient.
  async offer() {
    const { fhirRoot, levelSystem } = this.site;
    const query = new URLSearchParams({
      patient: this.data.patient, _tag: `${levelSystem}|structure-set`, _count: OFFERED, _sort: "-issued",
    });
    const found = await ask(address(`${fhirRoot}/ImagingSelection?${query}`)).catch(() => ({}));
    const others = (found.entry ?? []).map((each) => each.resource).filter((each) => each.id !== this.data.instance);
    // The predecessor first, then those with the same label: probably exported again.
    others.sort((one, other) => this.kinship(other) - this.kinship(one));
    for (const each of others) {
      const words = [
        plain(labelOf(each) ?? "without label", 40), each.issued?.slice(0, 10),
        ["", "same label", "predecessor"][this.kinship(each)], each.id.slice(0, 8),
      ];
      byId("other").append(make("option", { value: each.id }, words.filter(Boolean).join(" · ")));
    }
    show(byId("comparison"), others.length > 0);
    const wanted = new URLSearchParams(location.search).get("compare");
    if (others.some((each) => each.id === wanted)) {
      byId("other").value = wanted;
      await this.choose(wanted);
    }
  }

  kinship(other) {
    if (this.data.predecessors.includes(other.instance[0].uid)) return 2;
    return this.data.label && labelOf(other) === this.data.label ? 1 : 0;
  }

  async choose(other) {
    const choosing = Symbol(other);
    this.choosing = choosing;
    await this.remove();
    show(byId("compared"), false);
    show(byId("overlaid-label"), false);
    byId("comparison-told").textContent = "";
    if (!other) return;
    byId("comparison-told").textContent = "Comparing …";
    const query = new URLSearchParams({ from: other, to: this.data.instance });
    try {
      const [comparison, described] = await Promise.all([
        ask(address(`imaging-selection/compare?${query}`)),
        ask(address(`imaging-selection/structure-sets/${encodeURIComponent(other)}/data`)),
      ]);
      if (this.choosing === choosing) await this.show(comparison, described);
    } catch (error) {
      if (this.choosing === choosing) byId("comparison-told").textContent = error.message;
    }
  }

  async show(comparison, described) {
    const bySelection = new Map(described.rois.map((roi) => {
      const name = `${roi.name ?? `ROI ${roi.number}`} (other structure set)`;
      return [roi.selection, { ...roi, name, isOther: true }];
    }));
    this.viewer.others = new Contours(this.site.fhirRoot, described);
    this.alone = [];
    for (const { from, to } of comparison.rois) {
      const roi = from && bySelection.get(from.selection);
      if (roi && to) this.partners.set(to.selection, roi);
      else if (roi) this.alone.push(roi);
    }
    const changed = comparison.rois.filter((each) => each.changes.length).length;
    const kind = comparison.isPredecessor ? "The other one is the predecessor of this one. " : "";
    byId("comparison-told").textContent = `${kind}${changed ? `${plural(changed, "ROI")} of ${comparison.rois.length} changed.` : "No ROI has changed."}`;
    byId("compared-rows").replaceChildren(...comparison.rois.map((each) => this.row(each)));
    show(byId("compared"));
    show(byId("overlaid-label"));
    await this.overlay();
  }

  row({ from, to, changes, volumes, dice, slices, refused }) {
    const worst = (slices ?? []).filter((each) => each.distance !== null).sort((one, other) => other.distance - one.distance)[0];
    const roi = to && this.data.rois.find((each) => each.selection === to.selection);
    const isRenamed = from && to && from.name !== to.name;
    const words = changes.map((each) => WORDS[each] ?? each);
    return make(
      "tr", {},
      make("th", { scope: "row", class: "name" }, said((to ?? from).name, "no name"), isRenamed ? make("small", {}, "before: ", said(from.name, "no name")) : null),
      make("td", {}, words.join(", ") || "same"),
      make("td", { class: "number" }, numberOf(volumes?.[0])),
      make("td", { class: "number" }, numberOf(volumes?.[1])),
      make("td", { class: "number", title: refused }, dice === null || dice === undefined ? refused ? "not compared" : "" : dice.toFixed(3)),
      make("td", { class: "number" }, worst && roi ? make("button", {
        type: "button", class: "plain small", title: "Go to the slice with the largest distance",
        onclick: () => this.viewer.goToPosition(roi, worst.position),
      }, worst.distance.toFixed(1)) : ""),
    );
  }

  // Draws the partner of a ROI with it.
  async follow(roi, isOn) {
    this.drawn[isOn ? "add" : "delete"](roi.selection);
    const partner = this.partners.get(roi.selection);
    if (partner && byId("overlaid").checked) await this.viewer.draw(partner, isOn);
  }

  async overlay() {
    const isOn = byId("overlaid").checked;
    const drawn = [...this.partners].filter(([selection]) => this.drawn.has(selection)).map(([, partner]) => partner);
    await Promise.all([...drawn, ...this.alone].map((roi) => this.viewer.draw(roi, isOn)));
  }

  async remove() {
    await Promise.all([...this.partners.values(), ...this.alone].map((roi) => this.viewer.draw(roi, false)));
    this.partners.clear();
    this.alone = [];
  }
}

function labelOf(selection) {
  return (selection.extension ?? []).find((extension) => extension.url === LABEL)?.valueString;
}

function numberOf(value) {
  return value === null || value === undefined ? "" : String(Number(value.toPrecision(4)));
}
