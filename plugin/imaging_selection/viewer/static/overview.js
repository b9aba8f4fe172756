// The page of completeness, failures and search.

import { address, ask, byId, make, plain, plural, said, show } from "./common.js";

const RUNNING_MS = 700; // between two requests for the status during a sweep
const RESTING_MS = 5000;
const PAGE_SIZE = 25;
const EVERY_KIND = "structure-set,segmentation,report"; // the option of the search
const MAXIMUM_FAILURES = 200; // that are shown; the status route lists them all
// RT ROI Interpreted Type (3006,00A4), PS3.3 C.8.8.8; files also have other terms.
const TYPES = [
  "AVOIDANCE", "BOLUS", "BRACHY_ACCESSORY", "BRACHY_CHANNEL", "BRACHY_CHNL_SHLD",
  "BRACHY_SRC_APP", "CAVITY", "CONTRAST_AGENT", "CONTROL", "CTV", "DOSE_REGION", "DOSE_MEASUREMENT",
  "EXTERNAL", "FIXATION", "GTV", "IRRAD_VOLUME", "ISOCENTER", "ITV", "MARKER", "ORGAN", "PTV",
  "REGISTRATION", "SUPPORT", "TREATED_VOLUME",
];

let site = null;
let within = {}; // what the search is limited to

// Completeness.

let timer = 0;

async function look() {
  clearTimeout(timer);
  let pause = RESTING_MS;
  try {
    const status = await ask(address("imaging-selection/status"));
    showStatus(status);
    if (status.sweep?.running || status.waiting) pause = RUNNING_MS;
    show(byId("trouble"), status.problems?.length > 0);
    byId("trouble").textContent = (status.problems ?? []).join("; ");
  } catch (error) {
    byId("trouble").textContent = error.message;
    show(byId("trouble"));
    byId("verdict").textContent = "Unknown: there is no status.";
    byId("verdict").className = "verdict";
  }
  clearTimeout(timer); // another request may have started meanwhile
  if (!document.hidden) timer = setTimeout(look, pause);
}

function showStatus(status) {
  const failed = status.failed.length;
  const figures = { total: status.structureSets, converted: status.converted, waiting: status.waiting, failed };
  for (const [id, value] of Object.entries(figures)) byId(id).textContent = value.toLocaleString("en");
  showVerdict(status, failed);
  showKinds(status.kinds);
  const { running, done, total } = status.sweep;
  show(byId("sweep"), running);
  const progress = byId("progress");
  if (total) {
    progress.max = total;
    progress.value = done;
  } else {
    progress.removeAttribute("value"); // the total is not known yet
  }
  byId("progress-text").textContent = total ? `${done.toLocaleString("en")} of ${total.toLocaleString("en")}` : "";
  byId("facts").textContent = [
    `Plugin ${status.version}`,
    `mapping ${status.mappingVersion}`,
    `store ${status.store}`,
    status.lagSeconds ? `oldest has waited ${status.lagSeconds} s` : null,
    status.sweep.started ? `last sweep began ${momentOf(status.sweep.started)}` : null,
  ].filter(Boolean).join(" · ");
  showFailures(status.failed);
  showMeasurements(status.measurements);
  showNames(status.names);
  showDeliveries(status.deliveries);
  showFindings(status.findings);
  show(byId("more-findings"), status.moreFindings);
  byId("more-findings").textContent = `Counted in ${status.findings.length} structure sets; more have findings, and the search finds them all.`;
}

const KINDS = { structureSets: "structure set", segmentations: "segmentation", reports: "report" };

// Says how complete each kind of object is, if there are other kinds than structure sets.
function showKinds(kinds) {
  const lines = Object.entries(KINDS).map(([kind, name]) => {
    const { total, converted, waiting, failed } = kinds[kind];
    const rest = [waiting ? `${waiting.toLocaleString("en")} waiting` : "", failed ? `${failed.toLocaleString("en")} failed` : ""].filter(Boolean);
    return `${plural(total, name)}, ${converted.toLocaleString("en")} converted${rest.map((each) => `, ${each}`).join("")}`;
  });
  byId("kinds").textContent = lines.join(" · ");
  show(byId("kinds"), hasOthers(kinds));
}

