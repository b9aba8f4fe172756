// The slices of a series with the contours of the chosen ROIs on top, or, where there
// are no images, the contours alone in three projections.

import { address, ask, byId, make, plain, plural, said, saidInTurn, show } from "./common.js";
import { markSize, projectionsOf, shapesOf } from "./drawing.js";
import { arrange, distance, place, ROUNDING_MM, sideOf, toPixel } from "./geometry.js";

const ZOOMS = [1, 1.5, 2, 3, 4, 6];
const PAGE = 10; // slices per Page Up and Page Down
const LISTED = 30; // contour numbers per line
const CT_WINDOWS = [["Soft tissue", 40, 400], ["Lung", -600, 1500], ["Bone", 400, 1800], ["Brain", 40, 80]];
const MOMENT_MS = 40;
const NO_IMAGES = "none";

export class Viewer {
  constructor(data, contours) {
    this.data = data;
    this.contours = contours;
    this.read = new Map(); // value of the chooser -> promise of its slices
    this.chosen = new Map(); // ROI -> its drawn contours, null until they arrive
    this.series = new Map(); // value of the chooser -> a series that Orthanc has
    this.arrangement = null;
    this.isOpening = true;
    this.isMoved = false; // by a person
    this.isSeriesChosen = false; // likewise
    this.others = null; // the contours of the structure set to compare with
    this.marked = null; // a contour: its ROI and its number
    this.notes = [];
    this.index = 0;
    this.wanted = 0; // the slice whose image is being fetched
    this.zoom = 0;
    this.bind();
    this.offer();
  }

  bind() {
    byId("series").addEventListener("change", () => {
      this.isMoved = true;
      this.isSeriesChosen = true;
      this.open(byId("series").value);
    });
    byId("window").addEventListener("change", () => this.go(this.wanted));
    byId("slice").addEventListener("input", () => this.move(Number(byId("slice").value) - 1));
    byId("frame").addEventListener("keydown", (event) => this.key(event));
    byId("frame").addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    byId("smaller").addEventListener("click", () => this.scale(-1));
    byId("larger").addEventListener("click", () => this.scale(1));
  }

  // Lists the series that Orthanc has of the images, all of the patient of the structure set.
  offer() {
    for (const found of this.data.series.flatMap((listed) => listed.found)) this.add(found);
    for (const found of this.data.sameFrame) this.add(found, "not named in the file");
    byId("series").append(make("option", { value: NO_IMAGES }, "No images: three projections"));
    const { isOutside } = this.data.named;
    byId("held").textContent = this.whatIsHeld();
    show(byId("held"), Boolean(byId("held").textContent));
    show(byId("outside"), isOutside);
  }

  add(found, remark) {
    if (this.series.has(found.series)) return;
    const words = [found.modality, found.description, plural(found.instances, "image")].filter(Boolean);
    const label = words.map((word) => plain(word, 40)).join(" · ");
    const remarks = [found.isOfOtherStudy && "another study", remark].filter(Boolean).map((each) => ` · ${each}`);
    this.series.set(found.series, { ...found, label });
    byId("series").append(make("option", { value: found.series }, label, ...remarks));
  }

  // Says how many of the images, and of the series named without them, Orthanc has.
  whatIsHeld() {
    const { images, here, unsought } = this.data.named;
    const series = this.data.series.filter((each) => !each.listed);
    const found = series.filter((each) => each.found.length).length;
    const sentences = [];
    if (images) sentences.push(`${here.toLocaleString("en")} of ${plural(images, "image")} that the structure set names ${here === 1 ? "is" : "are"} here.`);
    if (series.length) sentences.push(`${found} of ${plural(series.length, "series", "series")} that it names without images ${found === 1 ? "is" : "are"} here.`);
    if (unsought) sentences.push(`${plural(unsought, "further image or series", "further images and series")} ${unsought === 1 ? "was" : "were"} not looked for.`);
    if (this.data.sameFrame.length) {
      sentences.push(`${this.data.series.length ? "For a part of its ROIs the" : "The"} structure set names no images, only a frame of reference. The series of that frame of reference in the same study are offered: the file does not say that it was drawn on them.`);
    }
    return sentences.join(" ");
  }

