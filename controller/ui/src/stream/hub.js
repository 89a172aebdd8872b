// SPDX-License-Identifier: Apache-2.0
// The browser's one connection to GET /api/v1/stream, shared by its tabs. Lives in the SharedWorker, or in the tab that
// leads. Read by fetch() rather than by EventSource, which hides what is needed here: the status (signed out?), and the
// comments by which a silent line is told from a dead one.
//
// To a tab: {kind:'status', state, since, retry, index}, {kind:'event', type, id, data}, {kind:'resync'}.
// From a tab: {kind:'want', telemetry:[ids], consoles:['ID:SLOT']}, {kind:'alive'}, {kind:'retry'}, {kind:'bye'}.
import { makeParser } from './sse.js';

const BASE_TOPICS = ['nodes', 'events', 'boots', 'system'];
const NODES_MOST = 1024; // of one stream, as the controller has it
const CONSOLES_MOST = 8;
const BACKOFF_MS = [250, 500, 1000, 2000, 4000, 8000];
const SILENT_MS = 25_000; // the controller sends a comment more often
const SILENT_TELEMETRY_MS = 5_000; // with frames once a second
const TAB_SILENT_MS = 180_000; // browsers slow the timers of tabs behind to one a minute
const SETTLE_MS = 120; // scrolling changes what is in view many times

export function topicsOf(wants) {
	const telemetry = new Set();
	const consoles = new Set();
	for (const want of wants) {
		(want.telemetry ?? []).forEach((id) => telemetry.add(id));
		(want.consoles ?? []).forEach((one) => consoles.add(one));
	}
	const topics = [...BASE_TOPICS];
	if (telemetry.size) {
		topics.push(`telemetry:${[...telemetry].slice(0, NODES_MOST).sort().join('+')}`);
	}
	[...consoles].slice(0, CONSOLES_MOST).sort().forEach((one) => topics.push(`console:${one}`));
	return topics;
}

export const backoff = (failures, random = Math.random) =>
	BACKOFF_MS[Math.min(failures, BACKOFF_MS.length - 1)] * (0.75 + random() / 2);

export function makeHub({ fetch, after = '' }) {
	const tabs = new Map(); // port -> { want, heard }
	let status = { kind: 'status', state: 'connecting', since: Date.now() };
	let index = after;
	let stream = ''; // its name, by which its topics are changed
	let sent = ''; // topics that it has
	let abort = null;
	let failures = 0;
	let retryTimer = 0;
	let topicsTimer = 0;
	let heard = 0;
	let sawTelemetry = false;

	const tell = (message) => tabs.forEach((_, port) => port.postMessage(message));

	function setStatus(state, more) {
		const since = state === status.state ? status.since : Date.now();
		status = { kind: 'status', state, since, index, ...more };
		tell(status);
	}

	function onEvent(event) {
		if (event.type === 'hello') {
			const hello = JSON.parse(event.data);
			stream = String(hello.stream ?? '');
			index = event.id || index || String(hello.index ?? '');
			failures = 0;
			setStatus('live');
			sendTopics();
			return;
		}
		if (event.type === 'resync') {
			index = event.id || index;
			tell({ kind: 'resync' });
			return;
		}
		if (event.id) {
			index = event.id;
		}
		sawTelemetry ||= event.type === 'telemetry';
		tell({ kind: 'event', type: event.type, id: event.id, data: event.data });
	}

	async function read(signal) {
		sent = BASE_TOPICS.join(',');
		const query = `topics=${sent}${index ? `&after=${encodeURIComponent(index)}` : ''}`;
		const reply = await fetch(`/api/v1/stream?${query}`, {
			headers: { Accept: 'text/event-stream' }, cache: 'no-store', signal,
		});
		if (reply.status === 401) {
			return 'signed-out';
		}
		if (!reply.ok) {
			throw new Error(`the stream answers ${reply.status}`);
		}
		const parse = makeParser(onEvent);
		const decoder = new TextDecoder();
		const reader = reply.body.getReader();
		for (;;) {
			const { done, value } = await reader.read();
			heard = Date.now();
			if (done) {
				throw new Error('the stream ended');
			}
			parse(decoder.decode(value, { stream: true }));
		}
	}

	async function connect() {
		clearTimeout(retryTimer);
		retryTimer = 0;
		const mine = new AbortController();
		abort = mine;
		stream = '';
		sawTelemetry = false;
		heard = Date.now();
		let state = 'lost';
		try {
			state = (await read(mine.signal)) ?? 'lost';
		} catch {
			// Whatever it was, it is tried again.
		}
		mine.abort();
		if (abort !== mine) {
			return;
		}
		abort = null;
		stream = '';
		if (!tabs.size) {
			return;
		}
		const wait = state === 'signed-out' ? 0 : backoff(failures++);
		setStatus(state, { retry: wait ? Date.now() + wait : 0 });
		if (wait) {
			retryTimer = setTimeout(connect, wait);
		}
	}

	async function sendTopics() {
		const topics = topicsOf([...tabs.values()].map((tab) => tab.want));
		if (!stream || topics.join(',') === sent) {
			return;
		}
		sent = topics.join(',');
		sawTelemetry = false;
		const mine = abort;
		try {
			const reply = await fetch(`/api/v1/stream/${encodeURIComponent(stream)}`, {
				method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ topics }),
			});
			if (reply.status === 404 && abort === mine) {
				mine?.abort(); // it is gone on the other side
			} else if (!reply.ok) {
				sent = '';
			}
		} catch {
			sent = '';
		}
	}

	function settle() {
		clearTimeout(topicsTimer);
		topicsTimer = setTimeout(sendTopics, SETTLE_MS);
	}

	function drop(port) {
		tabs.delete(port);
		if (!tabs.size) {
			clearTimeout(retryTimer);
			retryTimer = 0;
			abort?.abort();
			abort = null;
		} else {
			settle();
		}
	}

	function watch() {
		const now = Date.now();
		if (abort && now - heard > (sawTelemetry ? SILENT_TELEMETRY_MS : SILENT_MS)) {
			abort.abort();
		}
		for (const [port, tab] of tabs) {
			if (now - tab.heard > TAB_SILENT_MS) {
				drop(port);
			}
		}
		if (stream && !sent) {
			sendTopics();
		}
	}
	const watcher = setInterval(watch, 1000);

	return {
		receive(port, message) {
			let tab = tabs.get(port);
			if (message.kind === 'bye') {
				drop(port);
				return;
			}
			if (!tab) {
				tab = { want: {}, heard: 0 };
				tabs.set(port, tab);
				port.postMessage({ ...status, index });
			}
			tab.heard = Date.now();
			if (message.kind === 'want') {
				tab.want = message;
				settle();
			}
			if (!abort && (message.kind === 'retry' || (!retryTimer && status.state !== 'signed-out'))) {
				connect();
			}
		},
		stop() {
			clearInterval(watcher);
			[...tabs.keys()].forEach(drop);
		},
	};
}
