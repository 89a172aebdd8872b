// SPDX-License-Identifier: Apache-2.0
// The dashboard's pure parts, by node's own runner.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cli } from '../../controller/ui/src/cli.js';
import { ago, base64, bits, board, bytes, clock, count, duration, percent, processor } from '../../controller/ui/src/format.js';
import { parse, parseLabels, secretOf } from '../../controller/ui/src/parse.js';
import {
	addEvents, addFrame, addStep, countStates, framesOf, hold, isMoved, isWaiting, matches, rowsInView, sortNodes, takeOutput, waterfall, withNames,
	wordsOf,
} from '../../controller/ui/src/state/reduce.js';
import { backoff, makeHub, topicsOf } from '../../controller/ui/src/stream/hub.js';
import { makeParser } from '../../controller/ui/src/stream/sse.js';

const node = (id, more = {}) => ({ id, name: '', state: 'running', admission: 'approved', address: '', macs: [], labels: {}, ...more });
const ids = (nodes) => nodes.map((one) => one.id).join(' ');

test('nodes are sorted by what needs a look, then by name as people count', () => {
	const nodes = [node('n-3', { name: 'rack-10' }), node('n-2', { name: 'rack-9' }), node('n-1', { state: 'down' }), node('n-4', { state: 'clash' })];
	assert.equal(ids(sortNodes([...nodes], 'state')), 'n-4 n-1 n-2 n-3');
	assert.equal(ids(sortNodes([...nodes], '-name')), 'n-3 n-2 n-4 n-1');
});

test('addresses are sorted as numbers, and the order is total', () => {
	const nodes = [node('n-2', { address: '10.0.0.10' }), node('n-1', { address: '10.0.0.9' }), node('n-4'), node('n-3')];
	assert.equal(ids(sortNodes(nodes, 'address')), 'n-3 n-4 n-1 n-2');
	assert.equal(ids(sortNodes([node('n-b', { name: 'x' }), node('n-a', { name: 'x' })], 'name')), 'n-a n-b');
});

test('a change of figures moves no row, a change of state does', () => {
	assert.equal(isMoved(node('a'), node('a', { uptime_s: 5, why: 'x' })), false);
	assert.equal(isMoved(node('a'), node('a', { state: 'down' })), true);
	assert.equal(isMoved(null, node('a')), true);
});

test('a held list keeps its order and counts what waits', () => {
	assert.deepEqual(hold(['a', 'b', 'c'], ['c', 'a', 'b', 'd']), { ids: ['a', 'b', 'c'], waiting: 2 });
	assert.deepEqual(hold(['a', 'b'], ['a', 'b']), { ids: ['a', 'b'], waiting: 0 });
	assert.deepEqual(hold(['a', 'b'], ['b', 'c'], true), { ids: ['a', 'b', 'c'], waiting: 1 });
});

test('what waits for a person is pending, discovered, or a clash', () => {
	assert.deepEqual([node('a'), node('b', { admission: 'pending' }), node('c', { admission: 'discovered' }), node('d', { clash: 'n-a' })].map(isWaiting),
		[false, true, true, true]);
});

test('the filter takes all words, in any field', () => {
	const one = node('n-1', { name: 'Rack1', address: '10.0.0.7', macs: ['52:54:00:00:00:01'], labels: { site: 'north' } });
	assert.equal(matches(one, wordsOf('rack1 SITE=north')), true);
	assert.equal(matches(one, wordsOf('54:00 10.0.0.8')), false);
	assert.deepEqual(wordsOf('  '), []);
});

test('states are counted', () => {
	assert.deepEqual(countStates([node('a'), node('b'), node('c', { state: 'off' })]), { running: 2, off: 1 });
});

test('a step joins the boot that it belongs to, an update replaces it', () => {
	const at = '2026-01-01T00:00:00.000Z';
	let boots = addStep([], { node: 'n', started: at, kind: 'file', detail: 'a', start: at, end: null, bytes: 1 });
	boots = addStep(boots, { node: 'n', started: at, kind: 'file', detail: 'a', start: at, end: at, bytes: 9 });
	assert.equal(boots.length, 1);
	assert.equal(boots[0].steps.length, 1);
	assert.equal(boots[0].steps[0].bytes, 9);
	boots = addStep(boots, { node: 'n', started: '2026-01-02T00:00:00.000Z', kind: 'discover', detail: '', start: at, end: at });
	assert.equal(boots[0].started, '2026-01-02T00:00:00.000Z');
	assert.equal(boots[1].steps[0].bytes, 9);
});

