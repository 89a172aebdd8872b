// SPDX-License-Identifier: Apache-2.0
// The built files, with the rules of controller/http/assets.c.
import { existsSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml' };

export function serveFile(dir, path, request, reply) {
	const isPage = !path.split('/').pop().includes('.');
	const name = isPage ? '/index.html' : path;
	const file = join(dir, name);
	if (name.includes('..') || !types[extname(name)] || !existsSync(file)) {
		reply.writeHead(404).end();
		return;
	}
	const bytes = readFileSync(file);
	const isGzip = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
	reply.writeHead(200, {
		'Content-Type': types[extname(name)], ...(isGzip && { 'Content-Encoding': 'gzip' }), Vary: 'Accept-Encoding',
		'Cache-Control': /-[A-Z0-9]{8}\./.test(name) ? 'public, max-age=31536000, immutable' : 'no-cache',
	});
	reply.end(isGzip ? gzipSync(bytes) : bytes);
}
