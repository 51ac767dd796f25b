/** Which of the server's periods is now. Pure. */
import type { Bin, Period, Stats } from "./api/admin.ts";

/** What can be looked at. */
export const SPANS = ["day", "week", "month", "total"] as const;

/** A day, a week, a month, or all time. */
export type Span = (typeof SPANS)[number];

/** The period that contains `now`, in UTC as the server counts; an empty one when nothing was accepted in it yet. */
export function periodOf(stats: Stats, span: Span, now: Date): Period {
  if (span === "total") return stats.total;
  const found = { day: stats.days, week: stats.weeks, month: stats.months }[span].at(-1);
  return found?.from === firstDay(span, now) ? found : emptyLike(stats.total);
}

/** The day that a day, week or month begins with: 2026-11-23. */
export function firstDay(span: Exclude<Span, "total">, now: Date): string {
  const day = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()));
  if (span === "week") day.setUTCDate(day.getUTCDate() - ((day.getUTCDay() + 6) % 7));
  if (span === "month") day.setUTCDate(1);
  return day.toISOString().slice(0, 10);
}

/** How many periods a chart goes back. */
const SHOWN = { day: 31, week: 31, month: 26, total: 12 } as const;

/** The periods up to `now` that a chart of a span shows, those in which nothing was accepted too: days, weeks or months. */
export function history(stats: Stats, span: Span, now: Date): Period[] {
  const unit = ({ day: "day", week: "day", month: "week", total: "month" } as const)[span];
  const known = new Map({ day: stats.days, week: stats.weeks, month: stats.months }[unit].map((period) => [period.from, period]));
  const day = new Date(`${firstDay(unit, now)}T00:00:00Z`);
  const shown: Period[] = [];
  for (let count = 0; count < SHOWN[span]; count += 1) {
    const from = day.toISOString().slice(0, 10);
    shown.unshift(known.get(from) ?? { ...emptyLike(stats.total), from });
    if (unit === "month") day.setUTCMonth(day.getUTCMonth() - 1);
    else day.setUTCDate(day.getUTCDate() - (unit === "week" ? 7 : 1));
  }
  return shown;
}

function emptyLike(total: Period): Period {
  const none = (bins: Bin[]): Bin[] => bins.map(({ below }) => ({ below, jobs: 0 }));
  const counts = { submitted: 0, completed: 0, dead: 0, cancelled: 0, cached: 0, input_bytes: 0, output_bytes: 0, saved_bytes: 0 };
  return { from: null, ...counts, mean_ratio: null, mean_seconds: null, ratios: none(total.ratios), seconds: none(total.seconds), failures: {}, presets: {} };
}
