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
