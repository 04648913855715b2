// Periods that a person picks, and the grid of hours or days that a chart of one has. Pure but for the picker.

import { choice } from "./parts.js";

const HOUR = 3600;
const DAY = 24 * HOUR;
const LENGTHS = { "1h": HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY, "90d": 90 * DAY };

/** `{start_timestamp, end_timestamp}` of a period that ends now; "all" has no bounds. */
export function bounds(name, now = Date.now()) {
  const length = LENGTHS[name];
  if (!length) return {};
  const end = Math.floor(now / 1000) + 1;
  return { start_timestamp: end - length, end_timestamp: end };
}

/** The beginnings of the chart's buckets, and their length in seconds: hours up to a week, days beyond. */
export function grid(name, now = Date.now()) {
  const end = Math.floor(now / 1000);
  const step = LENGTHS[name] > 7 * DAY ? DAY : HOUR;
  const times = [];
  if (step === HOUR) {
    const last = Math.floor(end / HOUR) * HOUR;
    for (let at = last - LENGTHS[name] + HOUR; at <= last; at += HOUR) times.push(at);
    return { times, step };
  }
  // By the calendar, not by 86,400 s: days on which the clocks change have another length.
  const day = new Date(end * 1000);
  day.setHours(0, 0, 0, 0);
  day.setDate(day.getDate() - LENGTHS[name] / DAY + 1);
  for (; day.getTime() / 1000 <= end; day.setDate(day.getDate() + 1)) times.push(day.getTime() / 1000);
  return { times, step };
}

/** What rows of a chart of this period are summed by: as its buckets. */
export const summedBy = (name) => (LENGTHS[name] > 7 * DAY ? "day" : "hour");

/** A day of UTC, as the ledger sums it, as the local day of the same date. */
export function localDay(at) {
  const day = new Date(at * 1000);
  return new Date(day.getUTCFullYear(), day.getUTCMonth(), day.getUTCDate()).getTime() / 1000;
}

/** The place of `at` in `times`; -1: before the first. */
export function bucket(times, at) {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= at) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** A row of buttons. */
export const picker = (names, chosen, pick) =>
  choice(
    "Period",
    names.map((name) => [name, name]),
    chosen,
    pick,
  );

/** This month so far, or a whole month before it, as two dates. */
export function month(back = 0, now = new Date()) {
  const first = new Date(now.getFullYear(), now.getMonth() - back, 1);
  return { first, last: back ? new Date(now.getFullYear(), now.getMonth() - back + 1, 0) : now };
}
