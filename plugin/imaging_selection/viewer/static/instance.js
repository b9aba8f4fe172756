// The page of a report or of a segmentation: what it became in FHIR, as a table.

import { address, ask, askText, byId, make, plural, said, saidInTurn, show } from "./common.js";

const MAXIMUM_ROWS = 2000; // FHIR has all of them
const IDS_AT_ONCE = 50; // in a search for the ROIs and segments that a report refers to
const MAXIMUM_TARGETS = 1000; // that are looked for
const ID_LENGTH = 44; // of Orthanc's ids, which the ids of resources begin with
const REPORT_COLUMNS = ["What", "Value", "Normal range", "Site", "Method", "Made on", "FHIR"];
const SEGMENT_COLUMNS = ["No.", "Label", "Category and type", "Structure", "Tracking", "Findings", "FHIR"];
const OF_SEGMENTATIONS = new Set(["segmentation", "segment"]);

const instance = decodeURIComponent(location.pathname.split("/").filter(Boolean).at(-1));
let site = null;
let resources = [];
let byName = new Map(); // type/id -> resource of this instance
let targets = new Map(); // id -> the selection of a ROI or segment elsewhere

async function start() {
  byId("explorer").href = address(`app/explorer.html#instance?uuid=${encodeURIComponent(instance)}`);
  const bundle = `instances/${encodeURIComponent(instance)}/fhir`;
  byId("json").href = address(`${bundle}?_format=json&_pretty=true`);
  try {
    let text = "";
    [site, text] = await Promise.all([
      ask(address("imaging-selection/site")),
      askText(address(bundle), { headers: { Accept: "application/fhir+json" } }),
    ]);
    resources = (exactly(text).entry ?? []).map((each) => each.resource);
    byName = new Map(resources.map((each) => [`${each.resourceType}/${each.id}`, each]));
    const levels = new Set(resources.map(levelOf));
    if (levels.has("structure-set") || levels.has("roi")) {
      location.replace(address(`imaging-selection/structure-sets/${encodeURIComponent(instance)}${location.hash}`));
      return;
    }
    showFacts();
    if ([...levels].some((level) => OF_SEGMENTATIONS.has(level))) showSegments();
    else await showReport();
  } catch (error) {
    byId("trouble").textContent = error.message;
    show(byId("trouble"));
  }
  byId("main").removeAttribute("aria-busy");
  showTarget();
  window.addEventListener("hashchange", showTarget);
}

// Reads JSON with the values of quantities as text: numbers would lose digits.
function exactly(text) {
  return JSON.parse(text.replace(/"value":(-?[0-9][0-9.eE+-]*)/g, '"value":"$1"'));
}

function levelOf(resource) {
  return resource.meta?.tag?.find((tag) => tag.system === site.levelSystem)?.code;
}

// The attributes of the whole.

function showFacts() {
  const whole = byName.get(`ImagingSelection/${instance}`) ?? resources[0] ?? {};
  const isReport = levelOf(whole) === "report";
  const kind = isReport ? "Report" : "Segmentation";
  const label = whole.extension?.find((each) => each.url.endsWith("/artifact-title"))?.valueString;
  const title = isReport ? titleOf(whole) : label;
  byId("title").replaceChildren(said(title, `${kind} without a title`));
  document.title = `${title ? `${String(title).slice(0, 60)} – ` : ""}${kind.toLowerCase()}`;
  const study = whole.derivedFrom?.[0]?.reference?.split("/").at(-1);
  const observation = resources.find((each) => each.resourceType === "Observation");
  const facts = [
    ["Kind", [kind]],
    ["Patient ID", [said(whole.subject?.identifier?.value, "none")]],
    ["Study", [
      study ? make("a", { href: address(`app/explorer.html#study?uuid=${study}`) }, "Study") : null,
      make("small", {}, said(whole.studyUid))]],
    ["Accession Number", whole.basedOn && [said(whole.basedOn[0].identifier?.value)]],
    ["Made", [said(whole.issued?.replace("T", " "), "unknown, or without a time zone")]],
    ["Status", observation && [said(observation.status)]],
    ["By", saidInTurn((whole.contained ?? []).map(nameOf), "unknown")],
    ["SOP Instance UID", [said(whole.instance?.[0]?.uid)]],
  ];
  byId("facts").replaceChildren(...facts.filter(([, value]) => value).map(([name, value]) => (
    make("div", {}, make("dt", {}, name), make("dd", {}, ...value.filter(Boolean)))
  )));
  const findings = findingsOf(whole);
  show(byId("findings"), findings.length > 0);
  byId("findings").querySelector("summary").textContent = plural(findings.length, "finding");
  byId("findings").querySelector("ul").replaceChildren(...findings.map((each) => (
    make("li", {}, make("span", { class: `severity ${each.severity}` }, each.severity), " ", said(each.text))
  )));
}

