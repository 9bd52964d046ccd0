/**
 * The trace: a table of rows in the order in which they are read, parents first. Times are ns after its start.
 * What the columns hold is said where they are made, in data.py.
 */

export const SPAN = 0, GHOST = 1, LINE = 2, EVENT = 3, GAP = 4, ADRIFT = 5;
export const CRITICAL = 1, ORPHAN = 2, CYCLE = 4, GUESSED = 8, TIMELESS = 16;
export const LEVELS = ["", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];
export const WARNING = 3, ERROR = 4;
export const NONE = -1;

export class Trace {
  /** @param {any} data what the page carries */
  constructor(data) {
    const { rows } = data;
    this.traceId = data.trace_id;
    this.start = data.start;
    this.duration = Math.max(data.duration, 1);
    this.root = data.root ?? NONE;
    this.complete = data.complete;
    this.services = data.services;
    this.findings = data.findings;
    this.linked = data.linked; // what is known of traces that its links lead to, by their ids
    this.home = data.home ?? ""; // below which a server has every trace; empty in a file
    this.carried = data.carried ?? [data.trace_id]; // the traces that the page has, the one first that it opens with
    this.path = {
      row: Int32Array.from(data.path.row), from: Float64Array.from(data.path.from), to: Float64Array.from(data.path.to),
    };
    this.texts = data.texts;
    this.size = rows.kind.length;
    this.kind = Uint8Array.from(rows.kind);
    this.severity = Uint8Array.from(rows.severity);
    this.flags = Uint8Array.from(rows.flags);
    this.at = Float64Array.from(rows.at);
    this.length = Float64Array.from(rows.duration);
    this.self = Float64Array.from(rows.self);
    for (const name of ["parent", "text", "service", "id", "attributes", "rest"]) {
      this[name] = Int32Array.from(rows[name]);
    }
    this.depth = new Int32Array(this.size);
    this.behind = new Int32Array(this.size);
    this.#measureTree();
    this.linesInOrder = this.#rowsWhere((row) => this.isLine(row));
    this.lines = this.linesInOrder.slice().sort((a, b) => this.at[a] - this.at[b] || a - b); // by time
    this.errors = this.#rowsWhere((row) => this.severity[row] >= ERROR);
    this.warnings = this.#rowsWhere((row) => this.severity[row] === WARNING);
  }

  /** Set, for each row, its depth, and which row is the first behind all that is below it. */
  #measureTree() {
    for (let row = 0; row < this.size; row++) {
      const parent = this.parent[row];
      this.depth[row] = parent === NONE ? 0 : this.depth[parent] + 1;
    }
    for (let row = this.size - 1; row >= 0; row--) {
      const parent = this.parent[row];
      this.behind[row] = Math.max(this.behind[row], row + 1);
      if (parent !== NONE) this.behind[parent] = Math.max(this.behind[parent], this.behind[row]);
    }
  }

  #rowsWhere(isWanted) {
    const found = [];
    for (let row = 0; row < this.size; row++) if (isWanted(row)) found.push(row);
    return Int32Array.from(found);
  }

  /** How many of sorted rows, such as the errors, are below a row. */
  countBelow(row, sorted) {
    return placeOf(sorted, this.behind[row]) - placeOf(sorted, row + 1);
  }

  isLine(row) {
    return this.kind[row] === LINE || this.kind[row] === EVENT;
  }

  is(row, flag) {
    return (this.flags[row] & flag) !== 0;
  }

  textOf(row) {
    return this.texts[this.text[row]];
  }

  idOf(row) {
    return this.texts[this.id[row]];
  }

  end(row) {
    return this.at[row] + this.length[row];
  }

  /** The name of a row's service; none where that is not known. */
  serviceOf(row) {
    return this.services[this.service[row]]?.name ?? "";
  }

  attributesOf(row) {
    return parse(this.texts[this.attributes[row]]);
  }

  /** What is known of a row beside its columns. */
  restOf(row) {
    return parse(this.texts[this.rest[row]]);
  }

  /** The span or ghost that a row is, or stands on; NONE for lines on none. */
  ownerOf(row) {
    const owner = this.kind[row] === SPAN || this.kind[row] === GHOST ? row : this.parent[row];
    return owner === NONE || this.kind[owner] === ADRIFT ? NONE : owner;
  }

  /** The first row of a span id or a ghost's; NONE where there is none. */
  rowOf(id) {
    const text = id ? this.texts.indexOf(id) : NONE;
    return text === NONE ? NONE : this.id.indexOf(text);
  }
}

/** Return the place of the first of sorted numbers that is not below a bound. */
export function placeOf(sorted, bound) {
  let low = 0, high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Parse JSON; numbers stay as they are written, for ids may have more digits than a number here. */
export function parse(json) {
  return json ? JSON.parse(json, (_, value, context) =>
    typeof value === "number" ? new Digits(value, context?.source ?? String(value)) : value) : {};
}

/** A number, and how it is written. */
export class Digits {
  constructor(value, written) {
    this.value = value;
    this.written = written;
  }

  toString() {
    return this.written;
  }
}
