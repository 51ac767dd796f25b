/**
 * Numbers as people read them. Pure functions. Never rounds in a way that flatters: a reduction is rounded down.
 */

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;

let locale = "en-GB";

/** How numbers are written from now on: by the customs of this language. */
export function setNumberLocale(language: string): void {
  locale = language === "en" ? "en-GB" : language;
}

/** A size in decimal units with three significant digits: 9374308 becomes "9.37 MB". */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  if (unit === 0) return `${formatCount(value)} B`;
  return format(value, digits, { style: "unit", unit: UNITS[unit] ?? "byte" });
}

/** A size to the byte: "9,374,308 bytes". */
export function formatExactBytes(bytes: number): string {
  return format(bytes, 0, { style: "unit", unit: "byte", unitDisplay: "long" });
}

/** A difference of two sizes with its sign: "−1.20 MB", "+12 B", "±0 B". */
export function formatByteChange(before: number, after: number): string {
  const change = after - before;
  if (change === 0) return "±0 B";
  return `${change < 0 ? "−" : "+"}${formatBytes(Math.abs(change))}`;
}

/** A count with separators: "12,480". */
export function formatCount(count: number): string {
  return format(count, 0);
}

/** How much smaller `after` is than `before`, in percent with one decimal, rounded down: "94.2 %". */
export function formatReduction(before: number, after: number): string {
  if (before <= 0) return "0.0 %";
  const percent = Math.floor((1 - after / before) * 1000) / 10;
  return `${format(Math.max(percent, 0), 1)} %`;
}

/** A percentage without decimals, rounded down, so that 100 is shown only when everything is done. */
export function formatPercent(percent: number): string {
  return `${Math.floor(Math.min(Math.max(percent, 0), 100))} %`;
}

/** A duration: "< 1 ms", "84 ms", "2.4 s", "3 min 20 s". */
export function formatSeconds(seconds: number): string {
  if (seconds < 0.0005) return "< 1 ms";
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 59.95) return `${format(seconds, 1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** A time to come or gone, as roughly as people say it: "12 s", "4 min", "3 h 5 min", "2 d 3 h". */
export function formatDuration(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  if (hours < 48) return minutes > 0 ? `${hours} h ${minutes} min` : `${hours} h`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A moment in this person's time zone: "28 Nov, 19:04:12". */
export function formatTime(rfc3339: string): string {
  return new Date(rfc3339).toLocaleString(locale, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

/** A day of the calendar: "28 Nov". */
export function formatDay(date: string): string {
  return new Date(`${date}T00:00:00Z`).toLocaleDateString(locale, { day: "numeric", month: "short", timeZone: "UTC" });
}

/** The name offered for the download: "bottle.glb" becomes "bottle-optimized.glb". */
export function downloadName(inputName: string): string {
  return `${inputName.replace(/\.glb$/i, "") || "model"}-optimized.glb`;
}

/** A message that was written to follow a colon, as a sentence of its own. */
export function formatSentence(message: string): string {
  return message.charAt(0).toUpperCase() + message.slice(1);
}

/** A number with exactly this many decimals. */
export function format(value: number, digits: number, options: Intl.NumberFormatOptions = {}): string {
  return value.toLocaleString(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits, ...options });
}

/** Megabytes out of a size as the settings write it: "5MB", "800kB", "1.5 MB", "120000". Null for anything else. */
export function parseMegabytes(size: string | null): number | null {
  const [, number = "", unit = ""] = /^\s*([\d.]+)\s*([a-z]*)\s*$/i.exec(size ?? "") ?? [];
  const factor = { "": 1e-6, b: 1e-6, kb: 1e-3, mb: 1, gb: 1e3, kib: 1.024e-3, mib: 1.048576, gib: 1073.741824 }[unit.toLowerCase()];
  return number === "" || factor === undefined ? null : Number((Number(number) * factor).toPrecision(12));
}