test('a boot has at most so many steps', () => {
	let boots = [];
	for (let i = 0; i < 80; i++) {
		boots = addStep(boots, { node: 'n', started: 's', kind: 'file', detail: String(i), start: 's', end: null });
	}
	assert.equal(boots[0].steps.length, 64);
});

test('the waterfall: fractions of the whole, an open step goes on until now', () => {
	const boot = { steps: [{ kind: 'blob', detail: '', start: '2026-01-01T00:00:01Z', end: null }, { kind: 'file', detail: '', start: '2026-01-01T00:00:00Z', end: '2026-01-01T00:00:01Z' }] };
	const chart = waterfall(boot, Date.parse('2026-01-01T00:00:04Z'));
	assert.equal(chart.span, 4000);
	assert.deepEqual(chart.steps.map((step) => [step.kind, step.from, step.length, step.isOpen]), [['file', 0, 0.25, false], ['blob', 0.25, 0.75, true]]);
	assert.equal(waterfall({ steps: [] }, 5).steps.length, 0);
	assert.equal(waterfall({ steps: [{ kind: 'x', start: 'no time' }] }, 5).steps.length, 0);
});

test('the waterfall: waiting for a person is a row of its own and little of the width', () => {
	const at = (s) => new Date(Date.parse('2026-01-01T00:00:00Z') + s * 1000).toISOString();
	const one = (kind, start, end) => ({ kind, detail: '', start: at(start), end: end === null ? null : at(end), problem: null });
	const boot = { steps: [one('discover', 0, 0), one('hello', 2, 2), one('manifest', 602, 603), one('guest', 603, 606)], ended: null };
	const chart = waterfall(boot, Date.parse(at(606)));
	assert.deepEqual(chart.steps.map((step) => step.kind), ['discover', 'hello', 'wait', 'manifest', 'guest']);
	assert.equal(chart.waited, 600_000);
	const [, hello, wait, manifest, guest] = chart.steps;
	assert.ok(Math.abs(wait.length - 0.12) < 1e-9 && Math.abs(wait.from - hello.from) < 1e-9);
	assert.ok(Math.abs(manifest.from - (wait.from + wait.length)) < 1e-9);
	assert.ok(Math.abs(guest.length - 0.88 / 2) < 1e-9, 'three of six seconds of work');
	assert.ok(Math.abs(guest.from + guest.length - 1) < 1e-9);
	// One that waits now; one that was approved at once; one that nobody waits for.
	const waits = waterfall({ steps: boot.steps.slice(0, 2), ended: null }, Date.parse(at(10)), true);
	assert.deepEqual([waits.steps.at(-1).kind, waits.steps.at(-1).isOpen, waits.waited], ['wait', true, 8000]);
	assert.equal(waterfall({ steps: boot.steps.slice(0, 2), ended: null }, Date.parse(at(10))).waited, 0);
	assert.equal(waterfall({ steps: [one('hello', 0, 0), one('manifest', 0.5, 1)], ended: null }, 0).waited, 0);
});

test('what is named by digits is called by its name', () => {
	const kernel = 'ab'.repeat(32);
	const manifest = 'cd'.repeat(32);
	const blobs = [{ kind: 'kernel', sha256: kernel }, { kind: 'manifest', sha256: manifest }];
	assert.equal(withNames(`It fetches ${kernel}: 34 %.`, blobs), 'It fetches kernel: 34 %.');
	assert.equal(withNames(`It fetches ${kernel.slice(0, 12)}: 34 %.`, blobs), 'It fetches kernel: 34 %.');
	assert.equal(withNames(`It reads the manifest ${manifest}.`, blobs), 'It reads the manifest cdcdcdcdcdcd….');
	assert.equal(withNames('Nodes run the release cdcdcdcdcdcd, not 525400770001.', blobs), 'Nodes run the release cdcdcdcdcdcd, not 525400770001.');
	assert.equal(withNames('ef'.repeat(32), blobs), 'efefefefefef…');
	assert.equal(withNames('aether.img', undefined), 'aether.img');
	assert.equal(withNames(undefined, blobs), '');
	assert.deepEqual(['0x410fd083', '0x410fd034', '0x00000000', 'hostile', undefined].map(processor),
		['Cortex-A72 r0p3', 'Cortex-A53 r0p4', '0x00000000', 'hostile', undefined]);
	assert.deepEqual(['linux,dummy-virt', 'acme,board', 'constructor', '', undefined].map(board), ['QEMU virt', 'acme,board', 'constructor', '', undefined]);
});