function hasOthers(kinds) {
  return kinds.segmentations.total + kinds.reports.total > 0;
}

function showVerdict(status, failed) {
  const one = hasOthers(status.kinds) ? "object" : "structure set";
  let text = `Complete: every ${one} in Orthanc is converted.`;
  let kind = "good";
  if (status.waiting) {
    text = `${plural(status.waiting, one)} still to be compared or converted.`;
    kind = "busy";
  } else if (failed) {
    text = `${plural(failed, one)} could not be converted; all others are.`;
    kind = "bad";
  } else if (!status.structureSets) {
    text = "Orthanc holds no structure set.";
  }
  const verdict = byId("verdict");
  if (verdict.textContent !== text) verdict.textContent = text; // so that screen readers read it once
  verdict.className = `verdict ${kind}`;
}

function momentOf(instant) {
  const moment = new Date(instant);
  return Number.isNaN(moment.valueOf()) ? instant : moment.toLocaleString("sv");
}

const shown = {}; // what each table has, so that none moves while it is read

function isNew(table, content) {
  const state = JSON.stringify(content);
  const isChanged = shown[table] !== state;
  shown[table] = state;
  return isChanged;
}

function failureRow(each) {
  return make(
    "tr", {},
    make("td", {}, make("a", { href: address(`app/explorer.html#instance?uuid=${each.instance}`), class: "identity" }, each.instance)),
    make("td", {}, said(each.reason)),
    make("td", {}, momentOf(each.since)),
    make("td", { class: "number" }, String(each.attempts)),
  );
}

function showMeasurements(measurements) {
  show(byId("measurements"), Boolean(measurements));
  if (!measurements || !isNew("measurements", measurements)) return;
  const { measured, waiting, failed, moreFailed } = measurements;
  const parts = [`${plural(measured, "structure set")} measured`];
  if (waiting) parts.push(`${waiting.toLocaleString("en")} waiting`);
  if (failed.length) parts.push(`${failed.length}${moreFailed ? " or more" : ""} not possible`);
  byId("measured").textContent = `${parts.join(", ")}.`;
  show(byId("unmeasured"), failed.length > 0);
  byId("unmeasured-rows").replaceChildren(...failed.map(failureRow));
  show(byId("more-unmeasured"), moreFailed);
}

function showNames(names) {
  show(byId("names"), Boolean(names));
  if (!names || !isNew("names", names)) return;
  const { rois, complying, others, moreOthers } = names;
  const share = rois ? Math.floor((100 * complying) / rois) : 0; // 100 % is all of them
  byId("compliance").textContent = rois
    ? `${complying.toLocaleString("en")} of ${plural(rois, "ROI name")} (${share} %) follow TG-263.`
    : "There is no ROI with a name.";
  show(byId("other-names"), others.length > 0);
  byId("name-rows").replaceChildren(...others.map(({ name, count, like }) => make(
    "tr", {},
    make("td", {}, said(name)),
    make("td", { class: "number" }, count.toLocaleString("en")),
    make("td", {}, like ?? ""),
  )));
  show(byId("more-names"), moreOthers);
}

function showFailures(failures) {
  if (!isNew("failures", failures)) return;
  show(byId("failures"), failures.length > 0);
  byId("failure-rows").replaceChildren(...failures.slice(0, MAXIMUM_FAILURES).map(failureRow));
  const more = failures.length - MAXIMUM_FAILURES;
  show(byId("more-failures"), more > 0);
  byId("more-failures").textContent = `${more} more are in the status route.`;
}

let shownDeliveries = "";

