// Turns numbers and times into what a person reads. Pure: the unit of credits comes from /api/status once, time is an argument.

let unit = 1_000_000;

/** How many micro-credits are one credit; from `quota_per_unit`. */
export const setUnit = (value) => {
  unit = value || unit;
};
/** An amount that a person typed, in micro-credits. */
export const micros = (text) => Math.round(Number(text) * unit);

const NONE = "–";
const absent = (value) => value === null || value === undefined || Number.isNaN(value);
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** 12,345 */
export const count = (value) => (absent(value) ? NONE : whole.format(value));
/** 12.3K where there is little room. */
export const compact = (value) => (absent(value) ? NONE : value < 10_000 ? whole.format(value) : short.format(value));

/** Micro-credits as credits: all digits of a small amount, two of a large one. */
export function credits(micro) {
  if (absent(micro)) return NONE;
  const value = micro / unit;
  const digits = Math.abs(value) >= 1000 ? 0 : Math.abs(value) >= 1 || value === 0 ? 2 : 6;
  return new Intl.NumberFormat("en", {
    minimumFractionDigits: digits === 2 && !Number.isInteger(value) ? 2 : 0,
    maximumFractionDigits: digits,
  }).format(value);
}

/** The same to the last micro-credit, for a bill. */
export const exact = (micro) =>
  absent(micro)
    ? NONE
    : new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 6 }).format(micro / unit);
/** A column of them with the points one under another. */
export function exactly(amounts) {
  const digits = Math.max(
    2,
    ...amounts.map((micro) => String(((micro ?? 0) % unit) / unit).split(".")[1]?.length ?? 0),
  );
  const text = new Intl.NumberFormat("en", {
    minimumFractionDigits: Math.min(digits, 6),
    maximumFractionDigits: Math.min(digits, 6),
  });
  return (micro) => (absent(micro) ? NONE : text.format(micro / unit));
}

/** The same in little room. */
export const creditsShort = (micro) =>
  absent(micro) ? NONE : Math.abs(micro / unit) < 10_000 ? credits(micro) : short.format(micro / unit);

/** 850 ms, 1.24 s, 2 min 5 s */
export function span(ms) {
  if (absent(ms)) return NONE;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

/** 1.3 % */
export const percent = (part, all) =>
  all ? `${((100 * part) / all).toFixed(part && part < all / 10 ? 1 : 0)} %` : NONE;

const two = (value) => String(value).padStart(2, "0");
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** 14:05:09 of today, else 3 Nov 14:05:09; `date` is a Date, unix seconds or RFC 3339. */
export function clock(date, now = new Date()) {
  const at = moment(date);
  if (!at) return NONE;
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return at.toDateString() === now.toDateString() ? time : `${day(at, now)} ${time}`;
}

/** 3 Nov, with its year when that is another. */
export function day(date, now = new Date()) {
  const at = moment(date);
  if (!at) return NONE;
  const year = at.getFullYear() === now.getFullYear() ? "" : ` ${at.getFullYear()}`;
  return `${at.getDate()} ${MONTHS[at.getMonth()]}${year}`;
}

/** 3 Nov 2026, 14:05 */
export function full(date) {
  const at = moment(date);
  return at
    ? `${at.getDate()} ${MONTHS[at.getMonth()]} ${at.getFullYear()}, ${two(at.getHours())}:${two(at.getMinutes())}`
    : NONE;
}

/** 2026-11-03, as a date field has it. */
export const isoDay = (date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;

/** just now, 5 min ago, in 3 days */
export function ago(date, now = new Date()) {
  const at = moment(date);
  if (!at) return "never";
  const seconds = (now - at) / 1000;
  const size = Math.abs(seconds);
  if (size < 10) return "just now";
  const [amount, name] =
    size < 60
      ? [size, "s"]
      : size < 3600
        ? [size / 60, "min"]
        : size < 86_400
          ? [size / 3600, "h"]
          : [size / 86_400, "day"];
  const many = Math.round(amount);
  const words = `${many} ${name}${name === "day" && many !== 1 ? "s" : ""}`;
  return seconds > 0 ? `${words} ago` : `in ${words}`;
}

function moment(date) {
  if (absent(date) || date === "" || date === 0 || date === -1) return null;
  const at = date instanceof Date ? date : new Date(typeof date === "number" ? date * 1000 : date);
  return Number.isNaN(at.getTime()) ? null : at;
}

/** "1 call", "2 calls" */
export const many = (value, word) => `${count(value)} ${word}${value === 1 ? "" : "s"}`;
