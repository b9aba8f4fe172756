// What both pages use: addresses, requests, and elements made of text alone.

// The address of this file is <Orthanc>/imaging-selection/assets/, below the path of a proxy.
export const ROOT = new URL("../../", import.meta.url);

export function address(path) {
  return new URL(path.replace(/^\/+/, ""), ROOT).href;
}

export class AnswerError extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

// Fetches JSON.
export async function ask(url, options = {}) {
  const content = parsed(await askText(url, options));
  if (content === null) throw new AnswerError(200, "The answer is no JSON.");
  return content;
}

// Fetches JSON as text: numbers that are parsed may lose digits. Not from the browser's
// cache: the same address may answer people with a page.
export async function askText(url, options = {}) {
  const headers = { Accept: "application/json", ...options.headers };
  let answer;
  try {
    answer = await fetch(url, { cache: "no-store", ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new AnswerError(0, "Orthanc does not answer.");
  }
  const text = await answer.text();
  if (!answer.ok) throw new AnswerError(answer.status, reasonOf(answer, parsed(text)));
  return text;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function reasonOf(answer, content) {
  if (answer.status === 401 || answer.status === 403) {
    return "You may not see this: Orthanc refuses access.";
  }
  const reasons = [
    ...(content?.issue ?? []).map((issue) => issue.diagnostics),
    ...(content?.problems ?? []),
  ].filter(Boolean);
  return reasons.join("; ") || `Orthanc answers with status ${answer.status}.`;
}

// Makes an element. Children are elements or text; text is never read as markup.
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// Shows a text of a DICOM file: isolated, so that its direction does not affect the text
// around it; cut by the style sheet if it is long, complete in the tooltip.
export function said(text, fallback = "–") {
  if (text === null || text === undefined || text === "") {
    return make("span", { class: "absent" }, fallback);
  }
  return make("bdi", { class: "said", title: text }, String(text));
}

// The same where no element is possible: in an option or a sentence. Characters that
// control the direction of text (Unicode Bidirectional Algorithm, 2) are replaced by
// isolating ones, and a long text is cut.
export function plain(text, length = 80) {
  const bare = String(text ?? "").replace(/[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/g, "");
  return `\u2068${bare.length > length ? `${bare.slice(0, length)}…` : bare}\u2069`;
}

// Several texts of a file in a row, each isolated.
export function saidInTurn(texts, fallback = "–") {
  const given = texts.filter(Boolean);
  if (!given.length) return [said(null, fallback)];
  return given.flatMap((text, index) => (index ? [" · ", said(text)] : [said(text)]));
}

export function show(element, isShown = true) {
  element.hidden = !isShown;
}

export function byId(id) {
  return document.getElementById(id);
}

export function plural(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

// Copies a text; over plain HTTP, where browsers have no clipboard API, with execCommand.
export async function copy(text) {
  if (navigator.clipboard && window.isSecureContext) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // Not allowed: execCommand may be.
    }
  }
  const area = make("textarea", { class: "offscreen", readonly: true, "aria-hidden": "true" });
  area.value = text;
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  return isCopied;
}
