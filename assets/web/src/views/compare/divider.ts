/** The line between original and result: moved by mouse, finger and keyboard. */
import { make } from "../../dom.ts";
import { text } from "../../strings.ts";

const STEP = 0.02;
const LEAP = 0.1;

const MOVES: Record<string, (at: number) => number> = {
  ArrowLeft: (at) => at - STEP,
  ArrowDown: (at) => at - STEP,
  ArrowRight: (at) => at + STEP,
  ArrowUp: (at) => at + STEP,
  PageDown: (at) => at - LEAP,
  PageUp: (at) => at + LEAP,
  Home: () => 0,
  End: () => 1,
};

/** The slider. `frame` is what it divides; `onMove` gets the part of its width that is left of the line. */
export function divider(frame: HTMLElement, onMove: (at: number) => void): HTMLElement {
  const handle = make("div", {
    className: "divider",
    tabIndex: 0,
    role: "slider",
    ariaLabel: text.compare.divider,
    ariaValueMin: "0",
    ariaValueMax: "100",
    ariaOrientation: "horizontal",
  });
  let at = 0.5;
  const move = (to: number): void => {
    at = Math.min(Math.max(to, 0), 1);
    const percent = Math.round(at * 100);
    handle.ariaValueNow = String(percent);
    handle.ariaValueText = text.compare.dividerAt(percent);
    frame.style.setProperty("--split", `${at * 100}%`);
    onMove(at);
  };
  handle.addEventListener("keydown", (event) => {
    const next = MOVES[event.key];
    if (!next) return;
    event.preventDefault();
    move(next(at));
  });
  handle.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    handle.setPointerCapture(event.pointerId);
    handle.focus({ preventScroll: true });
  });
  handle.addEventListener("pointermove", (event) => {
    if (!handle.hasPointerCapture(event.pointerId)) return;
    const { left, width } = frame.getBoundingClientRect();
    move((event.clientX - left) / width);
  });
  move(at);
  return handle;
}
