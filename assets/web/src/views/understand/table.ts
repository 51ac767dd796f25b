/** A table whose columns sort it: by mouse, and by keyboard as every button. */
import { make } from "../../dom.ts";
import { text } from "../../strings.ts";

/** A column. `value` decides the order; without it, the column sorts nothing. */
export interface Column<T> {
  head: string;
  hint?: string;
  cell: (row: T) => string | Node | null;
  value?: (row: T) => number | string;
  /** Numbers stand under each other. */
  isNumber?: boolean;
}

/** Rows that are shown before someone asks for all. */
const FIRST_ROWS = 50;

/** The table, at first by `sorted`, largest first. */
export function sortableTable<T>(caption: string, columns: readonly Column<T>[], rows: readonly T[], sorted: number): HTMLElement {
  let column = sorted;
  let rising = false;
  let limit = FIRST_ROWS;
  const body = make("tbody");
  const heads = columns.map((one, index) => headCell(one, () => sortBy(index)));
  const more = make("button", { type: "button", className: "button quiet small" }, text.understand.showAll(rows.length));
  more.onclick = () => {
    limit = rows.length;
    draw();
  };
  const sortBy = (index: number): void => {
    rising = index === column ? !rising : !columns[index]?.isNumber;
    column = index;
    draw();
  };
  const draw = (): void => {
    const ordered = order(rows, columns[column]?.value, rising);
    body.replaceChildren(...ordered.slice(0, limit).map((row) => make("tr", {}, ...columns.map((one, index) => bodyCell(one, row, index)))));
    heads.forEach((head, index) => {
      if (columns[index]?.value) head.ariaSort = index !== column ? "none" : rising ? "ascending" : "descending";
    });
    more.hidden = limit >= rows.length;
  };
  draw();
  const table = make("table", { className: "sortable" }, make("caption", { className: "visually-hidden" }, caption), make("thead", {}, make("tr", {}, ...heads)), body);
  // Wide tables move sideways in a box of their own; it can be reached by keyboard, so that it can be moved so too.
  return make("div", { className: "table-box", tabIndex: 0, role: "region", ariaLabel: caption }, table, more);
}

/** Rows in the order of a column. */
export function order<T>(rows: readonly T[], value: ((row: T) => number | string) | undefined, rising: boolean): T[] {
  if (!value) return [...rows];
  const sign = rising ? 1 : -1;
  const compare = (a: number | string, b: number | string): number =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true });
  return [...rows].sort((a, b) => sign * compare(value(a), value(b)));
}

function headCell<T>(column: Column<T>, onSort: () => void): HTMLTableCellElement {
  const className = column.isNumber ? "is-number" : "";
  if (!column.value) return make("th", { scope: "col", className }, column.head);
  const button = make("button", { type: "button", title: column.hint ?? text.understand.sortHint }, column.head);
  button.onclick = onSort;
  return make("th", { scope: "col", className }, button);
}

function bodyCell<T>(column: Column<T>, row: T, index: number): HTMLElement {
  const options = { className: column.isNumber ? "is-number" : "" };
  const content = column.cell(row);
  return index === 0 ? make("th", { scope: "row", ...options }, content) : make("td", options, content);
}