  // Opens the series that the most ROIs were drawn on.
  start() {
    const counts = new Map();
    for (const { series } of this.data.rois) {
      for (const each of series.slice(0, 1)) counts.set(each, (counts.get(each) ?? 0) + 1);
    }
    const [most] = [...counts].sort((one, other) => other[1] - one[1]);
    if (most) byId("series").value = most[0];
    return this.open(byId("series").value);
  }

  // Opens a series that a ROI was drawn on, unless one is open.
  async follow(roi) {
    const held = roi.series.filter((each) => this.series.has(each));
    if (!held.length || held.includes(byId("series").value)) return;
    [byId("series").value] = held;
    await this.open(byId("series").value);
  }

  get hasImages() {
    return this.arrangement !== null;
  }

  async open(value) {
    this.arrangement = null;
    this.notes = [];
    this.setOpening(true);
    const opening = Symbol(value);
    this.opening = opening;
    const series = this.series.get(value);
    this.say(series ? "Reading where the slices lie …" : "");
    const slices = series ? await this.slicesOf(value).catch((error) => error) : [];
    if (this.opening !== opening) return; // another was chosen meanwhile
    if (slices instanceof Error) this.explain(`The images cannot be shown: ${slices.message} The contours are drawn alone.`);
    else if (series) this.arrange(slices, series);
    else this.explain(this.reasonForNoImages());
    const isOn = this.hasImages;
    for (const id of ["stage", "slider", "window-label"]) show(byId(id), isOn);
    show(byId("projections"), !isOn);
    show(byId("zoom"), isOn);
    if (isOn) this.offerWindows(series);
    else this.setOpening(false);
    this.placeAll();
    // Nothing of the series is shown before its first image has arrived.
    if (isOn) await this.go(this.slicesInUse()[0] ?? Math.floor(this.arrangement.slices.length / 2));
  }

  setOpening(isOpening) {
    this.isOpening = isOpening;
    byId("frame").setAttribute("aria-busy", String(isOpening));
    byId("slice").disabled = isOpening;
    if (isOpening) byId("place").textContent = "";
  }

  reasonForNoImages() {
    if (this.series.size) return "The contours alone, seen along the axes of the patient.";
    if (!this.data.series.length) return "The structure set names no images, and none of its frame of reference are in its study. The contours are drawn alone, seen along the axes of the patient.";
    return "Orthanc holds none of the images that this structure set was drawn on, of this patient. The contours are drawn alone, seen along the axes of the patient.";
  }

  // Returns the positions of the slices of a series; fetched once.
  slicesOf(value) {
    if (!this.read.has(value)) {
      const reading = slicesOf(this.data.instance, value);
      this.read.set(value, reading);
      reading.catch(() => this.read.delete(value)); // may be asked again
    }
    return this.read.get(value);
  }

  // Opens the first of the other series that has a slice on which contours of ROIs lie.
  async openWhereDrawn(rois) {
    const opened = byId("series").value;
    for (const value of this.series.keys()) {
      if (value === opened) continue;
      const { stacks } = arrange(await this.slicesOf(value).catch(() => []));
      for (const roi of rois) {
        const { contours } = await this.contours.of(roi);
        const own = stacks.filter((stack) => isOfFrame(stack, roi));
        if (byId("series").value !== opened) return; // somebody has chosen
        if (contours.some((contour) => own.some((stack) => place(contour, stack).indices.length))) {
          byId("series").value = value;
          await this.open(value);
          return;
        }
      }
    }
  }

