// SPDX-License-Identifier: Apache-2.0
// GET /api/v1/stream of the stand-in: topics, numbers, resuming out of a ring, a frame of figures a second.
const RING = 4096;
const PING_MS = 10_000;

export function makeStreams(fleetOf) {
	const open = new Map(); // id -> { reply, topics }
	const ring = [];
	let index = 1000;
	let next = 1;
	let cutUntil = 0;

	const write = (reply, type, id, json) =>
		reply.write(`${id ? `id: ${id}\n` : ''}event: ${type}\ndata: ${JSON.stringify(json)}\n\n`);

	function publish(topic, type, json) {
		const event = { index: ++index, topic, type, json: typeof json === 'function' ? json(index) : json };
		ring.push(event);
		if (ring.length > RING) {
			ring.shift();
		}
		for (const one of open.values()) {
			if (one.topics.includes(topic)) {
				write(one.reply, type, index, event.json);
			}
		}
	}

	// What is first said of a console is its place.
	function begin(reply, topics, before) {
		for (const topic of topics.filter((name) => name.startsWith('console:') && !before.includes(name))) {
			const [, node, slot] = topic.split(':');
			if (fleetOf().find(node)) {
				write(reply, 'console', 0, { node, slot: Number(slot), offset: fleetOf().output(node, Number(slot), 0).newest, data: '' });
			}
		}
	}

	setInterval(() => {
		for (const one of open.values()) {
			const topic = one.topics.find((name) => name.startsWith('telemetry'));
			if (topic !== undefined) {
				write(one.reply, 'telemetry', 0, fleetOf().telemetry(topic.slice('telemetry:'.length).split('+')));
			}
		}
	}, 1000).unref();
	setInterval(() => open.forEach((one) => one.reply.write(': ping\n\n')), PING_MS).unref();

	return {
		publish,
		count: () => open.size,
		console(node, slot, offset, text) {
			for (const one of open.values()) {
				if (one.topics.includes(`console:${node}:${slot}`)) {
					write(one.reply, 'console', 0, { node, slot, offset, data: Buffer.from(text).toString('base64') });
				}
			}
		},
		open(request, reply, query) {
			if (Date.now() < cutUntil) {
				request.socket.destroy();
				return;
			}
			const id = `c-${String(next++).padStart(10, 'a')}`;
			const topics = (query.get('topics') ?? '').split(',').filter(Boolean);
			reply.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
			open.set(id, { reply, topics });
			request.socket.setNoDelay(true);
			reply.on('close', () => open.delete(id));
			const after = Number(query.get('after') ?? request.headers['last-event-id'] ?? NaN);
			write(reply, 'hello', Number.isNaN(after) ? index : after, { stream: id, index });
			begin(reply, topics, []);
			if (!Number.isNaN(after)) {
				if (after < (ring[0]?.index ?? index) - 1) {
					write(reply, 'resync', index, {});
				} else {
					ring.filter((event) => event.index > after && topics.includes(event.topic))
						.forEach((event) => write(reply, event.type, event.index, event.json));
				}
			}
		},
		change(id, topics) {
			const one = open.get(id);
			if (one && Array.isArray(topics)) {
				begin(one.reply, topics, one.topics);
				one.topics = topics;
			}
			return Boolean(one);
		},
		// Ends every stream, and refuses new ones for so long.
		cut(ms) {
			cutUntil = Date.now() + ms;
			const count = open.size;
			open.forEach((one) => one.reply.destroy());
			return { cut: count };
		},
	};
}