test('the waterfall: a step with a problem is over', () => {
	const chart = waterfall({ steps: [{ kind: 'blob', start: '2026-01-01T00:00:00Z', end: null, problem: 'blob-stalled' }] }, Date.parse('2026-01-01T01:00:00Z'));
	assert.equal(chart.steps[0].isOpen, false);
});

test('events: newest first, each once, bounded', () => {
	const events = addEvents([{ index: 3 }, { index: 1 }], [{ index: 3 }, { index: 2 }, { index: 9 }]);
	assert.deepEqual(events.map((event) => event.index), [9, 3, 2, 1]);
	assert.equal(addEvents([{ index: 2 }, { index: 1 }], [{ index: 3 }], 2).length, 2);
	const same = [{ index: 1 }];
	assert.equal(addEvents(same, [{ index: 1 }]), same);
});

test('frames: five minutes, none twice', () => {
	let frames = [];
	for (let i = 0; i < 400; i++) {
		frames = addFrame(frames, { time: new Date(i * 1000).toISOString() });
	}
	assert.equal(frames.length, 300);
	assert.equal(addFrame(frames, { time: new Date(5000).toISOString() }), frames);
});

test('columns become frames, gaps none', () => {
	const frames = framesOf({
		start: '2026-01-01T00:00:00Z', step_s: 1, count: 3, cpu: { guest: [0.1, null, 0.3], idle: [0.9, null, 0.7] }, memory: { free: [1, null, 3] },
		net: {}, exits: { wfi: [5, null, null] }, total: { irq: [7, null, 9] },
	});
	assert.equal(frames.length, 2);
	assert.deepEqual([frames[1].time, frames[1].cpu.guest, frames[1].memory.free, frames[1].irq], ['2026-01-01T00:00:02.000Z', 0.3, 3, 9]);
	assert.deepEqual(framesOf({ start: null, count: 0 }), []);
	assert.deepEqual(framesOf(undefined), []);
});

test('output is shown once, and a gap is seen', () => {
	const data = new Uint8Array([1, 2, 3]);
	assert.deepEqual(takeOutput(10, 10, data), { gap: false, bytes: data, have: 13 });
	assert.deepEqual([...takeOutput(11, 10, data).bytes], [2, 3]);
	assert.equal(takeOutput(13, 10, data).bytes, null);
	assert.equal(takeOutput(9, 10, data).gap, true);
});

test('only rows in view are drawn', () => {
	assert.deepEqual(rowsInView({ top: 0, height: 400, rowHeight: 40, rows: 1000 }), [0, 16]);
	assert.deepEqual(rowsInView({ top: -4000, height: 400, rowHeight: 40, rows: 1000 }), [94, 116]);
	assert.deepEqual(rowsInView({ top: 5000, height: 400, rowHeight: 40, rows: 1000 }), [0, 6]);
	assert.deepEqual(rowsInView({ top: -90_000, height: 400, rowHeight: 40, rows: 3 }), [0, 3]);
});

test('addresses mean pages', () => {
	assert.deepEqual(parse('/'), { page: 'fleet' });
	assert.deepEqual(parse('/nodes/n-1'), { page: 'node', id: 'n-1' });
	assert.deepEqual(parse('/nodes/n-1/console/2'), { page: 'console', id: 'n-1', slot: 2 });
	assert.deepEqual(parse('/nodes/n-1/console'), { page: 'console', id: 'n-1', slot: 0 });
	for (const bad of ['/nodes/n-1/console/x', '/nodes/a/b/c/d', '/events/1', '/elsewhere', '/constructor', '/%', '/nodes/%zz', '/nodes/..%2fsettings', '/nodes/n-1?x']) {
		assert.equal(parse(bad).page, 'none', bad);
	}
});

