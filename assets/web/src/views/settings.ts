/**
 * The choice before a job: how close it must look and what must open it, budgets, every other setting in a drawer, and
 * the same as a command. The drawer is made of the server's own table, so that nothing can be missing in it.
 */
import { DEFAULTS, listSettings, type Setting, type Settings } from "../api/settings.ts";
import { make } from "../dom.ts";
import { lookUp, text, type Choice } from "../strings.ts";
import { BUDGETS, budgetFields } from "./budgets.ts";
import { CommandsView } from "./commands.ts";
import { choiceField, fieldFor, type Field } from "./fields.ts";

/** The settings that are shown before the table is there. */
const FIRST = ["preset", "target"] as const;

/** A form that starts from `current` and hands over what was chosen. */
export class SettingsForm {
  readonly element: HTMLFormElement;
  private readonly fields: Record<string, Field> = {};
  private readonly drawer = make("details", { className: "drawer more" }, make("summary", {}, text.settings.more));
  private readonly commands: CommandsView;
  private defaults: Record<string, string | null> = { ...DEFAULTS } as Record<string, string | null>;

  /** `name` is that of the file, and `parts` those that belong to it, for the commands. */
  constructor(
    private readonly current: Settings,
    { name, parts }: { name: string; parts: string[] },
    onOptimize: (settings: Settings) => void,
  ) {
    for (const setting of FIRST) this.fields[setting] = choiceField({ name: setting, about: "" }, wordsOf(setting), this.valueOf(setting));
    const budgets = budgetFields((setting) => this.valueOf(setting));
    Object.assign(this.fields, budgets.fields);
    this.commands = new CommandsView(name, parts);
    this.element = make(
      "form",
      { className: "settings" },
      make("h2", { className: "visually-hidden", tabIndex: -1 }, text.settings.heading),
      ...FIRST.map((setting) => this.fields[setting]?.element ?? null),
      budgets.element,
      this.drawer,
      this.commands.element,
      make("div", { className: "go" }, make("button", { type: "submit", className: "button primary wide" }, text.settings.optimize)),
    );
    this.element.addEventListener("input", () => this.tell());
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      onOptimize(this.chosen);
    });
    this.tell();
    void this.fillDrawer();
  }

  /** What is chosen now. Settings without a control keep what they were. */
  get chosen(): Settings {
    const read = Object.entries(this.fields).map(([name, field]) => [name, field.read()]);
    return { ...this.current, ...Object.fromEntries(read) } as Settings;
  }

  private async fillDrawer(): Promise<void> {
    try {
      const table = await listSettings();
      for (const { name, default: value } of table) this.defaults[name] = value;
      for (const setting of table.filter(isForDrawer)) this.add(setting);
      this.tell();
    } catch (error) {
      this.drawer.append(make("p", { className: "hint is-warning" }, (error as Error).message));
    }
  }

  private add(setting: Setting): void {
    const field = fieldFor(setting, this.valueOf(setting.name) ?? setting.default);
    this.fields[setting.name] = field;
    this.drawer.append(field.element);
  }

  private tell(): void {
    this.commands.set(this.chosen, this.defaults);
  }

  private valueOf(name: string): string | null {
    const value = this.current[name];
    return value === null || value === undefined ? null : String(value);
  }
}

function isForDrawer({ name }: Setting): boolean {
  return ![...FIRST, ...BUDGETS].some((shown) => shown === name);
}

function wordsOf(name: string): { value: string; about: string }[] {
  const known = lookUp<Record<string, Choice>>(text.choices, name) ?? {};
  return Object.entries(known).map(([value, { hint }]) => ({ value, about: hint }));
}
