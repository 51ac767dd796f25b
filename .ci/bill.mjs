// What is inside of the executable: licences.txt with the words of each licence, and sbom.cdx.json (CycloneDX 1.6).
//
//   node .ci/bill.mjs FOLDER    writes both into FOLDER
//
// Everything comes from cargo's and npm's own lists, for the target that is built; nothing is asked of the network, and
// the same lists give the same bytes. Stops at a licence that the project does not allow, and at a package without one.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

const [folder] = process.argv.slice(2);
const target = process.env.TARGET;
const page = 'assets/web';

// Keep in step with deny.toml, where the same is said for cargo-deny.
const allowed = [
  'MIT', 'MIT-0', 'Apache-2.0', 'Apache-2.0 WITH LLVM-exception', 'BSD-1-Clause', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD',
  'ISC', 'Zlib', 'IJG', 'CC0-1.0', 'Unlicense', 'Unicode-3.0', 'BSL-1.0', 'CDLA-Permissive-2.0', 'NCSA',
];

/** Whether an SPDX expression can be fulfilled with licences that are allowed. */
function isAllowed(expression) {
  const alternatives = expression.replaceAll('/', ' OR ').replaceAll(/[()]/g, ' ( ').split(/\s+OR\s+/);
  // An expression with brackets is rare: each of its licences must then be allowed, which asks for more than it does.
  if (expression.includes('(')) {
    const names = expression.replaceAll(/[()]/g, ' ').split(/\s+(?:OR|AND)\s+/).map((name) => name.trim());
    return names.every((name) => allowed.includes(name));
  }
  return alternatives.some((one) => one.split(/\s+AND\s+/).every((name) => allowed.includes(name.trim())));
}