test('a sign-in link, or its secret, or nothing', () => {
	const secret = 'ab'.repeat(32);
	for (const text of [secret, `#${secret}`, ` http://127.0.0.1:8080/sign-in#${secret} `]) {
		assert.equal(secretOf(text), secret);
	}
	for (const text of ['', '#', '#main', 'http://x/#<script>alert(1)</script>', 'a'.repeat(500)]) {
		assert.equal(secretOf(text), '');
	}
});

test('labels are KEY=VALUE', () => {
	assert.deepEqual(parseLabels('rack=2, site=north\nempty='), { rack: '2', site: 'north', empty: '' });
	assert.throws(() => parseLabels('rack'), /"rack" is not KEY=VALUE/);
	assert.throws(() => parseLabels('=x'));
});

test('a line of aetherctl is quoted for a shell', () => {
	assert.equal(cli.rename('n-1', "it's"), "aetherctl node rename n-1 'it'\\''s'");
	assert.equal(cli.power('n-1', 'off'), 'aetherctl node power n-1 off');
	assert.equal(cli.label('n-1', { a: '1' }, { a: '0', b: '2' }), 'aetherctl node label n-1 a=1 b-');
	assert.equal(cli.label('n-1', { a: '1 2' }), "aetherctl node label n-1 'a=1 2'");
});

test('figures as people read them', () => {
	assert.deepEqual([bytes(0), bytes(1536), bytes(NaN), bits(950), bits(4e6), count(1195.4), count(12.34), percent(0.126), percent(undefined)],
		['0 B', '1.5 KiB', '–', '950 bit/s', '4.0 Mbit/s', '1195', '12.3', '13 %', '–']);
	assert.deepEqual([duration(0.5), duration(250), duration(9500), duration(61_000), duration(7.2e6), duration(NaN)],
		['500 µs', '250 ms', '9.5 s', '1 min 1 s', '2 h 0 min', '–']);
	const now = Date.parse('2026-01-01T12:00:42Z');
	assert.deepEqual([ago('2026-01-01T12:00:00Z', now), ago('2026-01-01T12:00:42Z', now), ago(null, now)], ['42 s ago', 'now', 'never']);
	assert.equal(clock('nothing'), '–');
	assert.equal(new TextDecoder().decode(base64.decode(base64.encode('é\r'))), 'é\r');
});

test('events in pieces of any size are the same events', () => {
	const text = ': ping\n\nid: 7\nevent: node\ndata: {"a":\ndata: 1}\r\n\r\nretry: 5\nevent: hello\ndata: {}\n\ndata: alone\n\n';
	const whole = [];
	makeParser((event) => whole.push(event))(text);
	assert.deepEqual(whole, [{ type: 'node', id: '7', data: '{"a":\n1}' }, { type: 'hello', id: '7', data: '{}' }, { type: 'message', id: '7', data: 'alone' }]);
	for (let size = 1; size < 9; size++) {
		const pieces = [];
		const feed = makeParser((event) => pieces.push(event));
		for (let at = 0; at < text.length; at += size) {
			feed(text.slice(at, at + size));
		}
		assert.deepEqual(pieces, whole);
	}
});

test('a stream without line ends is given up', () => {
	const feed = makeParser(() => {});
	assert.throws(() => {
		for (let i = 0; i < 10; i++) {
			feed('x'.repeat(1 << 20));
		}
	});
});

test('topics are what all tabs want, each once', () => {
	assert.deepEqual(topicsOf([]), ['nodes', 'events', 'boots', 'system']);
	assert.deepEqual(topicsOf([{ telemetry: ['b', 'a'] }, { telemetry: ['a'], consoles: ['n:0'] }, {}]).slice(4), ['telemetry:a+b', 'console:n:0']);
	const many = topicsOf([{ telemetry: Array.from({ length: 3000 }, (_, i) => `n${i}`), consoles: Array.from({ length: 20 }, (_, i) => `n:${i}`) }]);
	assert.equal(many[4].split('+').length, 1024);
	assert.equal(many.length, 5 + 8);
});

test('waiting grows, and is never the same for all', () => {
	assert.ok(backoff(0, () => 0) < backoff(3, () => 0) && backoff(99, () => 1) <= 10_000);
	assert.notEqual(backoff(1, () => 0), backoff(1, () => 1));
});

