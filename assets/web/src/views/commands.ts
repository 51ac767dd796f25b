/** "The same as a command": what was chosen, for the command line and for curl, to be copied. */
import type { Settings } from "../api/settings.ts";
import { changedSettings, cliCommand, curlCommand } from "../commands.ts";
import { make } from "../dom.ts";
import { text } from "../strings.ts";
import { copyButton } from "./copy.ts";

/** A drawer with two commands, which follow what is chosen. */
export class CommandsView {
  readonly element: HTMLElement;
  private readonly cli = make("code", {});
  private readonly curl = make("code", {});

  /** `parts` are the files that a .gltf needs beside it. */
  constructor(
    private readonly name: string,
    private readonly parts: string[],
  ) {
    this.element = make(
      "details",
      { className: "drawer" },
      make("summary", {}, text.commands.heading),
      row(text.commands.cli, this.cli),
      row(text.commands.curl, this.curl),
    );
  }

  /** What is chosen now, and what holds without it. */
  set(settings: Settings, defaults: Record<string, string | null>): void {
    const changed = changedSettings(settings, defaults);
    this.cli.textContent = cliCommand(this.name, changed);
    this.curl.textContent = curlCommand(this.name, this.parts, changed, new URL(".", document.baseURI).href.replace(/\/$/, ""));
  }
}

function row(label: string, code: HTMLElement): HTMLElement {
  const copy = copyButton(text.actions.copy, () => code.textContent ?? "");
  copy.ariaLabel = `${text.actions.copy}: ${label}`;
  return make("div", { className: "command" }, make("div", { className: "command-head" }, make("span", {}, label), copy), make("pre", { tabIndex: 0 }, code));
}