function nameOf(contained) {
  const name = contained.name?.[0];
  return name?.text ?? contained.displayName ?? name?.value
    ?? [contained.manufacturer, contained.modelNumber].filter(Boolean).join(" ");
}

function findingsOf(resource) {
  return (resource.extension ?? []).filter((each) => each.url.endsWith("/finding")).map((each) => (
    Object.fromEntries(each.extension.map((part) => [part.url, part.valueCode ?? part.valueString]))
  ));
}

// The narrative is XHTML of the server's own; only its text is taken.
function narrativeOf(resource) {
  return new DOMParser().parseFromString(resource.text?.div ?? "<div/>", "application/xhtml+xml");
}

function titleOf(report) {
  return narrativeOf(report).querySelector("p")?.textContent;
}

// A report: its measurement groups, each with its measurements and evaluations.

async function showReport() {
  const observations = resources.filter((each) => each.resourceType === "Observation");
  await findTargets(observations);
  const members = new Set(observations.flatMap((each) => (each.hasMember ?? []).map((one) => one.reference)));
  const ordered = [];
  const add = (observation, depth) => {
    ordered.push([observation, depth]);
    for (const each of observation.hasMember ?? []) {
      const member = byName.get(each.reference);
      if (member) add(member, depth + 1);
    }
  };
  for (const each of observations) if (!members.has(`Observation/${each.id}`)) add(each, 0);
  showTable(
    `Measurements and evaluations (${observations.length.toLocaleString("en")})`,
    REPORT_COLUMNS,
    ordered,
    ([observation, depth]) => observationRow(observation, depth),
  );
  const whole = byName.get(`ImagingSelection/${instance}`);
  const lines = whole ? [...narrativeOf(whole).querySelectorAll("li")] : [];
  show(byId("narrative"), lines.length > 0);
  byId("narrative").querySelector("ul").replaceChildren(...lines.map((each) => make("li", {}, said(each.textContent))));
}

function observationRow(observation, depth) {
  const isGroup = levelOf(observation) === "measurement-group";
  const [tracking] = depth ? [] : trackingOf(observation); // members have that of their group
  return make(
    "tr", { id: observation.id, tabindex: "-1", class: isGroup && "heading" },
    make("th", { scope: "row", class: `name depth-${Math.min(depth, 4)}` }, said(textOf(observation.code), "without a name"),
      tracking ? make("small", {}, said(tracking)) : null),
    make("td", {}, ...valueOf(observation)),
    make("td", {}, ...saidInTurn((observation.referenceRange ?? []).map(rangeOf), "")),
    make("td", {}, ...saidInTurn(sitesOf(observation), "")),
    make("td", {}, said(textOf(observation.method), "")),
    make("td", {}, ...linksOf(observation)),
    make("td", {}, make("a", { href: jsonOf(observation) }, "JSON")),
  );
}

function valueOf(observation) {
  const quantity = observation.valueQuantity;
  if (quantity) return [said(quantityOf(quantity))];
  if (observation.dataAbsentReason) return [said(`no value: ${textOf(observation.dataAbsentReason)}`)];
  return [said(textOf(observation.valueCodeableConcept), "")];
}

function quantityOf(quantity) {
  return `${quantity.value} ${quantity.unit ?? quantity.code ?? ""}`.trim();
}

function rangeOf(range) {
  const limits = range.low || range.high
    ? `${range.low ? quantityOf(range.low) : "…"} to ${range.high ? quantityOf(range.high) : "…"}` : null;
  return [limits, range.text].filter(Boolean).join("; ");
}

function textOf(concept) {
  const coding = concept?.coding?.[0];
  return concept?.text ?? coding?.display ?? coding?.code;
}

function structuresOf(resource) {
  return (resource.contained ?? []).filter((each) => each.resourceType === "BodyStructure");
}

function sitesOf(resource) {
  const structures = structuresOf(resource).flatMap((each) => each.includedStructure ?? []);
  const named = structures.map((each) => [textOf(each.structure), textOf(each.laterality)].filter(Boolean).join(", "));
  return named.length ? named : [textOf(resource.bodySite?.concept ?? resource.bodySite)];
}

function trackingOf(resource) {
  return [...(resource.identifier ?? []), ...structuresOf(resource).flatMap((each) => each.identifier ?? [])]
    .filter((each) => each.type?.coding?.some((coding) => coding.code === "112039"))
    .map((each) => each.value);
}

function jsonOf(resource) {
  return address(`${site.fhirRoot}/${resource.resourceType}/${resource.id}?_format=json&_pretty=true`);
}