  arrange(slices, series) {
    const arrangement = arrange(slices);
    const multi = arrangement.left.filter((slice) => slice.frames > 1).length;
    if (multi) this.notes.push(`${plural(multi, "multi-frame image")} of this series ${multi === 1 ? "does" : "do"} not say where each frame lies, and ${multi === 1 ? "is" : "are"} not drawn on.`);
    const other = arrangement.left.length - multi;
    if (other) this.notes.push(`${plural(other, "image")} of this series ${other === 1 ? "does" : "do"} not say where in the patient ${other === 1 ? "it lies" : "they lie"}, and ${other === 1 ? "is" : "are"} not drawn on.`);
    if (!arrangement.slices.length) {
      const because = this.notes.join(" ") || "The series is empty.";
      this.notes = [];
      this.explain(`${because} The contours are drawn alone.`);
      return;
    }
    if (arrangement.stacks.length > 1) this.notes.push(`The series has ${arrangement.stacks.length} stacks of slices (directions or frames of reference); they follow one another.`);
    this.explain("");
    this.arrangement = { ...arrangement, series };
  }

  offerWindows(series) {
    const slices = this.arrangement.slices;
    const options = [];
    const counts = Math.max(...slices.map((slice) => slice.windows.length));
    for (let k = 0; k < Math.min(counts, 4); k += 1) {
      const [center, width] = slices.find((slice) => slice.windows[k]).windows[k];
      const isSame = slices.every((slice) => slice.windows[k]?.[0] === center && slice.windows[k]?.[1] === width);
      options.push([`file:${k}`, `Of the images${counts > 1 ? ` ${k + 1}` : ""}${isSame ? ` (${center} / ${width})` : ""}`]);
    }
    options.push(["full", "Full range of each image"]);
    if (series.modality === "CT") {
      for (const [name, center, width] of CT_WINDOWS) options.push([`${center}/${width}`, `${name} (${center} / ${width})`]);
    }
    byId("window").replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
  }

  imageOf(slice) {
    const frame = slice.frame === null ? "" : `/frames/${slice.frame}`;
    const base = address(`instances/${slice.instance}${frame}`);
    const value = byId("window").value;
    let window = value.split("/");
    if (value.startsWith("file:")) window = slice.windows[Number(value.slice(5))] ?? [];
    if (window.length !== 2) return `${base}/preview`; // the minimum is black, the maximum white
    return `${base}/rendered?window-center=${Number(window[0])}&window-width=${Number(window[1])}`;
  }

  // Which ROIs are drawn.

  async draw(roi, isOn) {
    if (!isOn) {
      this.chosen.delete(roi);
      this.refresh();
      return;
    }
    if (this.chosen.has(roi)) return;
    this.chosen.set(roi, null);
    const content = await (roi.isOther ? this.others : this.contours).of(roi);
    if (!this.chosen.has(roi)) return; // not wanted any more
    this.chosen.set(roi, this.placed(roi, content));
    await this.refreshSoon();
  }

  placeAll() {
    for (const [roi, drawn] of this.chosen) {
      if (drawn) this.chosen.set(roi, this.placed(roi, drawn.content));
    }
    this.refresh();
  }

  // Finds the slice of each contour; and for contours on none, the reason.
  placed(roi, content) {
    const bySlice = new Map();
    const elsewhere = [];
    let namedElsewhere = 0;
    if (this.hasImages) {
      const stacks = this.stacksOf(roi);
      for (const contour of content.contours) {
        const places = stacks.map((stack) => place(contour, stack));
        if (places.some((each) => each.isNamedElsewhere)) namedElsewhere += 1;
        const indices = places.flatMap((each) => each.indices);
        for (const index of indices) bySlice.set(index, [...(bySlice.get(index) ?? []), contour]);
        if (!indices.length) elsewhere.push(contour);
      }
    }
    return { content, bySlice, elsewhere, namedElsewhere };
  }

  stacksOf(roi) {
    return this.arrangement.stacks.filter((stack) => isOfFrame(stack, roi));
  }

  // Draws a ROI that a person has chosen: alone, on its own series.
  async choose(roi, isOn) {
    if (isOn && !this.chosen.size && !this.isSeriesChosen) await this.follow(roi);
    await this.draw(roi, isOn);
  }

  async goToFirst(roi) {
    this.isMoved = true;
    await this.follow(roi);
    await this.draw(roi, true);
    const slices = () => [...(this.chosen.get(roi)?.bySlice.keys() ?? [])];
    if (this.hasImages && !slices().length) await this.openWhereDrawn([roi]);
    if (slices().length) this.move(Math.min(...slices()));
  }

