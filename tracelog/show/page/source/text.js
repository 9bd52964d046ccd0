/**
 * What users wrote, made fit to be seen: text is only ever text, and what has no shape of its own is written out.
 * Controls, format and bidirectional characters, lone surrogates and private ones are shown as escapes, in a style that
 * no text can have; each text is isolated, so that none turns its surroundings around.
 */

const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u;
const RUNS = /([\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]+)/u;
const NAMED = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Make an element. Texts among the children are text; attributes that are null or false are left out. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Make an element that holds what a user wrote, in one line, at most so many characters of it. */
export function told(text, kind = "", most = 500) {
  const shown = make("bdi", kind ? { class: kind } : {}, ...visible(crop(text, most)));
  if (text.length > most) shown.append(make("span", { class: "more" }, "…"));
  return shown;
}

/** Return a text as nodes, its unsafe characters as escapes; with `block`, its lines and tabs stay what they are. */
export function visible(text, { block = false } = {}) {
  if (!UNSAFE.test(text)) return text ? [text] : [];
  const parts = block ? text.split(/(\r?\n|\t)/) : [text];
  return parts.flatMap((part) => (block && /^\r?\n$|^\t$/.test(part) ? kept(part) : escaped(part)));
}

/** Return the start of a text as it may stand where only text can: in an attribute, an option, the title. */
export function plain(text, most) {
  return visible(crop(text, most)).map((part) => part.textContent ?? part).join("");
}

/** Return the start of a text, without half of a character at its end. */
export function crop(text, most) {
  if (text.length <= most) return text;
  const isHalf = /[\ud800-\udbff]/.test(text[most - 1]);
  return text.slice(0, isHalf ? most - 1 : most);
}

function kept(part) {
  return part === "\r\n" ? [control("\r"), "\n"] : [part];
}

function escaped(text) {
  return text.split(RUNS).filter(Boolean).map((part) => (UNSAFE.test(part) ? control(part) : part));
}

function control(characters) {
  return make("span", { class: "control" }, [...characters].map(escape).join(""));
}

function escape(character) {
  const code = character.codePointAt(0);
  const [mark, digits] = code < 0x100 ? ["x", 2] : code < 0x10000 ? ["u", 4] : ["U", 8];
  return NAMED[character] ?? `\\${mark}${code.toString(16).padStart(digits, "0")}`;
}
