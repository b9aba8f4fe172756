// The page of one structure set: its attributes, its ROIs, and the viewer.

import { Comparison } from "./comparison.js";
import { address, ask, askText, byId, copy, make, plural, said, saidInTurn, show } from "./common.js";
import { Contours } from "./contours.js";
import { colorOf } from "./drawing.js";
import { Viewer } from "./viewer.js";

// The page draws all ROIs at first if they have at most so many points.
const POINTS_AT_ONCE = 400_000;

const STATES = { APPROVED: "good", REJECTED: "bad" };
const SEVERITIES = ["error", "warning", "information"];

let site = null;
let data = null;
let viewer = null;
let comparison = null;
let rows = []; // of the table: each has its ROI, and the texts for sorting and filtering

async function start() {
  const instance = decodeURIComponent(location.pathname.split("/").filter(Boolean).at(-1));
  byId("explorer").href = address(`app/explorer.html#instance?uuid=${encodeURIComponent(instance)}`);
  try {
    [site, data] = await Promise.all([
      ask(address("imaging-selection/site")),
      ask(address(`imaging-selection/structure-sets/${encodeURIComponent(instance)}/data`)),
    ]);
  } catch (error) {
    byId("trouble").textContent = error.message;
    show(byId("trouble"));
    document.querySelector(".columns").remove();
    byId("main").removeAttribute("aria-busy");
    return;
  }
  if (data.page) { // a report or a segmentation
    location.replace(address(`imaging-selection/${data.page}`));
    return;
  }
  showFacts();
  viewer = new Viewer(data, new Contours(site.fhirRoot, data));
  comparison = new Comparison(site, data, viewer);
  buildTable();
  bindTable();
  bindDialog();
  await viewer.start();
  await drawAtFirst();
  byId("main").removeAttribute("aria-busy");
  showTarget();
  comparison.offer();
  window.addEventListener("hashchange", showTarget);
}

// The attributes of the structure set.

function showFacts() {
  const title = data.label ?? data.name;
  byId("title").replaceChildren(said(title, "Structure set without label"));
  document.title = `${title ? `${String(title).slice(0, 60)} – ` : ""}structure set`;
  const { approval, equipment } = data;
  const facts = [
    ["Patient ID", [said(data.patientId, "none")]],
    ["Study", [
      ...(data.study ? [make("a", { href: address(`app/explorer.html#study?uuid=${data.study.id}`) }, ...saidInTurn([data.study.description, data.study.date], "Study"))] : []),
      make("small", {}, said(data.studyInstanceUid))]],
    ["Accession Number", data.accessionNumber && [said(data.accessionNumber)]],
    ["Name", data.name && data.name !== title && [said(data.name)]],
    ["Description", data.description && [said(data.description)]],
    ["Made", [said(data.moment, "unknown")]],
    ["Approval", approval
      ? [make("span", { class: `state ${STATES[approval.status] ?? "busy"}` }, said(approval.status)),
        approval.reviewer ? " by " : null, approval.reviewer ? said(approval.reviewer) : null,
        approval.moment ? `, ${approval.moment}` : null]
      : [said(null, "not stated, or not a term of the standard")]],
    ["Equipment", saidInTurn([equipment.manufacturer, equipment.modelName, equipment.softwareVersions.join(", ")], "unknown")],
    ["Station", (equipment.stationName || equipment.institutionName) && saidInTurn([equipment.stationName, equipment.institutionName])],
    ["SOP Instance UID", [said(data.sopInstanceUid)]],
  ];
  byId("facts").replaceChildren(...facts.filter(([, value]) => value).map(([name, value]) => (
    make("div", {}, make("dt", {}, name), make("dd", {}, ...value))
  )));
  byId("json").href = resourceUrl(data.instance, "?_format=json&_pretty=true");
  show(byId("json"), data.selections.includes(data.instance));
  showSetFindings();
}

function showSetFindings() {
  const findings = data.findings.filter((finding) => finding.roiNumber === null);
  const details = byId("set-findings");
  show(details, findings.length > 0);
  details.querySelector("summary").textContent = `${plural(findings.length, "finding")} about the structure set as a whole`;
  details.querySelector("ul").replaceChildren(...findings.map((finding) => findingItem(finding)));
}

function findingItem(finding, row = null) {
  const places = row ? finding.contours.map((number) => make(
    "button", { type: "button", class: "plain small", "data-contour": String(number), title: "Go to this contour", onclick: () => showContour(row, number) }, `contour ${number}`,
  )) : [];
  return make("li", {}, make("span", { class: `severity ${finding.severity}` }, finding.severity), " ", said(finding.text), ...places.flatMap((each) => [" ", each]));
}

// The ROIs.

