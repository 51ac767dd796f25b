/** What became of all jobs: today, this week, this month, ever. Every figure was counted by the server. For administrators. */
import { getStats, type Bin, type Period, type Stats } from "../api/admin.ts";
import { button, make, redraw, table } from "../dom.ts";
import { formatBytes, formatCount, formatDay, formatDuration, formatPercent, formatReduction, formatSeconds } from "../format.ts";
import type { Shell } from "../page.ts";
import { history, periodOf, SPANS, type Span } from "../periods.ts";
import { lookUp, text } from "../strings.ts";
import { chart, type Column } from "../views/charts.ts";
import { AdminPage } from "./admin.ts";

/** The view of the totals. */
export class DashboardPage extends AdminPage<Stats> {
  private span: Span = "week";
  private stats: Stats | null = null;

  constructor(shell: Shell) {
    super(shell, "dashboard", text.nav.dashboard);
  }

  protected load(signal: AbortSignal): Promise<Stats> {
    return getStats(signal);
  }

  protected draw(stats: Stats): void {
    this.stats = stats;
    const period = periodOf(stats, this.span, new Date());
    redraw(this.body, this.head(), period.submitted === 0 ? make("p", { className: "empty" }, text.dashboard.empty) : null, figures(period), this.charts(stats, period), failures(period));
  }

  private head(): HTMLElement {
    const spans = SPANS.map((span) => {
      const chip = button(text.dashboard.spans[span], "chip", () => this.choose(span), `span-${span}`);
      chip.ariaPressed = String(this.span === span);
      return chip;
    });
    return make(
      "header",
      { className: "board-head" },
      make("h1", { tabIndex: -1 }, text.nav.dashboard),
      make("div", { className: "filters", role: "group", ariaLabel: text.dashboard.span }, ...spans),
    );
  }

  private choose(span: Span): void {
    this.span = span;
    if (this.stats) this.draw(this.stats);
  }

  private charts(stats: Stats, period: Period): HTMLElement {
    const accepted = history(stats, this.span, new Date()).map(columnOf);
    const ends = { completed: text.states.completed, dead: text.states.dead, cancelled: text.states.cancelled, open: text.dashboard.open };
    return make(
      "div",
      { className: "charts" },
      chart(text.dashboard.history, accepted, ends),
      chart(text.dashboard.ratios, period.ratios.map((bin, index) => stepOf(period.ratios, index, bin, (value) => formatPercent(value * 100))), { jobs: text.dashboard.jobs }),
      chart(text.dashboard.seconds, period.seconds.map((bin, index) => stepOf(period.seconds, index, bin, formatDuration)), { jobs: text.dashboard.jobs }),
    );
  }
}

function figures(period: Period): HTMLElement {
  const ended = period.completed + period.dead;
  const figure = (label: string, value: string, hint: string): HTMLElement =>
    make("div", { className: "figure-card" }, make("dt", {}, label), make("dd", {}, make("strong", {}, value), make("small", {}, hint)));
  return make(
    "dl",
    { className: "figure-cards" },
    figure(text.dashboard.accepted, formatCount(period.submitted), text.dashboard.cached(period.cached)),
    figure(text.dashboard.success, ended > 0 ? formatPercent((period.completed / ended) * 100) : "–", text.dashboard.completedOf(period.completed, ended)),
    figure(text.dashboard.saved, formatBytes(period.saved_bytes), period.input_bytes > 0 ? text.result.smaller(formatReduction(period.input_bytes, period.output_bytes)) : "–"),
    figure(text.dashboard.meanTime, period.mean_seconds === null ? "–" : formatSeconds(period.mean_seconds), text.dashboard.meanTimeHint),
  );
}

function failures(period: Period): HTMLElement {
  const causes = Object.entries(period.failures).sort(([, a], [, b]) => b - a);
  const rows = causes.map(([code, count]) => [lookUp<string>(text.titles, code) ?? code, formatCount(count)]);
  const presets = Object.entries(period.presets).map(([preset, count]) => [lookUp(text.choices.preset, preset)?.label ?? preset, formatCount(count)]);
  const part = (heading: string, content: HTMLElement): HTMLElement => make("section", { className: "card" }, make("h2", {}, heading), content);
  return make(
    "div",
    { className: "charts" },
    part(text.dashboard.failures, rows.length > 0 ? table(text.dashboard.failures, [text.dashboard.cause, text.dashboard.jobs], rows) : make("p", { className: "hint" }, text.dashboard.noFailures)),
    part(text.dashboard.presets, presets.length > 0 ? table(text.dashboard.presets, [text.questions.preset, text.dashboard.jobs], presets) : make("p", { className: "hint" }, "–")),
  );
}

function columnOf(period: Period): Column {
  const { completed, dead, cancelled, submitted } = period;
  const counts = { completed, dead, cancelled, open: Math.max(submitted - completed - dead - cancelled, 0) };
  return { label: period.from === null ? "" : formatDay(period.from), parts: Object.entries(counts).map(([kind, count]) => ({ kind, count })) };
}

function stepOf(bins: Bin[], index: number, { below, jobs }: Bin, words: (value: number) => string): Column {
  const from = bins[index - 1]?.below ?? 0;
  return { label: below === null ? `≥ ${words(from)}` : `< ${words(below)}`, parts: [{ kind: "jobs", count: jobs }] };
}
