/**
 * Which rows match what was asked for: a text in any case, a level (at or above), a service, attributes. A row matches
 * by itself. A span that failed counts as one at ERROR. Each text is looked at once, however many rows have it.
 */

import {ADRIFT, parse} from "./trace.js";

export const WITHOUT_LINES = "none";

/**
 * Return one number a row: 1 where it matches. null where nothing is asked for.
 * @param {import("./trace.js").Trace} trace
 * @param {{text: string, level: number | "none" | null, service: number | null, attributes: string}} asked
 */
export function match(trace, asked) {
  const tests = [byText(trace, asked.text), byLevel(trace, asked.level), byService(trace, asked.service),
    ...conditions(asked.attributes).map((condition) => byAttribute(trace, condition))].filter(Boolean);
  if (!tests.length) return null;
  const hits = new Uint8Array(trace.size);
  for (let row = 0; row < trace.size; row++) {
    hits[row] = Number(trace.kind[row] !== ADRIFT && tests.every((test) => test(row)));
  }
  return hits;
}

function byText(trace, text) {
  if (!text) return null;
  const plain = inAnyCase(text), escaped = inAnyCase(JSON.stringify(text).slice(1, -1));
  const inText = once(trace.texts, (told) => plain.test(told));
  const inJson = once(trace.texts, (json) => escaped.test(json));
  const inRest = once(trace.texts, (json) => wordsOf(parse(json)).some((word) => plain.test(word)));
  const services = trace.services.map((service) => plain.test(service.name));
  return (row) => inText(trace.text[row]) || services[trace.service[row]] === true || inText(trace.id[row])
    || inJson(trace.attributes[row]) || inRest(trace.rest[row]);
}

/** Return the words of what is known of a row beside its columns. */
function wordsOf({ status_message, logger, exception = {}, links = [], linked_from = [] }) {
  const ids = [...links, ...linked_from].flatMap((link) => [link.trace_id, link.span_id]);
  return [status_message, logger, ...Object.values(exception), ...ids].filter((word) => typeof word === "string");
}

function byLevel(trace, level) {
  if (level === WITHOUT_LINES) return (row) => !trace.isLine(row);
  return level ? (row) => trace.severity[row] >= level : null;
}

function byService(trace, service) {
  return service === null ? null : (row) => trace.service[row] === service;
}

function byAttribute(trace, { key, isMet }) {
  const last = key.slice(key.lastIndexOf(".") + 1);
  const mention = inAnyCase(JSON.stringify(last).slice(1, -1)); // what does not even mention it need not be parsed
  const inAttributes = once(trace.texts, (json) => mention.test(json) && valuesOf(parse(json), key).some(isMet));
  return (row) => inAttributes(trace.attributes[row]);
}

/** Return a test of a text by its place that looks at each only once. */
function once(texts, test) {
  const known = new Uint8Array(texts.length);
  return (place) => {
    if (!known[place]) known[place] = test(texts[place]) ? 2 : 1;
    return known[place] === 2;
  };
}

function inAnyCase(text) {
  return new RegExp(text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"), "iu");
}

const CONDITION = /([^\s=<>]+)(?:(>=|<=|=|>|<)("(?:[^"\\]|\\.)*"|\S*))?/g;
const NUMBER = /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i;
const COMPARE = { "=": (a, b) => a === b, ">": (a, b) => a > b, ">=": (a, b) => a >= b, "<": (a, b) => a < b, "<=": (a, b) => a <= b };

/**
 * Read `key`, `key=value`, `key>value` (>=, <, <=) as the command line does, several separated by blanks; a value with
 * blanks stands in quotes. Texts are equal, numbers are more or less than numbers, and other texts by their letters.
 */
export function conditions(text) {
  return [...text.matchAll(CONDITION)].map(([, key, sign, written = ""]) => {
    const value = written.startsWith('"') ? written.slice(1, -1).replace(/\\(.)/g, "$1") : written;
    return { key, isMet: sign ? (held) => holds(held, sign, value) : () => true };
  });
}

function holds(held, sign, value) {
  if (sign === "=" || !NUMBER.test(value)) return COMPARE[sign](held, value);
  return NUMBER.test(held) && COMPARE[sign](Number(held), Number(value));
}

/** Return the values under a key as texts: within maps keys are dotted, and a list has several. */
function valuesOf(attributes, wanted) {
  const found = [];
  const pending = Object.entries(attributes);
  while (pending.length) {
    const [key, value] = pending.pop();
    if (Array.isArray(value)) for (const inner of value) pending.push([key, inner]);
    else if (isMap(value)) for (const [name, inner] of Object.entries(value)) pending.push([`${key}.${name}`, inner]);
    else if (key === wanted && value !== null) found.push(String(value));
  }
  return found;
}

export function isMap(value) {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
