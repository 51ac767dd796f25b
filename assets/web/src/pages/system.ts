/** How the server does: the tier and why, its parts, other nodes, and the doctor's checks. For administrators. */
import { examine, getHealth, listJobs, type Check, type Component, type Health } from "../api/admin.ts";
import { button, make, redraw, table } from "../dom.ts";
import { formatCount, formatDuration, formatTime } from "../format.ts";
import type { Shell } from "../page.ts";
import { lookUp, text } from "../strings.ts";
import { AdminPage } from "./admin.ts";

/** The view of the server. */
export class SystemPage extends AdminPage<Health> {
  private readonly looking = new AbortController();
  private checks: Check[] | null = null;
  private examined = "";
  private health: Health | null = null;

  constructor(shell: Shell) {
    super(shell, "system", text.nav.system);
  }

  override leave(): void {
    super.leave();
    this.looking.abort();
  }

  protected async load(signal: AbortSignal): Promise<Health> {
    // A server tells its health to more people than the rest of this view; only the list of jobs asks who it is.
    const [health] = await Promise.all([getHealth(signal), listJobs("", "", 1, signal)]);
    if (this.examined === "") void this.examine();
    return settled(health);
  }

  protected draw(health: Health): void {
    this.health = health;
    redraw(
      this.body,
      ...this.banners(),
      this.head(health),
      make("div", { className: "cards" }, tierCard(health), workCard(health), partsCard(health.components), nodesCard(health)),
      this.doctor(),
    );
  }

  private head(health: Health): HTMLElement {
    const badge = make("span", { className: "badge", dataset: { health: health.status } }, text.system.status[health.status]);
    const facts = text.system.running(health.version, formatDuration(health.uptime_seconds));
    return make(
      "header",
      { className: "board-head" },
      make("div", {}, make("h1", { tabIndex: -1 }, text.nav.system), make("p", { className: "lead" }, badge, " ", facts)),
      make("div", { className: "board-actions" }, button(text.system.again, "quiet", () => void this.examine(), "examine"), this.logOutButton()),
    );
  }

  /** What must not be overlooked: data that will not last, whatever fails. */
  private banners(): HTMLElement[] {
    const urgent = (this.checks ?? []).filter((check) => check.verdict === "fail" || (check.name === "data_lasts" && check.verdict === "warn"));
    return urgent.map((check) =>
      make("div", { className: "banner", role: "alert", dataset: { check: check.name } }, make("strong", {}, check.found), check.advice !== null && make("p", {}, check.advice)),
    );
  }

  private doctor(): HTMLElement {
    const rows = (this.checks ?? []).map((check) => [
      lookUp<string>(text.system.checks, check.name) ?? check.name,
      make("span", { className: "badge", dataset: { verdict: check.verdict } }, text.system.verdicts[check.verdict]),
      make("div", { className: "found" }, check.found, check.advice !== null && make("small", {}, check.advice)),
    ]);
    const heads = [text.system.check, text.system.verdict, text.system.found];
    return make(
      "section",
      { className: "card doctor" },
      make("h2", {}, text.system.doctor),
      make("p", { className: "hint", role: "status" }, this.checks === null ? text.system.examining : text.system.examined(this.examined)),
      rows.length > 0 && make("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: text.system.doctor }, table(text.system.doctor, heads, rows)),
    );
  }

  private async examine(): Promise<void> {
    this.checks = null;
    this.examined = formatTime(new Date().toISOString());
    if (this.health) this.draw(this.health);
    try {
      this.checks = await examine(this.looking.signal);
    } catch (error) {
      if (this.looking.signal.aborted) return;
      this.checks = [];
      this.complain(error);
    }
    if (this.health) this.draw(this.health);
  }
}

/** Without what changes at every look and is not shown: the page is drawn anew only when there is something new. */
function settled(health: Health): Health {
  const parts = Object.entries(health.components).map(([name, { healthy, status, error }]) => [name, { healthy, status, error }]);
  return { ...health, uptime_seconds: health.uptime_seconds - (health.uptime_seconds % 60), components: Object.fromEntries(parts) as Health["components"] };
}

function card(heading: string, ...content: (HTMLElement | null)[]): HTMLElement {
  return make("section", { className: "card" }, make("h2", {}, heading), ...content);
}

function tierCard({ tier, tier_reason: reason, switches }: Health): HTMLElement {
  const rows = [...switches].reverse().map(({ at, from, to, reason: why }) => [formatTime(at), `${from} → ${to}`, make("div", { className: "found" }, why)]);
  const heads = [text.system.when, text.system.change, text.system.why];
  return card(
    text.system.tier,
    make("p", { className: "big", dataset: { tier } }, text.system.tiers[tier].name),
    make("p", { className: "hint" }, text.system.tiers[tier].hint),
    reason ? make("p", { className: "is-warning" }, reason) : null,
    rows.length > 0 ? make("div", { className: "scroll", tabIndex: 0 }, table(text.system.history, heads, rows)) : make("p", { className: "hint" }, text.system.noSwitch),
  );
}

function workCard({ workers, busy, queue, paused }: Health): HTMLElement {
  const counts = Object.entries(queue ?? {}).map(([state, count]) => [lookUp<string>(text.states, state) ?? state, formatCount(count)]);
  return card(
    text.system.work,
    make("p", { className: "big" }, text.system.busy(busy, workers)),
    paused ? make("p", { className: "is-warning" }, text.queue.paused) : null,
    table(text.system.work, [text.batch.state, text.dashboard.jobs], counts),
  );
}

function partsCard(components: Record<string, Component>): HTMLElement {
  const rows = Object.entries(components).map(([name, part]) => [
    lookUp<string>(text.system.parts, name) ?? name,
    make("div", { className: "part" }, make("span", { className: "badge", dataset: { verdict: part.healthy ? "pass" : "fail" } }, part.status.replaceAll("_", " ")), part.error),
  ]);
  return card(text.system.partsHeading, table(text.system.partsHeading, [text.system.part, text.batch.state], rows));
}

function nodesCard({ nodes }: Health): HTMLElement | null {
  if (nodes.length === 0) return null;
  const rows = nodes.map((node) => [node.host, String(node.pid), node.version, formatCount(node.slots)]);
  return card(text.system.nodes, table(text.system.nodes, [text.system.host, text.system.process, text.system.version, text.system.slots], rows));
}
