#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// mock.mjs DIR: a stand-in for aetherd's people's listener, for work on the dashboard and for its tests: the built files of
// DIR (build/ui/www), and the API over a fleet that exists in here alone. Prints {"url","link"} as its first line.
// PORT=0 NODES=24 RATE=1 (changes of state a second, by themselves) QUIET=1 (nothing happens by itself)
//
// Beside the API, for tests: POST /mock/{appear|vanish|silence|cut|clash} (loopback, no session asked).
import { createServer } from 'node:http';
import { serveFile } from './mock_files.mjs';
import { makeFleet } from './mock_fleet.mjs';
import { makeStreams } from './mock_stream.mjs';

const dir = process.argv[2];
if (!dir) {
	console.error('usage: mock.mjs DIR');
	process.exit(2);
}
const LINK = 'mock-sign-in-link-0000000000000000';
const SESSION = 'mock-session';
const BODY_MAX = 65_536;

const streams = makeStreams(() => fleet);
const fleet = makeFleet({
	count: Number(process.env.NODES ?? 24), rate: process.env.QUIET ? 0 : Number(process.env.RATE ?? 0.5),
	publish: streams.publish, console: streams.console,
});

const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
	"worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

class Problem extends Error {
	constructor(status, title, detail) {
		super(detail);
		this.status = status;
		this.title = title;
	}
}
const none = (what) => new Problem(404, 'Not found', `${what} is not there.`);

function send(reply, status, json, headers = {}) {
	const type = status >= 400 ? 'application/problem+json' : 'application/json';
	reply.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store', ...headers });
	reply.end(json === undefined ? undefined : JSON.stringify(json));
}

async function bodyOf(request) {
	let text = '';
	for await (const piece of request) {
		text += piece;
		if (text.length > BODY_MAX) {
			throw new Problem(413, 'Too large', 'The body is over 64 KiB.');
		}
	}
	try {
		return text ? JSON.parse(text) : {};
	} catch {
		throw new Problem(400, 'Bad request', 'The body is not JSON.');
	}
}

const node = (id) => fleet.find(id) ?? (() => {
	throw none(`Node ${id}`);
})();

const routes = [
	['GET', '/session', () => ({ actor: 'admin', ends: new Date(Date.now() + 6e8).toISOString() })],
	['DELETE', '/session', (_, { reply }) => reply.setHeader('Set-Cookie', 'aether_session=; Max-Age=0; Path=/') && undefined],
	['GET', '/nodes', (_, { query }) => page(fleet.list(), query, (one) => one.id)],
	['POST', '/nodes/approve', (_, { body }) => ({ results: body.ids.map((id) => ({ id, ok: Boolean(fleet.find(id) && fleet.act(id, 'approve')) })) })],
	['GET', '/nodes/{}', ([id]) => fleet.whole(node(id))],
	['PATCH', '/nodes/{}', ([id], { body, request }) => {
		const match = request.headers['if-match'];
		if (match && match !== `"${node(id).rev}"`) {
			throw new Problem(412, 'It has changed', 'Somebody else changed the node. Look at it again.');
		}
		return fleet.patch(id, body);
	}],
	['GET', '/nodes/{}/boots', ([id]) => ({ items: fleet.boots(node(id)) })],
	['GET', '/nodes/{}/telemetry', ([id]) => fleet.history(node(id))],
	['GET', '/nodes/{}/consoles/{}', ([id, slot], { query }) => node(id) && fleet.output(id, Number(slot), Number(query.get('from') ?? 0))],
	['POST', '/nodes/{}/consoles/{}', ([id, slot], { body }) => node(id) && fleet.type(id, Number(slot), Buffer.from(body.input, 'base64').toString())],
	['POST', '/nodes/{}/{}', ([id, what], { body }) => {
		const done = fleet.act(node(id).id, what, body);
		if (!done) {
			throw new Problem(409, 'Not possible now', `The node is ${node(id).admission}; ${what} does not fit that.`);
		}
		return done;
	}],
	['GET', '/events', (_, { query }) => {
		const before = Number(query.get('after') ?? Infinity);
		const list = fleet.events.filter((one) => one.index < before && (!query.get('node') || one.node === query.get('node')));
		const items = list.slice(0, Number(query.get('limit') ?? 100));
		return { items, next: list.length > items.length ? String(items.at(-1).index) : null };
	}],
	['GET', '/rules', () => ({ items: fleet.rules, next: '' })],
	['POST', '/rules', (_, { body }) => fleet.add(fleet.rules, 'r', body)],
	['DELETE', '/rules/{}', ([id]) => fleet.remove(fleet.rules, id)],
	['GET', '/tokens', () => ({ items: fleet.tokens, next: '' })],
	['POST', '/tokens', (_, { body }) => ({ ...fleet.add(fleet.tokens, 't', body), token: `aec_t-1_${'0123456789abcdef'.repeat(4)}` })],
	['DELETE', '/tokens/{}', ([id]) => fleet.remove(fleet.tokens, id)],
	['GET', '/settings', () => fleet.settings],
	['PATCH', '/settings', (_, { body }) => Object.assign(fleet.settings, body)],
	['GET', '/release', () => fleet.release],
	['GET', '/system', () => ({ ...fleet.system(), http: { requests: 0, streams: streams.count() } })],
	['POST', '/stream/{}', ([id], { body }) => {
		if (!streams.change(id, body.topics)) {
			throw none('That stream');
		}
	}],
];

