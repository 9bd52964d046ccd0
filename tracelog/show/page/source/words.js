/** Times and counts in words, as the terminal says them. Times are ns. */

const SECOND = 1e9, MINUTE = 60 * SECOND;
const UNITS = [["d", 1440 * MINUTE], ["h", 60 * MINUTE], ["m", MINUTE], ["s", SECOND], ["ms", 1e6], ["µs", 1e3]];

/** Return a duration with three digits that matter: `850 µs`, `12.3 ms`, `2 m 05 s`. */
export function duration(time) {
  const nearest = time >= MINUTE ? time : Number(time.toPrecision(3));
  if (nearest >= MINUTE && nearest < 10 * MINUTE) {
    const seconds = Math.floor((nearest % MINUTE) / SECOND);
    return `${Math.floor(nearest / MINUTE)} m ${String(seconds).padStart(2, "0")} s`;
  }
  for (const [unit, size] of UNITS) {
    if (nearest >= size) {
      const value = nearest / size, rounded = Number(value.toPrecision(3));
      return `${value.toFixed(rounded < 10 ? 2 : rounded < 100 ? 1 : 0)} ${unit}`;
    }
  }
  return `${nearest} ns`;
}

/** Return a time after (or before) the start of the trace: `+12.3 ms`. */
export function offset(time) {
  return (time < 0 ? "−" : "+") + duration(Math.abs(time));
}

/** Return `1 line`, `1,234 lines`. */
export function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

/** Return the time that is `later` than an RFC 3339 time in UTC, with every digit that is known. */
export function moment(start, later) {
  const [second, fraction = ""] = start.replace("Z", "").split(".");
  const started = BigInt(Date.parse(`${second}Z`)) * 1_000_000n + BigInt(fraction.padEnd(9, "0"));
  const time = started + BigInt(Math.round(later));
  const rest = ((time % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const digits = rest % 1_000n ? 9 : rest % 1_000_000n ? 6 : 3;
  const whole = new Date(Number((time - rest) / 1_000_000n)).toISOString().slice(0, -5);
  return `${whole}.${String(rest).padStart(9, "0").slice(0, digits)}Z`;
}