function showDeliveries(deliveries) {
  const state = JSON.stringify(deliveries);
  if (state === shownDeliveries) return;
  shownDeliveries = state;
  show(byId("deliveries"), deliveries.length > 0);
  byId("delivery-rows").replaceChildren(...deliveries.map(deliveryRow));
  const troubled = deliveries.flatMap((each) => [
    ...each.refused.map((one) => [each.name, "refused", one]),
    ...each.held.map((one) => [each.name, "waiting", one]),
  ]);
  show(byId("undelivered"), troubled.length > 0);
  byId("undelivered-rows").replaceChildren(...troubled.map(([name, kind, one]) => make(
    "tr", {},
    make("td", {}, name),
    make("td", {}, make("span", { class: "identity" }, one.instance)),
    make("td", {}, kind),
    make("td", {}, said(one.reason)),
    make("td", {}, momentOf(one.since)),
    make("td", { class: "number" }, String(one.attempts)),
  )));
  const more = deliveries.reduce((sum, each) => sum + each.refusedCount - each.refused.length, 0);
  show(byId("more-undelivered"), more > 0);
  byId("more-undelivered").textContent = `${more.toLocaleString("en")} more are refused.`;
}

function deliveryRow(delivery) {
  const count = (value) => make("td", { class: "number" }, value.toLocaleString("en"));
  const waited = delivery.waiting ? `${Math.round(delivery.lagSeconds).toLocaleString("en")} s` : "–";
  return make(
    "tr", {},
    make("td", {}, make("span", { title: delivery.url }, delivery.name), ` · FHIR ${delivery.fhirVersion}`),
    count(delivery.delivered),
    count(delivery.waiting),
    count(delivery.refusedCount),
    make("td", {}, waited),
    make("td", {}, said(delivery.problem)),
    make("td", {}, make("button", {
      type: "button",
      class: "plain",
      "aria-label": `Try again to deliver to ${delivery.name}`,
      onclick: (event) => resend(event.target, delivery.name),
    }, "Try again")),
  );
}

async function resend(button, name) {
  button.disabled = true;
  try {
    await post(`imaging-selection/deliveries/${encodeURIComponent(name)}/resend`);
    byId("resent").textContent = `What ${name} does not have is sent again.`;
  } catch (error) {
    byId("resent").textContent = error.message;
  }
  button.disabled = false;
  look();
}

let shownFindings = "";

function showFindings(structureSets) {
  const counts = new Map();
  for (const each of structureSets) {
    for (const code of new Set(each.findings.map((finding) => finding.code))) {
      counts.set(code, (counts.get(code) ?? 0) + 1);
    }
  }
  const sorted = [...counts].sort((one, other) => other[1] - one[1] || one[0].localeCompare(other[0]));
  if (!isNew("findings", sorted)) return;
  show(byId("findings"), sorted.length > 0);
  byId("finding-list").replaceChildren(...sorted.map(([code, count]) => make(
    "li", {},
    make("button", { type: "button", class: "chip", title: code, onclick: () => searchFinding(code) },
      `${site?.findings[code] ?? code} `, make("b", {}, String(count))),
  )));
}

function post(path) {
  return ask(address(path), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: "{}",
  });
}

async function reconcile(button) {
  button.disabled = true;
  byId("asked").textContent = "";
  try {
    await post("imaging-selection/reconcile");
    byId("asked").textContent = "Orthanc and the store are being compared.";
  } catch (error) {
    byId("asked").textContent = error.message;
  }
  button.disabled = false;
  look();
}

// Search, with the FHIR API.

const form = byId("search");
let pages = []; // the cursor of each page up to the one shown; the first has none
let search = null; // its parameters
let following = null; // the cursor of the next page
let searching = new AbortController();