function page(list, query, keyOf) {
	const limit = Number(query.get('limit') ?? 100);
	const after = query.get('after') ?? '';
	const rest = list.filter((one) => keyOf(one) > after);
	const items = rest.slice(0, limit);
	return { items, next: rest.length > limit ? keyOf(items.at(-1)) : '' };
}

function match(pattern, path) {
	const a = pattern.split('/');
	const b = path.split('/');
	if (a.length !== b.length || !a.every((part, i) => part === '{}' || part === b[i])) {
		return null;
	}
	return b.filter((_, i) => a[i] === '{}').map(decodeURIComponent);
}

async function answerApi(request, reply, url) {
	const path = url.pathname.slice('/api/v1'.length);
	const isIn = (request.headers.cookie ?? '').includes(`aether_session=${SESSION}`);
	if (request.method === 'POST' && path === '/session') {
		const { link } = await bodyOf(request);
		if (link !== LINK) {
			throw new Problem(401, 'Not signed in', 'The link is not one of ours, or it was used, or its 15 minutes are over.');
		}
		send(reply, 204, undefined, { 'Set-Cookie': `aether_session=${SESSION}; HttpOnly; SameSite=Strict; Path=/` });
		return;
	}
	if (!isIn) {
		throw new Problem(401, 'Not signed in', 'Open a sign-in link.');
	}
	if (request.method === 'GET' && path === '/stream') {
		streams.open(request, reply, url.searchParams);
		return;
	}
	for (const [method, pattern, handler] of routes) {
		const params = method === request.method && match(pattern, path);
		if (params) {
			const body = method === 'GET' ? {} : await bodyOf(request);
			const answer = handler(params, { query: url.searchParams, body, request, reply });
			send(reply, answer === undefined ? 204 : 200, answer);
			return;
		}
	}
	throw none(url.pathname);
}

const server = createServer(async (request, reply) => {
	const url = new URL(request.url, 'http://mock');
	reply.setHeader('X-Request-Id', 'r-mock');
	reply.setHeader('Content-Security-Policy', csp);
	reply.setHeader('X-Content-Type-Options', 'nosniff');
	try {
		if (url.pathname.startsWith('/mock/')) {
			const what = url.pathname.slice(6);
			send(reply, 200, what === 'cut' ? streams.cut(Number(url.searchParams.get('ms') ?? 0)) : fleet.mock(what, Object.fromEntries(url.searchParams)));
		} else if (url.pathname.startsWith('/api/')) {
			await answerApi(request, reply, url);
		} else {
			serveFile(dir, url.pathname, request, reply);
		}
	} catch (error) {
		const status = error.status ?? 500;
		send(reply, status, { type: 'about:blank', title: error.title ?? 'It failed', status, detail: error.message, request: 'r-mock' });
	}
});
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
	const url = `http://127.0.0.1:${server.address().port}`;
	console.log(JSON.stringify({ url, link: `${url}/sign-in#${LINK}` }));
});
process.on('SIGTERM', () => process.exit(0));
