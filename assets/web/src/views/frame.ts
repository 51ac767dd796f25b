/** What a workbench is made of: the model on its stage, a panel beside it, and below both what is known of a result. */
import { make } from "../dom.ts";
import type { OnFiles } from "../files/drop.ts";
import type { Shell } from "../page.ts";
import { text } from "../strings.ts";
import { fileHead } from "./head.ts";
import { Stage } from "./stage.ts";

/** What stands above the panel: the model, and the batch that it belongs to, if to one, by its address. */
export interface Head {
  title: string;
  bytes: number;
  batch: string | null;
}

/** The parts of the view and where they stand; what they say is up to others. */
export class Frame {
  readonly element = make("div", { className: "workbench" });
  readonly stage = new Stage();
  private readonly panel = make("div", { className: "panel-body" });
  private readonly head = make("div", { className: "file-head" });
  private readonly notices = make("div", { className: "notices" });
  private readonly below = make("div", { className: "below" });

  constructor(
    private readonly shell: Shell,
    private readonly onFiles: OnFiles,
  ) {}

  /** The way in, with the notices above it. */
  showStart(view: HTMLElement): void {
    this.element.replaceChildren(this.notices, view);
    this.shell.show("start", "");
  }

  /** Something that stands alone: there is no model. */
  showAlone(phase: string, title: string, view: HTMLElement): void {
    this.element.replaceChildren(make("div", { className: "alone" }, view));
    this.shell.show(phase, title);
  }

  showWaiting(): void {
    this.showAlone("waiting", "", make("p", { role: "status" }, text.progress.restoring));
  }

  /** The stage, and this beside it. What was below goes. */
  showPanel(phase: string, head: Head, view: HTMLElement): void {
    const onFiles = phase === "uploading" ? null : this.onFiles;
    this.head.replaceChildren(...fileHead(head.title, head.bytes, head.batch, onFiles));
    this.panel.replaceChildren(view);
    this.below.replaceChildren();
    if (!this.stage.element.isConnected) {
      const aside = make("div", { className: "panel" }, this.head, this.notices, this.panel);
      this.element.replaceChildren(this.stage.element, aside, this.below);
    }
    this.shell.show(phase, head.title);
    view.querySelector<HTMLElement>("h2")?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }

  showBelow(view: HTMLElement): void {
    this.below.replaceChildren(view);
  }

  /** Whether notices can be seen. */
  get hasNotices(): boolean {
    return this.notices.isConnected;
  }

  setNotices(views: HTMLElement[]): void {
    this.notices.replaceChildren(...views);
  }

  scrollToNotices(): void {
    this.notices.firstElementChild?.scrollIntoView({ block: "nearest" });
  }

  notify(sentence: string): void {
    this.notices.append(make("p", { className: "notice", role: "status" }, sentence));
  }
}
