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

function emptyLike(total: Period): Period {
  const none = (bins: Bin[]): Bin[] => bins.map(({ below }) => ({ below, jobs: 0 }));
  const counts = { submitted: 0, completed: 0, dead: 0, cancelled: 0, cached: 0, input_bytes: 0, output_bytes: 0, saved_bytes: 0 };
  return { from: null, ...counts, mean_ratio: null, mean_seconds: null, ratios: none(total.ratios), seconds: none(total.seconds), failures: {}, presets: {} };
}
