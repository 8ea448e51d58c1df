// Compresses what was built, so that the server needn't, and holds the size of
// what a browser loads before it shows a page: the entry, and the largest page.
import { readFileSync, readdirSync, writeFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const limit = 300_000; // bytes of JavaScript, compressed by gzip
const dist = new URL('../dist/', import.meta.url).pathname;

const manifest = JSON.parse(readFileSync(join(dist, '.vite/manifest.json'), 'utf8'));
rmSync(join(dist, '.vite'), { recursive: true });

const sizes = new Map();
for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  const file = join(entry.parentPath, entry.name);
  if (!entry.isFile() || !/\.(js|css|html|svg|json)$/.test(file)) continue;
  const content = readFileSync(file);
  const gz = gzipSync(content, { level: 9 });
  sizes.set(file.slice(dist.length), gz.length);
  if (content.length < 1024) continue;
  writeFileSync(file + '.gz', gz);
  writeFileSync(file + '.br', brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
}

/** The scripts that `name` needs before it runs. */
function scripts(name, into = new Set()) {
  const chunk = manifest[name];
  if (into.has(chunk.file)) return into;
  into.add(chunk.file);
  for (const next of chunk.imports ?? []) scripts(next, into);
  return into;
}

const [entry] = Object.keys(manifest).filter((name) => manifest[name].isEntry);
const views = (manifest[entry].dynamicImports ?? []).map((name) => {
  const files = scripts(name, scripts(entry));
  return { name, bytes: [...files].reduce((sum, file) => sum + sizes.get(file), 0) };
});
if (views.length < 4) throw new Error(`only ${views.length} pages are loaded when they are opened`);
views.sort((a, b) => b.bytes - a.bytes);
const first = [...scripts(entry)].reduce((sum, file) => sum + sizes.get(file), 0);
console.log(`javascript_entry_bytes: ${first}\njavascript_largest_view_bytes: ${views[0].bytes} (${views[0].name})`);
if (views[0].bytes > limit) throw new Error(`${views[0].name} loads ${views[0].bytes} bytes of JavaScript, more than ${limit}`);