function criteria() {
  const wanted = new FormData(form);
  const text = (name) => String(wanted.get(name) ?? "").trim();
  const isOfRois = Boolean(text("name") || text("type"));
  const pairs = [];
  if (text("name")) pairs.push(["roi-name:contains", escaped(text("name"))]);
  if (text("patient")) pairs.push(["patient:identifier", escaped(text("patient"))]);
  if (text("type")) pairs.push(["category:text", escaped(text("type"))]);
  if (text("finding")) pairs.push(["_tag", `${site.findingSystem}|${text("finding")}`]);
  if (within.study) pairs.push(["derived-from", `ImagingStudy/${within.study}`]);
  if (within.patient) pairs.push(["patient", `Patient/${within.patient}`]);
  if (within.series) pairs.push(["series-uid", within.series]);
  else {
    const levels = isOfRois ? ["roi"] : text("kind").split(",");
    pairs.push(["_tag", levels.map((each) => `${site.levelSystem}|${each}`).join(",")]);
  }
  return [...pairs, ["_count", String(PAGE_SIZE)], ["_total", "accurate"]];
}

// Escapes the characters that have a meaning in a search (R5 search.html 3.2.1.5.7).
function escaped(text) {
  return text.replace(/[\\,$|]/g, "\\$&");
}

// A link from another page may limit the search to one study or series. A series is named
// by Orthanc's id, or by its UID, which series of several patients may have.
async function readScope() {
  const given = new URLSearchParams(location.search);
  const [study, series] = [given.get("study"), given.get("series")];
  if (!/^[0-9a-f]{8}(-[0-9a-f]{8}){4}$/.test(series ?? "")) return { study, series };
  const [found, patient] = await Promise.all([
    ask(address(`series/${series}`)), ask(address(`series/${series}/patient`)),
  ]);
  return { study, series: found.MainDicomTags.SeriesInstanceUID, patient: patient.ID };
}

// By POST: of a parameter that a GET repeats (_tag), Orthanc passes on only the last.
async function run() {
  searching.abort();
  searching = new AbortController();
  const cursor = pages.at(-1);
  const pairs = cursor ? [...search, ["_cursor", cursor]] : search;
  byId("hits").textContent = "Searching …";
  try {
    const bundle = await ask(address(`${site.fhirRoot}/ImagingSelection/_search`), {
      method: "POST",
      headers: { "Content-Type": "application/x-www-form-urlencoded", Prefer: "handling=strict" },
      body: new URLSearchParams(pairs),
      signal: searching.signal,
    });
    showResults(bundle);
  } catch (error) {
    if (error.name === "AbortError") return;
    byId("hits").textContent = error.message;
    show(byId("results"), false);
    show(byId("previous"), false);
    show(byId("next"), false);
  }
}

function showResults(bundle) {
  const found = (bundle.entry ?? []).filter((entry) => entry.search?.mode === "match");
  const first = (pages.length - 1) * PAGE_SIZE + 1;
  byId("hits").textContent = found.length
    ? `${first.toLocaleString("en")} to ${(first + found.length - 1).toLocaleString("en")} of ${plural(bundle.total ?? 0, "match", "matches")}`
    : "Nothing found.";
  byId("result-rows").replaceChildren(...found.map((entry) => row(entry.resource)));
  show(byId("results"), found.length > 0);
  const next = bundle.link?.find((link) => link.relation === "next");
  following = next ? new URL(next.url, location.href).searchParams.get("_cursor") : null;
  show(byId("next"), Boolean(next));
  show(byId("previous"), pages.length > 1);
}

// Levels of resources that are not of structure sets, as people name them.
const OTHERS = { segmentation: "Segmentation", segment: "Segment", report: "Report", region: "Part of a report", "content-item": "Part of a report" };

function titleOf(level, selection, numbers) {
  const label = selection.bodySite?.concept?.text
    ?? selection.extension?.find((each) => each.url.endsWith("/artifact-title"))?.valueString;
  if (level === "segmentation") return [OTHERS[level], ` · ${plural(numbers.length, "segment")}`, ...(label ? [" · ", said(label)] : [])];
  if (OTHERS[level]) return [OTHERS[level], ...(label ? [" · ", said(label)] : [])];
  return [level === "source-images" ? "Source images" : "Structure set", level === "structure-set" ? ` · ${plural(numbers.length, "ROI")}` : ""];
}