const COLUMNS = [
  { title: "Draw" },
  { title: "No.", key: "number", isNumber: true },
  { title: "Name", key: "name" },
  { title: "Findings", key: "findings", isNumber: true },
  { title: "Type", key: "type" },
  { title: "Code", key: "code" },
  { title: "Volume", key: "volume", isNumber: true, hint: "ROI Volume as the file states it, in cm³" },
  { title: "Contours", key: "contours", isNumber: true },
  { title: "Measured", key: "measured", isNumber: true, hint: "Volume measured from the contours, in cm³, if the setting Measurements asks for it" },
  { title: "More" },
];

function buildTable() {
  byId("rois").querySelector("thead tr").replaceChildren(...COLUMNS.map(headCell));
  rows = data.rois.map(buildRow);
  byId("rois").tBodies[0].replaceChildren(...rows.map((each) => each.element));
  byId("roi-count").textContent = String(rows.length);
}

function headCell({ title, key, isNumber, hint }) {
  const cell = make("th", { scope: "col", class: isNumber && "number", title: hint });
  if (!key) {
    cell.append(title);
    return cell;
  }
  cell.setAttribute("aria-sort", "none");
  cell.append(make("button", { type: "button", class: "sort", onclick: () => sortBy(key, cell) }, title));
  return cell;
}

function buildRow(roi, order) {
  const codes = roi.codes.map((code) => code.meaning ?? code.value);
  const findings = roi.findings;
  const worst = SEVERITIES.find((severity) => findings.some((finding) => finding.severity === severity));
  const types = roi.types.join(", ");
  const named = roi.name ?? `ROI ${roi.number ?? "without number"}`;
  const box = make("input", { type: "checkbox", disabled: !roi.contours.length });
  const row = { roi, order, box };
  box.addEventListener("change", () => draw(row, box.checked));
  // The label of the box is an element: an ROI name may have any characters.
  const label = make("label", { class: "swatch-label" }, box, swatch(roi), make("span", { class: "offscreen" }, "Draw ", said(named)));
  const details = codes.length ? roi.codes.map((code) => `${code.meaning ?? ""} (${code.value}, ${code.scheme ?? "no scheme"})`).join("\n") : null;
  row.element = make(
    "tr", { id: roi.selection, tabindex: "-1" },
    make("td", {}, label),
    make("td", { class: "number" }, roi.number === null ? said(null, "none") : String(roi.number)),
    make("th", { scope: "row", class: "name" }, said(roi.name, "no name"), roi.description ? make("small", {}, said(roi.description)) : null),
    make("td", { class: "number" }, findings.length ? findingButton(row, worst) : ""),
    make("td", {}, ...saidInTurn(roi.types)),
    make("td", { title: details }, ...saidInTurn(codes)),
    make("td", { class: "number" }, said(roi.volume)),
    make("td", { class: "number", title: Object.entries(roi.geometricTypes).map(([type, count]) => `${count} ${type}`).join("\n") || null }, String(roi.contours.length)),
    make("td", { class: "number" }, roi.measured === null ? "" : String(roi.measured)),
    make("td", { class: "buttons" },
      make("button", { type: "button", class: "plain small", disabled: !roi.contours.length, "data-action": "first", title: "Go to the first slice of this ROI", onclick: () => showFirst(row) }, "Go to"),
      make("button", { type: "button", class: "plain small", disabled: !data.selections.includes(roi.selection), "data-action": "fhir", title: "The FHIR resource of this ROI", onclick: () => showResource(roi) }, "FHIR")),
  );
  row.element.addEventListener("pointerenter", () => viewer.emphasize(roi));
  row.element.addEventListener("pointerleave", () => viewer.emphasize(null));
  row.sort = {
    number: roi.number, name: roi.name, type: types || null, code: codes.join(", ") || null,
    volume: roi.volume === null ? null : Number(roi.volume), measured: roi.measured, contours: roi.contours.length, findings: findings.length,
  };
  row.text = [roi.number, roi.name, roi.description, types, ...roi.codes.flatMap(Object.values),
    ...findings.flatMap((finding) => [finding.code, finding.display])].join("\n").toLowerCase();
  return row;
}

function swatch(roi) {
  const element = make("span", { class: roi.color ? "swatch" : "swatch uncolored", title: roi.color ? `ROI Display Color ${roi.color.join(", ")}` : "The file gives no colour" });
  if (roi.color) element.style.backgroundColor = colorOf(roi);
  return element;
}

function findingButton(row, worst) {
  const { findings } = row.roi;
  const button = make("button", {
    type: "button", class: `count ${worst}`, "aria-expanded": "false",
    title: findings.map((finding) => finding.display).join("\n"),
    "aria-label": plural(findings.length, "finding"),
  }, String(findings.length));
  button.addEventListener("click", () => {
    const isOpen = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!isOpen));
    if (isOpen) {
      row.detail.remove();
      row.detail = null;
      return;
    }
    row.detail = make("tr", { class: "detail" }, make("td", { colspan: String(COLUMNS.length) }, make("ul", {}, ...findings.map((finding) => findingItem(finding, row)))));
    row.element.after(row.detail);
  });
  return button;
}

