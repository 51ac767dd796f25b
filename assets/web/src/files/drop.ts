/** The ways in for files: dropped anywhere, pasted, chosen one by one or as a folder. All of them end as a list with paths. */
import { make } from "../dom.ts";
import { text } from "../strings.ts";

/** A file with its path within what was chosen: "chair.glb", or "kitchen/chair/chair.gltf" out of a folder. */
export interface Picked {
  path: string;
  file: File;
}

/** What to do with files that came in. */
export type OnFiles = (files: Picked[]) => void;

/** The most files that are read out of dropped folders; the server takes a thousand in one form. */
const MOST_FILES = 5_000;

/** Calls `onFiles` with what is dropped on the window or pasted, and marks the page while something hangs over it. */
export function acceptFiles(onFiles: OnFiles): void {
  document.body.append(make("div", { className: "drop-veil", ariaHidden: "true" }, make("p", {}, text.start.dropHere)));
  let depth = 0;
  const mark = (change: number): void => {
    depth = Math.max(0, depth + change);
    document.body.toggleAttribute("data-dragging", depth > 0);
  };
  window.addEventListener("dragenter", (event) => hasFiles(event.dataTransfer) && mark(+1));
  window.addEventListener("dragleave", (event) => hasFiles(event.dataTransfer) && mark(-1));
  window.addEventListener("dragover", (event) => hasFiles(event.dataTransfer) && event.preventDefault());
  window.addEventListener("drop", (event) => {
    mark(-depth);
    take(event, event.dataTransfer, onFiles);
  });
  window.addEventListener("paste", (event) => take(event, event.clipboardData, onFiles));
}

/** A button that opens the file dialog. Really a label around an input, so that it works by keyboard and by test alike. */
export function fileButton(label: string, style: string, onFiles: OnFiles): HTMLElement {
  const accept = ".glb,.vrm,.gltf,.zip,.bin,.png,.jpg,.jpeg,.webp,.avif,.ktx2,model/gltf-binary";
  return inputButton(label, style, make("input", { type: "file", accept, multiple: true }), onFiles);
}

/** The same for a whole folder. */
export function folderButton(label: string, style: string, onFiles: OnFiles): HTMLElement {
  return inputButton(label, style, make("input", { type: "file", webkitdirectory: true }), onFiles);
}

function inputButton(label: string, style: string, input: HTMLInputElement, onFiles: OnFiles): HTMLElement {
  input.className = "visually-hidden";
  input.addEventListener("change", () => {
    const files = [...(input.files ?? [])].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
    // Emptied, so that choosing the same file again is a change again.
    input.value = "";
    if (files.length > 0) onFiles(files);
  });
  return make("label", { className: `button ${style}` }, input, label);
}

function hasFiles(transfer: DataTransfer | null): boolean {
  return transfer?.types.includes("Files") ?? false;
}

function take(event: Event, transfer: DataTransfer | null, onFiles: OnFiles): void {
  if (!transfer || !hasFiles(transfer)) return;
  event.preventDefault();
  void readTransfer(transfer).then((files) => files.length > 0 && onFiles(files));
}

/** Everything in a drop, folders opened. The entries have to be asked for before the first pause: later they are gone. */
async function readTransfer(transfer: DataTransfer): Promise<Picked[]> {
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const entries = items.map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  const found: Picked[] = [];
  for (const { entry, file } of entries) {
    if (entry?.isDirectory) await walk(entry as FileSystemDirectoryEntry, found);
    else if (file) found.push({ path: file.name, file });
  }
  return found;
}

async function walk(folder: FileSystemDirectoryEntry, found: Picked[]): Promise<void> {
  const reader = folder.createReader();
  // Chromium hands out a hundred entries at a time, and an empty list at the end.
  for (;;) {
    const entries = await new Promise<FileSystemEntry[]>((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (entries.length === 0 || found.length >= MOST_FILES) return;
    for (const entry of entries) {
      if (entry.isDirectory) await walk(entry as FileSystemDirectoryEntry, found);
      else await readEntry(entry as FileSystemFileEntry, found);
    }
  }
}

async function readEntry(entry: FileSystemFileEntry, found: Picked[]): Promise<void> {
  const file = await new Promise<File | null>((resolve) => entry.file(resolve, () => resolve(null)));
  if (file && found.length < MOST_FILES) found.push({ path: entry.fullPath.replace(/^\//, ""), file });
}
