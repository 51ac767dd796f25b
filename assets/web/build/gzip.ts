/**
 * Writes a gzip copy beside every file of the page that gains from it, so that the server never compresses at run time.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Plugin } from "vite";

const compress = promisify(gzip);

/** A copy is kept only when it is smaller than this share of the file. */
const WORTHWHILE = 0.9;

/** The plugin; runs last, when every file is on disk. */
export function gzipBeside(): Plugin {
  return {
    name: "gzip-beside",
    apply: "build",
    async writeBundle(options, bundle) {
      const folder = options.dir ?? ".";
      await Promise.all(Object.keys(bundle).map((name) => writeCopy(join(folder, name))));
    },
  };
}

async function writeCopy(path: string): Promise<void> {
  const plain = await readFile(path);
  const packed = await compress(plain, { level: 9 });
  if (packed.length < plain.length * WORTHWHILE) {
    await writeFile(`${path}.gz`, packed);
  }
}