function sortBy(key, cell) {
  const isUp = cell.getAttribute("aria-sort") !== "ascending";
  for (const each of cell.parentElement.cells) {
    if (each.hasAttribute("aria-sort")) each.setAttribute("aria-sort", "none");
  }
  cell.setAttribute("aria-sort", isUp ? "ascending" : "descending");
  const sign = isUp ? 1 : -1;
  rows.sort((one, other) => compare(one.sort[key], other.sort[key], sign) || one.order - other.order);
  byId("rois").tBodies[0].append(...rows.flatMap((row) => (row.detail ? [row.element, row.detail] : [row.element])));
}

// Absent values come last in both directions.
function compare(one, other, sign) {
  const isAbsent = (value) => value === null || Number.isNaN(value);
  if (isAbsent(one) || isAbsent(other)) return isAbsent(one) - isAbsent(other);
  if (typeof one === "number") return sign * (one - other);
  return sign * one.localeCompare(other, "en", { numeric: true });
}

function bindTable() {
  byId("filter").addEventListener("input", filter);
  byId("all").addEventListener("click", () => drawShown(true));
  byId("none").addEventListener("click", () => drawShown(false));
}

function filter() {
  const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const row of rows) {
    const isShown = words.every((word) => row.text.includes(word));
    show(row.element, isShown);
    if (row.detail) show(row.detail, isShown);
    count += isShown;
  }
  byId("roi-count").textContent = words.length ? `${count} of ${rows.length}` : String(rows.length);
  byId("filtered").textContent = words.length ? `${plural(count, "ROI")} found` : "";
}

async function drawShown(isOn) {
  const wanted = rows.filter((row) => !row.element.hidden && row.roi.contours.length);
  await Promise.all(wanted.map((row) => {
    row.box.checked = isOn;
    comparison.follow(row.roi, isOn);
    return viewer.draw(row.roi, isOn);
  }));
}

async function draw(row, isOn) {
  await viewer.choose(row.roi, isOn);
  await comparison.follow(row.roi, isOn);
}

// Draws all ROIs, unless that takes long.
async function drawAtFirst() {
  const points = data.rois.reduce((sum, roi) => sum + roi.declaredPoints, 0);
  if (points > POINTS_AT_ONCE) {
    viewer.notes.push(`The structure set has ${points.toLocaleString("en")} points: choose the ROIs to draw.`);
    viewer.refresh();
    return;
  }
  await drawShown(true);
  if (viewer.isMoved || !viewer.hasImages) return;
  if (!viewer.slicesInUse().length) await viewer.openWhereDrawn(rows.map((row) => row.roi));
  const inUse = viewer.slicesInUse();
  if (inUse.length) await viewer.go(inUse[Math.floor(inUse.length / 2)]);
}

async function showFirst(row) {
  row.box.checked = true;
  await viewer.goToFirst(row.roi);
  await comparison.follow(row.roi, true);
  byId("frame").scrollIntoView({ block: "nearest" });
}

async function showContour(row, number) {
  row.box.checked = true;
  const isFound = await viewer.goToContour(row.roi, number);
  if (!isFound) await viewer.goToFirst(row.roi);
  await comparison.follow(row.roi, true);
  byId("frame").scrollIntoView({ block: "nearest" });
}

function showTarget() {
  const row = rows.find((each) => each.roi.selection === decodeURIComponent(location.hash.slice(1)));
  if (!row) return;
  for (const each of rows) each.element.classList.toggle("target", each === row);
  row.element.scrollIntoView({ block: "nearest" });
  row.element.focus({ preventScroll: true });
  if (row.roi.contours.length) showFirst(row);
}

// The FHIR resource of a ROI.

function resourceUrl(selection, query = "") {
  return address(`${site.fhirRoot}/ImagingSelection/${selection}${query}`);
}

function bindDialog() {
  byId("copy-url").addEventListener("click", () => tellCopied(byId("resource-url").value));
  byId("copy-json").addEventListener("click", () => tellCopied(byId("resource-json").textContent));
}

async function tellCopied(text) {
  byId("copied").textContent = (await copy(text)) ? "Copied." : "The browser did not copy it.";
}

async function showResource(roi) {
  byId("resource-title").replaceChildren("ImagingSelection: ", said(roi.name, `ROI ${roi.number}`));
  byId("resource-url").value = resourceUrl(roi.selection);
  byId("resource-json").textContent = "…";
  byId("copied").textContent = "";
  byId("resource").showModal();
  try {
    const url = resourceUrl(roi.selection, "?_pretty=true");
    byId("resource-json").textContent = await askText(url, { headers: { Accept: "application/fhir+json" } });
  } catch (error) {
    byId("resource-json").textContent = error.message;
  }
}

start();