  // Shows one contour of a ROI, by its place in the file from 1. One on no slice of the
  // series is shown without images. Returns whether it was found.
  async goToContour(roi, number) {
    this.isMoved = true;
    await this.follow(roi);
    await this.draw(roi, true);
    const drawn = this.chosen.get(roi);
    const contour = drawn?.content.contours.find((each) => each.number === number);
    if (!contour) return false;
    this.marked = { roi, number };
    const places = [...drawn.bySlice].filter(([, contours]) => contours.includes(contour));
    if (places.length) await this.go(places[0][0]);
    else if (this.hasImages) {
      byId("series").value = NO_IMAGES;
      await this.open(NO_IMAGES);
    }
    this.refresh();
    return true;
  }

  showMarked() {
    for (const shape of document.querySelectorAll("#frame .shape")) {
      const isMarked = shape.dataset.roi === this.marked?.roi.selection && shape.dataset.contours.split(" ").includes(String(this.marked.number));
      shape.classList.toggle("marked", isMarked);
    }
  }

  // Shows the slice of the series that is nearest to a position along its direction.
  async goToPosition(roi, position) {
    await this.goToFirst(roi);
    if (!this.hasImages) return;
    const near = this.stacksOf(roi).flatMap((stack) => stack.slices.map((slice, index) => ({ index: stack.first + index, off: Math.abs(this.along(stack, slice) - position) })));
    near.sort((one, other) => one.off - other.off);
    if (near.length) await this.move(near[0].index);
  }

  // The place of a slice in the direction of the patient's axis that its own is nearest to.
  along(stack, slice) {
    const largest = Math.max(...stack.normal.map(Math.abs));
    const axis = stack.normal.findIndex((value) => Math.abs(value) === largest);
    return Math.sign(stack.normal[axis]) * slice.at;
  }

  slicesInUse() {
    const all = [...this.chosen.values()].flatMap((drawn) => (drawn ? [...drawn.bySlice.keys()] : []));
    return [...new Set(all)].sort((one, other) => one - other);
  }

  emphasize(roi) {
    for (const shape of document.querySelectorAll("#frame .shape")) {
      shape.classList.toggle("strong", roi !== null && shape.dataset.roi === roi.selection);
    }
  }

  // Moving through the slices. Image and contours change together: never may the
  // contours of one slice be seen on the image of another.

  // Called for a person: what is still being fetched must not move the view afterwards.
  move(index) {
    this.isMoved = true;
    return this.go(index);
  }

  async go(index) {
    if (!this.hasImages) return;
    const { arrangement } = this;
    const { slices } = arrangement;
    const next = Math.max(0, Math.min(slices.length - 1, index));
    this.wanted = next;
    byId("slice").max = slices.length;
    byId("slice").value = next + 1;
    const url = this.imageOf(slices[next]);
    const image = new Image();
    image.src = url;
    let isBroken = false;
    try {
      await image.decode();
    } catch {
      isBroken = true;
    }
    // Another slice, window or series is wanted by now.
    if (this.arrangement !== arrangement || this.wanted !== next || url !== this.imageOf(slices[next])) return;
    this.setOpening(false);
    this.index = next;
    this.isBroken = isBroken;
    image.id = "image";
    image.alt = "";
    show(image, !isBroken);
    // The element that has the image already replaces the old one together with the contours.
    byId("image").replaceWith(image);
    this.refresh();
    for (const near of [next + 1, next - 1]) if (slices[near]) new Image().src = this.imageOf(slices[near]);
  }

  key(event) {
    if (!this.hasImages || event.ctrlKey || event.altKey || event.metaKey) return;
    const last = this.arrangement.slices.length - 1;
    const steps = {
      ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: PAGE, PageDown: -PAGE, Home: -Infinity, End: Infinity,
    };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    this.move(Math.max(0, Math.min(last, this.wanted + step)));
  }

  wheel(event) {
    if (!this.hasImages || event.ctrlKey || !event.deltaY) return;
    event.preventDefault();
    this.move(this.wanted + (event.deltaY > 0 ? -1 : 1));
  }

