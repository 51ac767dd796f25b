/**
 * The frame: bar, addresses, and which view is shown. Files that are dropped or pasted anywhere go to the workbench.
 * Knows no job and no model; those are the business of pages/.
 */
import { byId, make } from "./dom.ts";
import { acceptFiles, type Picked } from "./files/drop.ts";
import type { Page, Shell } from "./page.ts";
import { BatchPage } from "./pages/batch.ts";
import { Workbench } from "./pages/workbench.ts";
import { readRoute, writeRoute, type Route } from "./route.ts";
import { text } from "./strings.ts";
import { languagePicker } from "./views/languages.ts";

const NAME = "GLB Optimizer";
const LINKS: readonly Extract<Route["page"], "optimize" | "queue" | "dashboard" | "system">[] = ["optimize", "queue", "dashboard", "system"];

/** The page. */
export class App implements Shell {
  private readonly root = byId("app");
  private readonly links = make("nav", { className: "links", ariaLabel: text.nav.label });
  private readonly workbench = new Workbench(this, (files) => this.open(files));
  private page: Page | null = null;
  /** Counts the addresses that were entered: a view that arrives late is for an address that was left. */
  private entered = 0;

  /** Shows what the address says, and follows it from now on. */
  start(): void {
    acceptFiles((files) => this.open(files));
    byId("actions").append(this.links, languagePicker(() => location.reload()));
    // Links and "back" alike; what the page itself pushes does not come here.
    window.addEventListener("popstate", () => void this.enter(readRoute(location.hash)));
    void this.enter(readRoute(location.hash));
  }

  go(route: Route): void {
    history.pushState(null, "", writeRoute(route));
    void this.enter(route);
  }

  show(phase: string, title: string): void {
    document.body.dataset["phase"] = phase;
    document.title = title ? `${title} · ${NAME}` : NAME;
  }

  private open(files: Picked[]): void {
    if (readRoute(location.hash).page !== "optimize") this.go({ page: "optimize" });
    void this.workbench.open(files);
  }

  private async enter(route: Route): Promise<void> {
    const turn = ++this.entered;
    this.markLinks(route);
    const page = await this.pageFor(route);
    if (turn !== this.entered) return;
    if (page !== this.page) {
      this.page?.leave();
      this.page = page;
      this.root.replaceChildren(page.element);
    }
    page.enter(route);
  }

  /** Views for administrators are fetched when they are asked for. */
  private async pageFor(route: Route): Promise<Page> {
    switch (route.page) {
      case "batch":
        return new BatchPage(this);
      case "queue":
        return new (await import("./pages/queue.ts")).QueuePage(this);
      case "dashboard":
        return new (await import("./pages/dashboard.ts")).DashboardPage(this);
      case "system":
        return new (await import("./pages/system.ts")).SystemPage(this);
      default:
        return this.workbench;
    }
  }

  private markLinks(route: Route): void {
    const here = LINKS.find((page) => page === route.page) ?? "optimize";
    const links = LINKS.map((page) => {
      const link = make("a", { href: writeRoute({ page }) }, text.nav[page]);
      if (page === here) link.ariaCurrent = "page";
      return link;
    });
    this.links.replaceChildren(...links);
  }
}
