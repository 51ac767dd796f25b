/**
 * A first look at a file, so that a wrong one is refused at once and not after an upload. The server checks everything again.
 */
import { text, type Problem } from "../strings.ts";

const GLB_MAGIC = 0x46546c67;
const HEADER_BYTES = 12;
const ZIP = 0x04034b50;

/** Says why `blob` is not a binary glTF 2.0 file, or null when its header is that of one. */
export async function refuse(blob: Blob, name: string): Promise<Problem | null> {
  let head: ArrayBuffer;
  try {
    head = await blob.slice(0, HEADER_BYTES).arrayBuffer();
  } catch {
    return text.problems.unreadable(name);
  }
  return judgeHeader(new DataView(head), blob.size, name);
}

/** The same on the first twelve bytes; `size` is the size of the whole file in bytes. */
export function judgeHeader(head: DataView, size: number, name: string): Problem | null {
  if (size === 0) return text.problems.empty(name);
  const magic = head.byteLength >= 4 ? head.getUint32(0, true) : 0;
  if (magic !== GLB_MAGIC) return refuseOther(magic, name);
  if (head.byteLength < HEADER_BYTES) return text.problems.truncated(name, HEADER_BYTES, size);
  const version = head.getUint32(4, true);
  if (version !== 2) return text.problems.oldVersion(name, version);
  const declared = head.getUint32(8, true);
  return declared > size ? text.problems.truncated(name, declared, size) : null;
}

function refuseOther(magic: number, name: string): Problem {
  if (magic === ZIP) return text.problems.zip(name);
  return text.problems.notGlb(name);
}