  scale(step) {
    this.zoom = Math.max(0, Math.min(ZOOMS.length - 1, this.zoom + step));
    byId("zoomed").textContent = `${ZOOMS[this.zoom] * 100} %`;
    this.refresh();
  }

  // Drawing.

  // Once for all changes of a moment: a hundred ROIs arrive one by one.
  refreshSoon() {
    this.refreshing ??= new Promise((resolve) => {
      setTimeout(() => {
        this.refreshing = null;
        this.refresh();
        resolve();
      }, MOMENT_MS);
    });
    return this.refreshing;
  }

  refresh() {
    if (this.isOpening) return; // the contours are still those of the previous series
    if (this.hasImages) this.showSlice();
    else this.showProjections();
    this.showMarked();
    this.showNotes();
  }

  showSlice() {
    const slice = this.arrangement.slices[this.index];
    const { plane } = slice;
    const [width, height] = [plane.columns * plane.perColumn, plane.rows * plane.perRow];
    const stage = byId("stage");
    stage.style.aspectRatio = `${width} / ${height}`;
    stage.style.width = `calc(min(100%, 62vh * ${width / height}) * ${ZOOMS[this.zoom]})`;
    stage.dataset.instance = slice.instance;
    stage.dataset.slice = this.index + 1;
    byId("overlay").setAttribute("viewBox", `0 0 ${plane.columns} ${plane.rows}`);
    const size = markSize(plane.columns, plane.rows);
    const shapes = [];
    const names = [];
    let count = 0;
    let off = 0;
    const stack = this.arrangement.stacks.findLast((each) => each.first <= this.index);
    for (const [roi, drawn] of this.chosen) {
      const contours = drawn?.bySlice.get(this.index) ?? [];
      if (!contours.length) continue;
      count += contours.length;
      names.push(plain(roi.name ?? `ROI ${roi.number}`, 40));
      for (const contour of contours) off = Math.max(off, distance(contour, slice, stack));
      shapes.push(...shapesOf(roi, contours, (point) => toPixel(plane, point), size));
    }
    byId("overlay").replaceChildren(...shapes);
    this.showSides(plane.right, plane.down);
    const total = this.arrangement.slices.length;
    const number = slice.instanceNumber === null ? "" : ` · image ${slice.instanceNumber}`;
    byId("place").textContent = `${this.index + 1} of ${total}${number} · ${placeOf(slice, stack)}`;
    byId("slice").setAttribute("aria-valuetext", `${this.index + 1} of ${total}`);
    const broken = this.isBroken ? "Orthanc cannot render this image. " : "";
    const aside = off > ROUNDING_MM ? ` They lie up to ${off.toFixed(2)} mm beside the plane of this slice.` : "";
    this.say(`${broken}${count ? `${plural(count, "contour")}: ${names.slice(0, 8).join(", ")}${names.length > 8 ? ` and ${names.length - 8} more` : ""}.${aside}` : "No contour of the chosen ROIs on this slice."}`);
  }

  showSides(right, down) {
    const [left, up] = [right, down].map((direction) => direction.map((value) => -value));
    for (const [name, direction] of Object.entries({ left, right, top: up, bottom: down })) {
      document.querySelector(`#stage .side.${name}`).textContent = sideOf(direction);
    }
  }

  showProjections() {
    const drawn = [...this.chosen].filter(([, each]) => each?.content.contours.length);
    byId("projections").replaceChildren(...projectionsOf(drawn.map(([roi, each]) => [roi, each.content.contours])));
    const frames = new Set(drawn.map(([roi]) => roi.frameOfReferenceUid)).size;
    this.frames = frames > 1 ? `The chosen ROIs lie in ${frames} frames of reference: where they lie to each other is not known.` : "";
    const count = drawn.reduce((sum, [, each]) => sum + each.content.contours.length, 0);
    this.say(count ? `${plural(count, "contour")} of ${plural(drawn.length, "ROI")}.` : "No ROI with contours is chosen.");
  }