// Links to what an observation was made on: not to the report itself.
function linksOf(observation) {
  const links = (observation.derivedFrom ?? [])
    .filter((each) => each.reference && each.reference !== `ImagingSelection/${instance}`)
    .map(linkOf).filter(Boolean);
  return links.flatMap((link, index) => (index ? [" · ", link] : [link]));
}

function linkOf(reference) {
  const [type, id] = reference.reference.split("/");
  if (type === "Observation") return make("a", { href: `#${id}` }, "another measurement");
  const own = byName.get(reference.reference);
  if (own) {
    const isItem = levelOf(own) === "content-item";
    return isItem ? null : make("a", { href: jsonOf(own) }, said(regionOf(own)));
  }
  const found = targets.get(id);
  if (!found) return make("span", { class: "absent" }, said(reference.display, "selection"), " (not in Orthanc)");
  const isRoi = levelOf(found) === "roi";
  const page = isRoi ? "structure-sets" : "instances";
  const name = found.bodySite?.concept?.text;
  return make(
    "a", { href: address(`imaging-selection/${page}/${id.slice(0, ID_LENGTH)}#${id}`) },
    ...saidInTurn([reference.display, name], isRoi ? "ROI" : "segment"),
  );
}

// Names a selection of the report by its concept, and its first region or subset.
function regionOf(selection) {
  const first = selection.instance?.[0];
  const region = first?.imageRegion2D?.[0] ?? first?.imageRegion3D?.[0];
  return [textOf(selection.code), region?.regionType ?? first?.subset?.join(", ")].filter(Boolean).join(": ");
}

// Asks for the ROIs and segments elsewhere: they may not be stored, or not any more.
async function findTargets(observations) {
  const wanted = [...new Set(observations.flatMap((each) => each.derivedFrom ?? [])
    .map((each) => each.reference?.split("/") ?? [])
    .filter(([type, id]) => type === "ImagingSelection" && !id.startsWith(instance))
    .map(([, id]) => id))].slice(0, MAXIMUM_TARGETS);
  for (let from = 0; from < wanted.length; from += IDS_AT_ONCE) {
    const ids = wanted.slice(from, from + IDS_AT_ONCE);
    const bundle = await ask(address(`${site.fhirRoot}/ImagingSelection/_search`), {
      method: "POST",
      headers: { "Content-Type": "application/x-www-form-urlencoded", Prefer: "handling=strict" },
      body: new URLSearchParams([["_id", ids.join(",")], ["_elements", "bodySite,instance"], ["_count", String(IDS_AT_ONCE)]]),
    });
    for (const each of bundle.entry ?? []) targets.set(each.resource.id, each.resource);
  }
}

// A segmentation: its segments.

function showSegments() {
  const segments = resources.filter((each) => levelOf(each) === "segment");
  showTable(`Segments (${segments.length.toLocaleString("en")})`, SEGMENT_COLUMNS, segments, segmentRow);
}

function segmentRow(segment) {
  const findings = findingsOf(segment);
  return make(
    "tr", { id: segment.id, tabindex: "-1" },
    make("td", { class: "number" }, said(segment.instance?.[0]?.subset?.[0], "none")),
    make("th", { scope: "row", class: "name" }, said(segment.bodySite?.concept?.text, "no label")),
    make("td", {}, ...saidInTurn((segment.category ?? []).map(textOf), "")),
    make("td", {}, ...saidInTurn(sitesOf(segment), "")),
    make("td", {}, ...saidInTurn(trackingOf(segment), "")),
    make("td", {}, findings.length ? make("span", { class: "count", title: findings.map((each) => each.text).join("\n") }, String(findings.length)) : ""),
    make("td", {}, make("a", { href: jsonOf(segment) }, "JSON")),
  );
}

function showTable(title, columns, items, build) {
  byId("content-title").textContent = title;
  byId("rows").querySelector("thead tr").replaceChildren(...columns.map((each) => make("th", { scope: "col" }, each)));
  byId("rows").tBodies[0].replaceChildren(...items.slice(0, MAXIMUM_ROWS).map(build));
  const more = items.length - MAXIMUM_ROWS;
  show(byId("more"), more > 0);
  byId("more").textContent = `${more.toLocaleString("en")} more are not shown; FHIR has them all.`;
  show(byId("content"));
}

function showTarget() {
  const wanted = decodeURIComponent(location.hash.slice(1));
  for (const each of byId("rows").tBodies[0].rows) each.classList.toggle("target", each.id === wanted);
  const row = wanted && byId(wanted);
  if (!row) return;
  row.scrollIntoView({ block: "nearest" });
  row.focus({ preventScroll: true });
}

start();