/** The texts that come with a package, also those of C and C++ sources inside of it. */
function texts(root, depth = 0) {
  const isText = /^(licen[cs]e|copying|notice|patents|authors|unlicense|copyright)([-._].*)?$/i;
  const isSource = /\.(rs|c|cc|cpp|h|py|js|mjs|ts|go|cmake|toml|json|in|html)$/i;
  const isOther = /^(node_modules|tests?|examples?|benches|target|third_party_tests|\.git)$/i;
  const found = [];
  for (const entry of readdirSync(root, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(root, entry.name);
    if (entry.isFile() && isText.test(entry.name) && !isSource.test(entry.name)) found.push(path);
    if (entry.isDirectory() && isText.test(entry.name)) found.push(...readdirSync(path).sort().map((name) => join(path, name)));
    if (entry.isDirectory() && !isOther.test(entry.name) && depth < 3) found.push(...texts(path, depth + 1));
  }
  return [...new Set(found)];
}

/** What cargo links into the executable for the target. */
function crates() {
  const filter = target ? ['--filter-platform', target] : [];
  const run = ['metadata', '--locked', '--offline', '--format-version', '1', ...filter];
  const metadata = JSON.parse(execFileSync('cargo', run, { maxBuffer: 1 << 28 }));
  const macros = new Set(metadata.packages.filter(({ targets }) => targets.some(({ kind }) => kind.includes('proc-macro')))
    .map(({ id }) => id));
  const nodes = new Map(metadata.resolve.nodes.map((node) => [node.id, node]));
  const reached = new Set();
  const follow = (id) => {
    if (reached.has(id)) return;
    reached.add(id);
    for (const { pkg, dep_kinds: kinds } of nodes.get(id).deps) {
      // Null is the usual kind. What only builds or tests the executable, as macros do, is not in it.
      if (!macros.has(pkg) && kinds.some(({ kind }) => kind === null)) follow(pkg);
    }
  };
  follow(metadata.resolve.root);
  const packages = metadata.packages.filter(({ id }) => reached.has(id) && id !== metadata.resolve.root);
  const own = metadata.packages.find(({ id }) => id === metadata.resolve.root);
  const checksums = new Map(
    [...readFileSync('Cargo.lock', 'utf8').matchAll(/name = "(.+)"\nversion = "(.+)"\n(?:source = .*\n)?checksum = "(.+)"/g)]
      .map(([, name, version, sum]) => [`${name}@${version}`, sum]));
  return { own, parts: packages.map(({ name, version, license, license_file: file, manifest_path: path }) => ({
    kind: 'cargo', name, version, license: license ?? (file ? 'see text' : ''), root: path.slice(0, path.lastIndexOf(sep)),
    sum: checksums.get(`${name}@${version}`), algorithm: 'SHA-256',
  })) };
}

/** What is in the page: what npm installs, less what only builds it and leaves nothing there. */
function modules() {
  const { packages } = JSON.parse(readFileSync(`${page}/package-lock.json`, 'utf8'));
  const { dependencies } = JSON.parse(readFileSync(`${page}/package.json`, 'utf8'));
  return Object.keys(dependencies).filter((name) => name !== 'vite').map((name) => {
    const { version, license, integrity } = packages[`node_modules/${name}`];
    const sum = Buffer.from(integrity.split('-')[1], 'base64').toString('hex');
    return { kind: 'npm', name, version, license, root: installed(name), sum, algorithm: 'SHA-512' };
  });
}

/** Where the build has installed an npm package. */
function installed(name) {
  const places = (process.env.PAGE_MODULES ?? `${page}/node_modules`).split(':').map((place) => join(place, name));
  const place = places.find((one) => existsSync(one));
  if (!place) throw new Error(`${name} is not installed in ${places}: build first`);
  return place;
}

const { own, parts: linked } = crates();
const parts = [...linked, ...modules()].sort((a, b) => (`${a.name}@${a.version}` < `${b.name}@${b.version}` ? -1 : 1));
const refused = parts.filter(({ license }) => license !== 'see text' && !isAllowed(license));
if (refused.length > 0) {
  console.error(`licences that are not allowed: ${refused.map((one) => `${one.name} (${one.license || 'none'})`).join(', ')}`);
  process.exit(1);
}

// Hundreds of packages come with the very same text: each is printed once, under a number.
const numbers = new Map();
let said = `GLB Optimizer ${own.version} contains the work of others, under these licences. The texts are below.\n\n`;
for (const { kind, name, version, license, root } of parts) {
  said += `${name} ${version} (${kind}): ${license}\n`;
  for (const path of texts(root)) {
    const text = readFileSync(path, 'utf8').replaceAll('\r\n', '\n').trim();
    if (!numbers.has(text)) numbers.set(text, numbers.size + 1);
    said += `    ${relative(root, path)}: text ${numbers.get(text)}\n`;
  }
}
for (const [text, number] of numbers) said += `\n${'='.repeat(78)}\nText ${number}\n\n${text}\n`;
writeFileSync(join(folder, 'licences.txt'), said);

const purl = ({ kind, name, version }) => `pkg:${kind}/${encodeURIComponent(name)}@${encodeURIComponent(version)}`;
const bill = {
  bomFormat: 'CycloneDX', specVersion: '1.6', version: 1,
  metadata: {
    // The time of the commit, not of the build: the same source gives the same file.
    timestamp: new Date(1000 * Number(process.env.SOURCE_DATE_EPOCH ?? 0)).toISOString().replace('.000', ''),
    component: {
      type: 'application', 'bom-ref': 'glb-optimizer', name: own.name, version: own.version,
      licenses: [{ expression: own.license }],
    },
  },
  components: parts.map((part) => ({
    type: 'library', 'bom-ref': purl(part), name: part.name, version: part.version, purl: purl(part),
    licenses: part.license === 'see text' ? [{ license: { name: 'see licences.txt' } }]
      : [{ expression: part.license.replaceAll('/', ' OR ') }],
    ...(part.sum ? { hashes: [{ alg: part.algorithm, content: part.sum }] } : {}),
  })),
};
writeFileSync(join(folder, 'sbom.cdx.json'), `${JSON.stringify(bill, null, 2)}\n`);
