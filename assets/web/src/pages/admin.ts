/**
 * What the views for administrators have in common: a form to log in where the server asks for it, a look every two
 * seconds while somebody watches, and a word when there is no answer. Knows nothing of what is shown.
 */
import { announce } from "../announce.ts";
import { logIn, logOut } from "../api/admin.ts";
import { ApiFailure } from "../api/request.ts";
import { button, make } from "../dom.ts";
import { repeat } from "../live.ts";
import type { Page, Shell } from "../page.ts";
import { text } from "../strings.ts";
import { problemView } from "../views/problem.ts";

const POLL_MS = 2000;

/** A view of `Data`, which is drawn anew when it has changed. */
export abstract class AdminPage<Data> implements Page {
  readonly element = make("section", { className: "board" });
  protected readonly body = make("div", { className: "board-body" });
  private readonly notice = make("div", { className: "board-notice" });
  private running = new AbortController();
  private drawn = "";

  constructor(
    protected readonly shell: Shell,
    private readonly phase: string,
    protected readonly title: string,
  ) {}

  /** Asks the server. */
  protected abstract load(signal: AbortSignal): Promise<Data>;
  /** Shows what the server said. */
  protected abstract draw(data: Data): void;

  enter(): void {
    this.element.replaceChildren(this.notice, this.body);
    this.shell.show("waiting", this.title);
    void repeat(() => this.look(), this.running.signal);
  }

  leave(): void {
    this.running.abort();
  }

  /** Asks at once, because something was done. */
  protected refresh(): void {
    this.running.abort();
    this.running = new AbortController();
    void repeat(() => this.look(), this.running.signal);
  }

  /** Does something that the server may refuse; the refusal is shown above everything else. */
  protected async attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.notice.replaceChildren();
    } catch (error) {
      this.complain(error);
    }
    this.refresh();
  }

  /** A button that ends the log-in of this browser. */
  protected logOutButton(): HTMLElement {
    const leave = async (): Promise<void> => {
      await logOut();
      this.drawn = "";
      this.refresh();
    };
    return button(text.login.leave, "link", () => void this.attempt(leave), "log-out");
  }

  private async look(): Promise<number> {
    const { signal } = this.running;
    try {
      const data = await this.load(signal);
      if (!signal.aborted) this.show(data);
    } catch (error) {
      if (!signal.aborted) this.failed(error);
    }
    return POLL_MS;
  }

  private show(data: Data): void {
    if (this.drawn === "silent") this.notice.replaceChildren();
    const now = JSON.stringify(data);
    if (now === this.drawn) return;
    this.drawn = now;
    this.draw(data);
    this.shell.show(this.phase, this.title);
  }

  private failed(error: unknown): void {
    if (error instanceof ApiFailure && (error.status === 401 || error.status === 403)) {
      // A form that somebody types into stays as it is.
      if (this.drawn !== "login") this.body.replaceChildren(loginForm(() => this.refresh()));
      this.drawn = "login";
      return this.shell.show("login", this.title);
    }
    if (this.drawn === "silent") return;
    this.drawn = "silent";
    this.complain(error);
    this.shell.show("silent", this.title);
  }

  /** Shows a refusal above everything else. */
  protected complain(error: unknown): void {
    const problem = error instanceof ApiFailure ? error.problem : text.problems.unexpected(String(error));
    this.notice.replaceChildren(problemView(problem));
  }
}

function loginForm(onEntered: () => void): HTMLElement {
  const token = make("input", { type: "password", className: "input", name: "token", autocomplete: "current-password", required: true });
  const wrong = make("p", { className: "is-warning", role: "alert" });
  const form = make(
    "form",
    { className: "login" },
    make("h1", { tabIndex: -1 }, text.login.heading),
    make("p", {}, text.login.why),
    make("label", { className: "budget" }, make("strong", {}, text.login.token), token),
    wrong,
    make("button", { type: "submit", className: "button primary" }, text.login.enter),
    make("p", { className: "hint" }, text.login.where),
  );
  form.onsubmit = async (event) => {
    event.preventDefault();
    const entered = await logIn(token.value).catch(() => null);
    wrong.textContent = entered === null ? text.problems.unreachable().detail : entered ? "" : text.login.wrong;
    if (!entered) return token.select();
    announce(text.login.done);
    onEntered();
  };
  return form;
}
