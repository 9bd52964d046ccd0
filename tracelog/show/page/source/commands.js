/** What is copied beside ids: the command that shows the same on a terminal, the query that finds it in Kibana. */

import {NONE} from "./trace.js";

const HEX = /^[0-9a-f]{1,32}$/;
const TRACE_FIELDS = ["trace_id", "trace.id", "traceID"];
const SPAN_FIELDS = ["span_id", "span.id", "transaction.id", "spanID"];

/** Return the command that shows a trace, or a span of it; null where an id is none, for a shell would run it. */
export function showCommand(traceId, spanId = "") {
  if (!HEX.test(traceId) || (spanId && !HEX.test(spanId))) return null;
  return `tracelog show ${traceId}${spanId ? ` --span ${spanId}` : ""}`;
}

/** Return a query in KQL that finds a trace, or a span and its lines, in each layout that tracelog reads. */
export function kibanaQuery(traceId, spanId = "") {
  const any = (fields, id) => fields.map((field) => `${field}: "${id.replace(/["\\]/g, "\\$&")}"`).join(" or ");
  return spanId ? `(${any(TRACE_FIELDS, traceId)}) and (${any(SPAN_FIELDS, spanId)})` : any(TRACE_FIELDS, traceId);
}

/** Return the id of the span that a row is, or is on; empty where there is none. */
export function spanIdOf(trace, row) {
  const owner = trace.ownerOf(row);
  return owner === NONE ? "" : trace.idOf(owner);
}