function row(selection) {
  const tags = selection.meta?.tag ?? [];
  const level = tags.find((tag) => tag.system === site.levelSystem)?.code;
  const findings = tags.filter((tag) => tag.system === site.findingSystem);
  const instance = selection.id.slice(0, 44); // Orthanc's id of the structure set
  const part = level === "roi" || level === "segment" ? `#${selection.id}` : "";
  const folder = OTHERS[level] ? "instances" : "structure-sets"; // which leads on, for source images
  const page = address(`imaging-selection/${folder}/${instance}${part}`);
  const numbers = selection.instance?.[0]?.subset ?? [];
  const types = [...new Set((selection.category ?? []).map((each) => each.text).filter(Boolean))];
  const title = level === "roi"
    ? [said(selection.bodySite?.concept?.text, "ROI without name"), ` · ROI ${numbers[0] ?? "without number"}`]
    : titleOf(level, selection, numbers);
  return make(
    "tr", {},
    make("td", {}, make("a", { href: page }, ...title)),
    make("td", {}, said(types.join(", "))),
    make("td", {}, said(selection.subject?.identifier?.value)),
    make("td", {}, selection.issued ? selection.issued.replace("T", " ") : make("span", { class: "absent" }, "unknown")),
    make("td", {}, findings.length ? make("span", { class: "count", title: findings.map((tag) => tag.display).join("\n") }, String(findings.length)) : ""),
    make("td", {}, make("a", { href: address(`${site.fhirRoot}/ImagingSelection/${selection.id}?_format=json&_pretty=true`) }, "JSON")),
  );
}

// Only ROIs have a name and a type; what is disabled is no criterion.
function allowRois() {
  const isOfRois = form.elements.kind.value === "structure-set";
  for (const name of ["name", "type"]) form.elements[name].disabled = !isOfRois;
}

function begin() {
  search = criteria();
  pages = [null];
  run();
}

function searchFinding(code) {
  form.reset();
  form.elements.kind.value = EVERY_KIND;
  allowRois();
  form.elements.finding.value = code;
  begin();
  byId("search-title").scrollIntoView();
}

function showScope(text) {
  byId("scope").replaceChildren(
    text,
    make("a", { href: address("imaging-selection/") }, "Search everywhere"),
  );
  show(byId("scope"));
}

async function start() {
  byId("explorer").href = address("app/explorer.html");
  byId("reconcile").addEventListener("click", (event) => reconcile(event.target));
  byId("retry").addEventListener("click", (event) => reconcile(event.target));
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) clearTimeout(timer);
    else look();
  });
  byId("types").append(...TYPES.map((term) => make("option", { value: term })));
  try {
    site = await ask(address("imaging-selection/site"));
  } catch {
    look(); // it shows what is wrong
    return;
  }
  byId("metadata").href = address(`${site.fhirRoot}/metadata`);
  try {
    within = await readScope();
  } catch (error) { // the search must not be wider than the link says
    showScope(`The series of this link is not found: ${error.message} `);
    look();
    return;
  }
  if (within.study || within.series) showScope(`Only within one ${within.study ? "study" : "series"}. `);
  const options = Object.entries(site.findings).sort((one, other) => one[1].localeCompare(other[1]));
  form.elements.finding.append(...options.map(([code, display]) => make("option", { value: code }, plain(display))));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    begin();
  });
  form.addEventListener("reset", () => setTimeout(() => {
    allowRois();
    begin();
  }));
  form.elements.kind.addEventListener("change", allowRois);
  byId("next").addEventListener("click", () => {
    pages.push(following);
    run();
  });
  byId("previous").addEventListener("click", () => {
    pages.pop();
    run();
  });
  look();
  begin();
}

start();
