#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// build.mjs NPM OUT: bundles the dashboard with the packages below NPM/node_modules into OUT, compresses it, and writes
// OUT/assets.c, the table of controller/http/assets.h. It fails when the first load is over its budget, and when
// something in the output would leave the host or need inline script.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

// What a browser fetches before the first page is drawn, as gzip: brotli is smaller still.
const FIRST_LOAD_BYTES = 80_000;

const types = {
	html: 'text/html; charset=utf-8',
	js: 'text/javascript; charset=utf-8',
	css: 'text/css; charset=utf-8',
	svg: 'image/svg+xml',
};

const here = dirname(fileURLToPath(import.meta.url));
const [npm, out] = process.argv.slice(2).map((path) => resolve(path));
if (!out) {
	fail('usage: build.mjs NPM OUT');
}
const modules = join(npm, 'node_modules');
const esbuild = createRequire(join(npm, 'package.json'))('esbuild');

function fail(what) {
	console.error(`controller/ui: ${what}`);
	process.exit(1);
}

const files = new Map(); // path -> { bytes, isHashed }

function add(path, bytes, isHashed) {
	files.set(path, { bytes: Buffer.from(bytes), isHashed });
}

async function bundle(entry, more) {
	const result = await esbuild.build({
		absWorkingDir: here,
		bundle: true,
		minify: true,
		write: false,
		metafile: true,
		outdir: out,
		target: 'es2022',
		nodePaths: [modules],
		entryPoints: [entry],
		entryNames: '[name]-[hash]',
		chunkNames: '[name]-[hash]',
		legalComments: 'none',
		logLevel: 'warning',
		...more,
	});
	const made = Object.entries(result.metafile.outputs).map(([path, output], i) => ({
		path: `/${path.split('/').pop()}`,
		isEntry: output.entryPoint === entry,
		needs: output.imports.filter((one) => one.kind === 'import-statement').map((one) => `/${one.path.split('/').pop()}`),
		bytes: result.outputFiles[i].contents,
	}));
	made.forEach((one) => add(one.path, one.bytes, true));
	return made;
}

const entryOf = (made) => made.find((one) => one.isEntry).path;

// The entry and what it imports at once, and they in turn.
function closure(made, path, into = new Set()) {
	if (!into.has(path)) {
		into.add(path);
		made.find((one) => one.path === path).needs.forEach((one) => closure(made, one, into));
	}
	return into;
}

const theme = entryOf(await bundle('src/theme.js', { format: 'iife' }));
const worker = entryOf(await bundle('src/stream/worker.js', { format: 'iife' }));
const style = entryOf(await bundle('src/style/main.css', {}));
const app = await bundle('src/main.js', {
	format: 'esm',
	splitting: true,
	define: { STREAM_WORKER: JSON.stringify(worker) },
});
const main = entryOf(app);
const atOnce = [...closure(app, main)];
add('/favicon.svg', readFileSync(join(here, 'src/favicon.svg')), false);
const preloads = atOnce.filter((path) => path !== main).map((path) => `<link rel="modulepreload" href="${path}">`);
add('/index.html', readFileSync(join(here, 'src/index.html'), 'utf8')
	.replace('<!--preload-->', preloads.join(''))
	.replace('%theme%', theme).replace('%style%', style).replace('%main%', main), false);

for (const [path, file] of files) {
	const text = file.bytes.toString();
	// Names of XML vocabularies are not addresses; what libraries have in messages is allowed by its host.
	const hosts = [...text.matchAll(/https?:\/\/([a-z0-9.-]+)/gi)].map((match) => match[1])
		.filter((host) => !['www.w3.org'].includes(host));
	if (path.endsWith('.html') && (hosts.length || /<script(?![^>]*\ssrc=)|\son[a-z]+=|\sstyle=/i.test(text))) {
		fail(`${path}: inline script or style, or another host: ${hosts.join(' ')}`);
	}
	if (path.endsWith('.css') && (hosts.length || /@import|url\((?!["']?data:)/.test(text))) {
		fail(`${path}: fetches something: ${hosts.join(' ')}`);
	}
}

// --- compressed, and as C
rmSync(out, { recursive: true, force: true });
mkdirSync(join(out, 'www'), { recursive: true });

function compress(program, args, file) {
	const made = execFileSync(program, [...args, file], { maxBuffer: 1 << 26 });
	return made.length < readFileSync(file).length ? made : null;
}

const sizes = new Map();
const arrays = [];
const rows = [];
let number = 0;

function array(bytes) {
	if (!bytes) {
		return 'NULL, 0';
	}
	const name = `bytes_${number++}`;
	const lines = [];
	for (let i = 0; i < bytes.length; i += 32) {
		lines.push(`\t${[...bytes.subarray(i, i + 32)].join(',')},`);
	}
	arrays.push(`static const uint8_t ${name}[] = {\n${lines.join('\n')}\n};`);
	return `${name}, sizeof(${name})`;
}

for (const [path, file] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
	const on_disk = join(out, 'www', path);
	writeFileSync(on_disk, file.bytes);
	const gz = compress('gzip', ['-9nc'], on_disk);
	const br = compress('brotli', ['-q', '11', '-c'], on_disk);
	sizes.set(path, { raw: file.bytes.length, gz: (gz ?? file.bytes).length, br: (br ?? file.bytes).length });
	const type = types[path.split('.').pop()] ?? fail(`${path}: no type for it`);
	const etag = createHash('sha256').update(file.bytes).digest('hex').slice(0, 24);
	rows.push(`\t{"${path}", "${type}", ${array(file.bytes)},\n\t ${array(gz)}, ${array(br)},\n\t "\\"${etag}\\"", ` +
		`${file.isHashed}},`);
}
writeFileSync(join(out, 'assets.c'), `/* SPDX-License-Identifier: Apache-2.0 */
/* The dashboard. Made by controller/ui/build.mjs. */
#include "http/assets.h"

${arrays.join('\n')}
const struct http_asset http_assets[] = {
${rows.join('\n')}
};
const size_t http_asset_count = sizeof(http_assets) / sizeof(http_assets[0]);
`);

const first = ['/index.html', '/favicon.svg', theme, style, worker, ...atOnce];
const sum = (kind) => first.reduce((total, path) => total + sizes.get(path)[kind], 0);
const table = [...sizes].map(([path, size]) => `${String(size.raw).padStart(8)}${String(size.gz).padStart(8)}` +
	`${String(size.br).padStart(8)}  ${first.includes(path) ? 'first' : 'later'}  ${path}`);
const report = `     raw    gzip  brotli\n${table.join('\n')}\n` +
	`${String(sum('raw')).padStart(8)}${String(sum('gz')).padStart(8)}${String(sum('br')).padStart(8)}  first load\n`;
writeFileSync(join(out, 'sizes'), report);
if (process.env.V === '1') {
	process.stdout.write(report);
}
if (sum('gz') > FIRST_LOAD_BYTES) {
	rmSync(join(out, 'assets.c'));
	process.stderr.write(report);
	fail(`the first load is ${sum('gz')} bytes of gzip, ${FIRST_LOAD_BYTES} at most; load more of it later`);
}
