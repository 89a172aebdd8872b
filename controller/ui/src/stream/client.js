// SPDX-License-Identifier: Apache-2.0
// A tab's end of the one connection: by the SharedWorker; where there is none, by the tab that holds a lock and leads;
// where there are no locks either, by itself. `receive` gets what stream/hub.js says.
import { makeHub } from './hub.js';

const ALIVE_MS = 20_000;

function byWorker(receive) {
	const worker = new SharedWorker(STREAM_WORKER, { name: 'aether-stream' });
	worker.port.onmessage = (event) => receive(event.data);
	worker.port.start();
	return (message) => worker.port.postMessage(message);
}

function byItself(receive, after) {
	const hub = makeHub({ fetch: window.fetch.bind(window), after });
	const port = { postMessage: receive };
	return { hub, port, send: (message) => hub.receive(port, message) };
}

// Followers speak to the leader over the channel. A new leader goes on behind the last event that it saw as a follower.
function byLeader(receive) {
	const me = Math.random().toString(36).slice(2);
	const channel = new BroadcastChannel('aether-stream');
	let index = '';
	let leads = null;
	let want = { kind: 'want' };

	function take(message) {
		index = message.id || message.index || index;
		receive(message);
	}

	function lead() {
		leads = byItself(take, index);
		const ports = new Map();
		channel.onmessage = ({ data }) => {
			if (data.to !== 'leader') {
				return;
			}
			if (!ports.has(data.from)) {
				ports.set(data.from, { postMessage: (message) => channel.postMessage({ to: data.from, message }) });
			}
			leads.hub.receive(ports.get(data.from), data.message);
			if (data.message.kind === 'bye') {
				ports.delete(data.from);
			}
		};
		channel.postMessage({ to: 'all' });
		leads.send(want);
	}

	const send = (message) => (leads ? leads.send(message) : channel.postMessage({ to: 'leader', from: me, message }));
	channel.onmessage = ({ data }) => {
		if (data.to === 'all') {
			send(want);
		} else if (data.to === me) {
			take(data.message);
		}
	};
	navigator.locks.request('aether-stream', () => new Promise(() => lead()));
	return (message) => {
		if (message.kind === 'want') {
			want = message;
		}
		send(message);
	};
}

export function openStream(receive) {
	let send;
	if (window.SharedWorker) {
		send = byWorker(receive);
	} else if (window.BroadcastChannel && navigator.locks) {
		send = byLeader(receive);
	} else {
		send = byItself(receive, '').send;
	}
	let want = { kind: 'want', telemetry: [], consoles: [] };
	send(want);
	setInterval(() => send({ kind: 'alive' }), ALIVE_MS);
	addEventListener('pagehide', () => send({ kind: 'bye' }));
	addEventListener('pageshow', (event) => event.persisted && send(want));
	return {
		want(telemetry, consoles) {
			want = { kind: 'want', telemetry, consoles };
			send(want);
		},
		retry: () => send({ kind: 'retry' }),
	};
}
