/** Takes files that are dropped anywhere on the page, and makes buttons that choose one. */
import { make } from "./dom.ts";
import { text } from "./strings.ts";

/** Calls `onFiles` with what was dropped on the window, and marks the page while something hangs over it. */
export function acceptDrops(onFiles: (files: File[]) => void): void {
  document.body.append(make("div", { className: "drop-veil", ariaHidden: "true" }, make("p", {}, text.start.dropHere)));
  let depth = 0;
  const mark = (change: number): void => {
    depth = Math.max(0, depth + change);
    document.body.toggleAttribute("data-dragging", depth > 0);
  };
  window.addEventListener("dragenter", (event) => hasFiles(event) && mark(+1));
  window.addEventListener("dragleave", (event) => hasFiles(event) && mark(-1));
  window.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  window.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    mark(-depth);
    onFiles([...(event.dataTransfer?.files ?? [])]);
  });
}

/** A button that opens the file dialog. Really a label around an input, so that it works by keyboard and by test alike. */
export function fileButton(label: string, style: string, onFiles: (files: File[]) => void): HTMLElement {
  const input = make("input", { type: "file", accept: ".glb,model/gltf-binary", className: "visually-hidden" });
  input.addEventListener("change", () => {
    const files = [...(input.files ?? [])];
    // Emptied, so that choosing the same file again is a change again.
    input.value = "";
    if (files.length > 0) onFiles(files);
  });
  return make("label", { className: `button ${style}` }, input, label);
}

function hasFiles(event: DragEvent): boolean {
  return event.dataTransfer?.types.includes("Files") ?? false;
}