  // Lists what is not drawn, and why.
  showNotes() {
    const notes = this.notes.map((note) => make("li", {}, note));
    if (!this.hasImages && this.frames) notes.push(make("li", {}, this.frames));
    const rows = [];
    const aboutNames = [];
    let total = 0;
    for (const [roi, drawn] of this.chosen) {
      if (!drawn) continue;
      for (const remark of drawn.content.remarks) notes.push(make("li", {}, said(roi.name, `ROI ${roi.number}`), ": ", remark));
      if (drawn.namedElsewhere) aboutNames.push([roi, drawn.namedElsewhere]);
      if (!drawn.elsewhere.length) continue;
      total += drawn.elsewhere.length;
      rows.push(make(
        "tr", {},
        make("td", {}, said(roi.name, `ROI ${roi.number}`)),
        make("td", { class: "number" }, String(drawn.elsewhere.length)),
        make("td", {}, numbersOf(drawn.elsewhere)),
        make("td", {}, this.whyElsewhere(roi)),
      ));
    }
    for (const [roi, count] of aboutNames) {
      notes.push(make("li", {}, said(roi.name, `ROI ${roi.number}`), `: ${plural(count, "contour")} ${count === 1 ? "names" : "name"} an image of this series that ${count === 1 ? "it does" : "they do"} not lie on; the coordinates decide.`));
    }
    for (const [label, rois] of this.drawnOnOthers()) {
      notes.push(make("li", {}, ...saidInTurn(rois.slice(0, 8).map((roi) => roi.name ?? `ROI ${roi.number}`)), `${rois.length > 8 ? ` and ${rois.length - 8} more` : ""}: drawn on another series, ${label}.`));
    }
    byId("notes").replaceChildren(...notes);
    show(byId("elsewhere"), total > 0);
    byId("elsewhere").querySelector("summary").textContent = `${plural(total, "contour")} on no slice of this series`;
    byId("elsewhere").querySelector("tbody").replaceChildren(...rows);
  }

  // Returns the ROIs that are drawn here, but were drawn on another series: by its label.
  drawnOnOthers() {
    const others = new Map();
    if (!this.hasImages) return others;
    const opened = this.arrangement.series.series;
    for (const [roi, drawn] of this.chosen) {
      if (roi.isOther || !drawn?.bySlice.size || !roi.series.length || roi.series.includes(opened)) continue;
      const { label } = this.series.get(roi.series[0]);
      others.set(label, [...(others.get(label) ?? []), roi]);
    }
    return others;
  }

  whyElsewhere(roi) {
    if (!roi.frameOfReferenceUid) return "The ROI names no frame of reference.";
    if (!this.stacksOf(roi).length) return "The ROI is in another frame of reference than these images.";
    return "On the plane of none of its slices.";
  }

  explain(text) {
    byId("why").textContent = text;
    show(byId("why"), Boolean(text));
  }

  say(text) {
    byId("told").textContent = text;
  }
}

// Never draws on images of another frame of reference, or of an unknown one.
function isOfFrame(stack, roi) {
  return Boolean(roi.frameOfReferenceUid) && stack.frame === roi.frameOfReferenceUid;
}

// Fetches the positions of the slices of a series, page by page.
async function slicesOf(instance, series) {
  const slices = [];
  for (let from = 0; from !== null;) {
    const page = await ask(address(`imaging-selection/structure-sets/${instance}/series/${series}/slices?from=${from}`));
    slices.push(...page.slices);
    from = page.next;
  }
  return slices;
}

function placeOf(slice, stack) {
  const axis = stack.normal.findIndex((value) => Math.abs(value) > 0.9999);
  const at = (axis < 0 ? slice.at : slice.plane.origin[axis]).toFixed(2);
  return axis < 0 ? `${at} mm along its direction` : `${"xyz"[axis]} = ${at} mm`;
}

function numbersOf(contours) {
  if (contours.some((contour) => contour.number === null)) return "not known: some were left out";
  const shown = contours.slice(0, LISTED).map((contour) => contour.number).join(", ");
  return contours.length > LISTED ? `${shown} and ${contours.length - LISTED} more` : shown;
}