// --- the hub, with a network of our own
function network() {
	const asked = [];
	const streams = [];
	return {
		asked, streams, status: 200,
		async fetch(url, { method = 'GET', body, signal } = {}) {
			asked.push({ url, method, body: body && JSON.parse(body) });
			if (method === 'POST') {
				return { ok: true, status: 204 };
			}
			if (this.status !== 200) {
				return { ok: false, status: this.status };
			}
			let control;
			const stream = new ReadableStream({ start: (one) => (control = one) });
			const send = (text) => control.enqueue(new TextEncoder().encode(text));
			signal.addEventListener('abort', () => control.error(new Error('aborted')));
			streams.push({ send, end: () => control.close() });
			send(`id: 40\nevent: hello\ndata: {"stream":"c-${streams.length}","index":40}\n\n`);
			return { ok: true, status: 200, body: stream };
		},
	};
}

async function until(what) {
	for (let i = 0; i < 400; i++) {
		if (what()) {
			return;
		}
		await new Promise((resolve) => setTimeout(resolve, 5));
	}
	throw new Error(`not within two seconds: ${what}`);
}

const tab = () => {
	const got = [];
	return { got, postMessage: (message) => got.push(message), states: () => got.filter((one) => one.kind === 'status').map((one) => one.state) };
};

test('hub: many tabs are one stream, and its topics follow them', async () => {
	const net = network();
	const hub = makeHub({ fetch: net.fetch.bind(net) });
	const tabs = [tab(), tab(), tab()];
	tabs.forEach((one, i) => hub.receive(one, { kind: 'want', telemetry: [`n-${i}`] }));
	await until(() => net.asked.some((one) => one.method === 'POST'));
	assert.equal(net.streams.length, 1);
	assert.deepEqual(net.asked.at(-1).body.topics.at(-1), 'telemetry:n-0+n-1+n-2');
	net.streams[0].send('id: 41\nevent: node\ndata: {"id":"n-1"}\n\n');
	await until(() => tabs.every((one) => one.got.some((message) => message.type === 'node')));
	hub.receive(tabs[0], { kind: 'bye' });
	await until(() => net.asked.at(-1).body?.topics.at(-1) === 'telemetry:n-1+n-2');
	hub.stop();
});

test('hub: a lost stream is said, and goes on behind what was seen', async () => {
	const net = network();
	const hub = makeHub({ fetch: net.fetch.bind(net) });
	const one = tab();
	hub.receive(one, { kind: 'want' });
	await until(() => net.streams.length === 1 && one.states().includes('live'));
	net.streams[0].send('id: 57\nevent: node\ndata: {}\n\n');
	await until(() => one.got.some((message) => message.id === '57'));
	net.streams[0].end();
	await until(() => one.states().includes('lost'));
	await until(() => net.streams.length === 2);
	assert.match(net.asked.filter((ask) => ask.method === 'GET').at(-1).url, /after=57$/);
	await until(() => one.states().at(-1) === 'live');
	net.streams[1].send('id: 90\nevent: resync\ndata: {}\n\n');
	await until(() => one.got.some((message) => message.kind === 'resync'));
	hub.stop();
});

test('hub: signed out is not tried again by itself, but when asked', async () => {
	const net = network();
	net.status = 401;
	const hub = makeHub({ fetch: net.fetch.bind(net) });
	const one = tab();
	hub.receive(one, { kind: 'want' });
	await until(() => one.states().includes('signed-out'));
	hub.receive(one, { kind: 'alive' });
	await new Promise((resolve) => setTimeout(resolve, 50));
	assert.equal(net.asked.length, 1);
	net.status = 200;
	hub.receive(one, { kind: 'retry' });
	await until(() => one.states().at(-1) === 'live');
	hub.stop();
});

test('hub: without a tab there is no stream', async () => {
	const net = network();
	const hub = makeHub({ fetch: net.fetch.bind(net) });
	const one = tab();
	hub.receive(one, { kind: 'want' });
	await until(() => net.streams.length === 1);
	hub.receive(one, { kind: 'bye' });
	await new Promise((resolve) => setTimeout(resolve, 600));
	assert.equal(net.streams.length, 1);
	hub.receive(one, { kind: 'want' });
	await until(() => net.streams.length === 2);
	hub.stop();
});
