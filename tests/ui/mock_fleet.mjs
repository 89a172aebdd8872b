// SPDX-License-Identifier: Apache-2.0
// The stand-in's nodes: every state from the start, and a life of their own: what is approved boots, runs, writes to its
// console, goes silent and comes back.
const WORDS = {
	discovered: ['It was seen on the network and has not said hello.', 'Wait until it says hello, or approve it now by its MAC address.'],
	pending: ['It said hello and waits for somebody to decide.', 'Approve or reject it.'],
	booting: ['It fetches kernel.', 'Wait: it goes on by itself.'],
	running: ['All its guests run.', 'Nothing to do.'],
	failed: ['The transfer of vmlinuz was cut off.', 'Look at the cable and the switch port; it tries again by itself.'],
	suspect: ['No contact for 3 s; its guests may still run.', 'Wait a few seconds.'],
	down: ['No contact for 42 s; its guests may still run.', 'Look at its power and its cable, or switch it off and on.'],
	off: ['Its power was switched off.', 'Switch it on.'],
	rejected: ['It was rejected: it gets nothing from this controller.', 'Approve it if that was a mistake.'],
	retired: ['It was taken out of service.', 'Approve it to take it into service again.'],
	clash: ['Two nodes with the same serial, UUID or MAC address live at once. Neither is trusted.',
		'Approve the one that is yours (the other is then rejected), or reject one.'],
};
const AXES = {
	discovered: ['discovered', 'booting', 'never'], pending: ['pending', 'booting', 'never'], booting: ['approved', 'booting', 'alive'],
	running: ['approved', 'running', 'alive'], failed: ['approved', 'failed', 'alive'], suspect: ['approved', 'running', 'suspect'],
	down: ['approved', 'running', 'down'], off: ['approved', 'off', 'down'], rejected: ['rejected', 'off', 'never'],
	retired: ['retired', 'off', 'down'], clash: ['approved', 'running', 'alive'],
};
const FIRST = ['pending', 'discovered', 'pending', 'running', 'running', 'booting', 'failed', 'suspect', 'down', 'off', 'rejected', 'retired', 'clash', 'clash'];
const CAUSES = ['wfi', 'stage2', 'hvc', 'sysreg', 'irq', 'smc'];
const BLOBS = [['kernel', 11_534_336, '1'.repeat(64)], ['initramfs', 3_276_800, '2'.repeat(64)]];
const CONSOLE_KEPT = 65_536;
const BEGAN = Date.now();
const GREETING = '\x1b]0;a title that must not be set\x07\x1b]52;c;aGVsbG8=\x07[    0.000000] Booting Linux on physical CPU 0x0000000000 [0x410fd083]\r\n' +
	'[    0.000000] Machine model: aether,virt-a72\r\n[    0.412003] virtio_net virtio0 \x1b[32meth0\x1b[0m: renamed\r\n' +
	'\x1b[1;32maether-guest\x1b[0m: up in 1.42 s\r\n# ';

const digits = (number, count) => number.toString(16).padStart(count, '0');
const base32 = (number) => `n-${number.toString(32).padStart(10, 'a')}`;
const stamp = (ms = Date.now()) => new Date(ms).toISOString();

export function makeFleet({ count, rate, publish, console: stream }) {
	const nodes = new Map();
	const hidden = new Map(); // id -> { boots, output, start, seed }
	const events = [];
	const timers = new Set();
	let made = 0;

	const later = (ms, what) => {
		const timer = setTimeout(() => {
			timers.delete(timer);
			what();
		}, ms);
		timers.add(timer);
	};

	function tell(kind, node, said, actor = '') {
		const text = node ? said.replace(/^It /, `${node.name || node.id} `) : said;
		publish('events', 'event', (index) => {
			const event = { index, time: stamp(), kind, node: node?.id ?? '', actor, request: actor ? 'r-mock' : '', text };
			events.unshift(event);
			events.length = Math.min(events.length, 5000);
			return event;
		});
	}

	function change(node, more) {
		Object.assign(node, more);
		publish('nodes', 'node', node);
	}

	function setState(node, state, more = {}) {
		const [admission, stage, contact] = AXES[state];
		const [why, next] = WORDS[state];
		change(node, { state, admission, stage, contact, why, next, ...more });
	}

	function make(state) {
		const i = made++;
		const id = base32(i * 7919 + 33);
		const isPi = i % 3 === 2;
		const node = {
			id, rev: 1, name: ['pending', 'discovered'].includes(state) ? '' : `rack${1 + Math.floor(i / 16)}-${String(i % 16).padStart(2, '0')}`,
			labels: i % 4 ? {} : { site: 'north', rack: String(1 + Math.floor(i / 16)) }, cordoned: i % 11 === 4, clash: null, locating: false,
			macs: [`52:54:00:${digits(i >> 16, 2)}:${digits((i >> 8) & 255, 2)}:${digits(i & 255, 2)}`],
			serial: state === 'discovered' ? '' : digits(0x10000000 + i * 65_537, 16), uuid: isPi ? '' : `5ae7e12e-0000-4000-8000-${digits(i, 12)}`,
			address: `10.77.${Math.floor(i / 200)}.${10 + (i % 200)}`, network: 'aether0', port: i % 2 ? `sw1/${i % 48}` : '',
			board: isPi ? 'Raspberry Pi 4 B' : 'QEMU virt', cpus: state === 'discovered' ? 0 : 4, memory_mib: state === 'discovered' ? 0 : isPi ? 4096 : 1024,
			gic: state === 'discovered' ? 0 : isPi ? 2 : 3, hostname: `aether-${digits(i, 4)}`, created: stamp(Date.now() - 86_400_000 - i * 1000),
			last_contact: stamp(), guests: [], service_restarts: i % 7 === 3 ? 2 : 0, uptime_s: 3600 + i, release: 'aether 0.3.0',
			boot: null,
		};
		nodes.set(id, node);
		hidden.set(id, { boots: [], output: '', start: 0, seed: i });
		const [admission, stage, contact] = AXES[state];
		const [why, next] = WORDS[state];
		Object.assign(node, { state, admission, stage, contact, why, next });
		if (!['discovered', 'pending', 'rejected'].includes(state)) {
			seedBoot(node, state);
		}
		if (['running', 'suspect', 'down', 'clash'].includes(state)) {
			node.guests = guestsOf('running');
			print(node, GREETING);
		}
		return node;
	}

	const guestsOf = (state) => [{ slot: 0, name: 'vm0', state, reason: '', percent: state === 'running' ? 100 : 0, restarts: 0 },
		{ slot: 1, name: 'vm1', state, reason: '', percent: state === 'running' ? 100 : 0, restarts: 1 }];

	function seedBoot(node, state) {
		let at = Date.now() - 3_600_000;
		const steps = [];
		const push = (kind, detail, ms, size = 0) => {
			steps.push({ kind, detail, start: stamp(at), end: stamp(at + ms), bytes: size, total: size, problem: null });
			at += ms;
		};
		push('discover', '', 12);
		push('offer', node.address, 40);
		push('file', 'aether.img', 420, 2_097_152);
		push('file', 'config-default.dtb', 25, 1312);
		at += 180;
		push('hello', '', 9);
		push('manifest', 'aether.dtb', 30, 2210);
		if (state === 'failed') {
			steps.push({ kind: 'blob', detail: BLOBS[0][2], start: stamp(at), end: stamp(at + 900), bytes: 4_194_304, total: BLOBS[0][1], problem: 'transfer-cut' });
		} else {
			BLOBS.forEach(([, size, sha256]) => push('blob', sha256, size / 16_000, size));
			push('guest', 'vm0', 1420);
		}
		const boot = { id: digits(hidden.get(node.id).seed + 0xb000, 16), started: steps[0].start, ended: null,
			outcome: state === 'failed' ? 'transfer-cut' : 'running', problem: state === 'failed' ? 'transfer-cut' : null,
			text: state === 'failed' ? `The transfer of ${BLOBS[0][2]} was cut off.` : null, steps };
		hidden.get(node.id).boots.unshift(boot);
		node.boot = { id: boot.id, started: boot.started, step: state === 'failed' ? 'blob' : 'guest', percent: null, problem: boot.problem };
		if (state === 'booting') {
			node.boot = { ...node.boot, step: 'blob', percent: 63 };
		}
	}

	function boot(node) {
		const own = hidden.get(node.id);
		const one = { id: digits(Math.floor(Math.random() * 2 ** 48), 16), started: stamp(), ended: null, outcome: '', problem: null, text: null, steps: [] };
		if (own.boots[0]) {
			own.boots[0].ended = one.started;
		}
		own.boots.unshift(one);
		own.boots.length = Math.min(own.boots.length, 6);
		node.guests = [];
		const plan = [['discover', '', 150, 0], ['offer', node.address, 100, 0], ['file', 'aether.img', 400, 2_097_152], ['hello', '', 50, 0],
			['manifest', 'aether.dtb', 80, 2210], ...BLOBS.map(([, size, sha256]) => ['blob', sha256, 500, size]), ['guest', 'vm0', 500, 0]];
		const say = { discover: 'asks for an address', offer: 'was offered an address', file: 'loads', hello: 'said hello', manifest: 'reads the manifest',
			blob: 'fetches', guest: 'starts its guest' };
		function step(i) {
			if (own.boots[0] !== one || node.admission !== 'approved') {
				return;
			}
			if (i === plan.length) {
				one.outcome = 'running';
				setState(node, 'running', { guests: guestsOf('running'), boot: { ...node.boot, step: 'guest', percent: null }, uptime_s: 2, last_contact: stamp() });
				tell('node.running', node, 'All its guests run.');
				print(node, GREETING);
				return;
			}
			const [kind, detail, ms, size] = plan[i];
			const made = { kind, detail, start: stamp(), end: null, bytes: 0, total: size, problem: null };
			one.steps.push(made);
			const words = `${say[kind]} ${detail}`.trim();
			const now = { id: one.id, started: one.started, step: kind, percent: size ? 0 : null, problem: null };
			setState(node, 'booting', { why: `It ${words}.`, boot: now });
			publish('boots', 'step', { node: node.id, started: one.started, ...made });
			later(ms / 2, () => {
				if (size) {
					change(node, { boot: { ...now, percent: 50 }, why: `It ${words}: 50 %.` });
					publish('boots', 'step', { node: node.id, started: one.started, ...made, bytes: size / 2 });
				}
			});
			later(ms, () => {
				Object.assign(made, { end: stamp(), bytes: size });
				publish('boots', 'step', { node: node.id, started: one.started, ...made });
				step(i + 1);
			});
		}
		step(0);
	}

	function fall(node) {
		const silent = stamp();
		setState(node, 'suspect', { last_contact: silent, why: 'No contact for 3 s; its guests may still run.' });
		tell('node.suspect', node, 'No contact for 3 s.');
		later(1500, () => {
			if (node.state === 'suspect') {
				setState(node, 'down', { why: 'No contact for 8 s; its guests may still run.' });
				tell('node.down', node, 'No contact for 8 s; its guests may still run.');
			}
		});
	}

	function print(node, text) {
		const own = hidden.get(node.id);
		const offset = own.start + own.output.length;
		own.output += text;
		const over = own.output.length - CONSOLE_KEPT;
		if (over > 0) {
			own.output = own.output.slice(over);
			own.start += over;
		}
		stream(node.id, 0, offset, text);
	}

	function figure(node, ms) {
		const seed = hidden.get(node.id).seed;
		const wave = (period, phase) => 0.5 + 0.5 * Math.sin((ms / 1000 / period) * 6.28 + seed + phase);
		const guest = 0.08 + 0.6 * wave(47, 1) * wave(13, 2);
		const service = 0.02 + 0.03 * wave(9, 3);
		const cpu = { guest, service, core: 0.012, idle: 1 - guest - service - 0.012 };
		return {
			time: stamp(ms), cpu, memory: { guest: 512, service: 48, core: 6, free: (node.memory_mib || 1024) - 566 },
			net: { rx_bps: 4e6 * wave(31, 1), tx_bps: 9e5 * wave(19, 2), rx_drop: 0 },
			exits: Object.fromEntries(CAUSES.map((cause, i) => [cause, Math.round(1800 / (i + 1) * (0.4 + wave(23 + i, i)))])), irq: 900 + 300 * wave(17, 0),
			restarts: node.service_restarts, guests: [{ slot: 0, cpu: 4 * guest - 0.01, exits: {} }, { slot: 1, cpu: 0.01, exits: {} }],
		};
	}

	const acts = {
		approve(node) {
			node.rev++;
			tell('node.approved', node, 'It was approved.', 'admin');
			if (node.clash && nodes.get(node.clash)) {
				setState(nodes.get(node.clash), 'rejected', { clash: null });
				node.clash = null;
			}
			setState(node, 'booting', { why: 'It boots.', cpus: node.cpus || 4, memory_mib: node.memory_mib || 1024, gic: node.gic || 3 });
			later(120, () => boot(node));
		},
		reject(node) {
			if (node.admission === 'approved' && !node.clash) {
				return false;
			}
			node.rev++;
			tell('node.rejected', node, 'It was rejected.', 'admin');
			setState(node, 'rejected', { clash: null });
		},
		retire(node) {
			node.rev++;
			tell('node.retired', node, 'It was retired.', 'admin');
			setState(node, 'retired', { guests: [] });
		},
		reboot(node) {
			tell('node.reboot', node, 'It was told to boot again.', 'admin');
			boot(node);
		},
		'restart-guests'(node) {
			tell('node.guests', node, 'Its guests were told to start again.', 'admin');
			change(node, { guests: node.guests.map((guest) => ({ ...guest, restarts: guest.restarts + 1 })) });
		},
		locate(node, { on }) {
			change(node, { locating: on });
		},
		power(node, { action }) {
			tell(`power.${action}`, node, `Its power was ${action === 'reset' ? 'reset' : `switched ${action}`}.`, 'admin');
			if (action === 'off') {
				later(300, () => fall(node));
			} else {
				later(300, () => boot(node));
			}
		},
	};

	for (let i = 0; i < count; i++) {
		make(i < FIRST.length ? FIRST[i] : 'running');
	}
	const clashing = [...nodes.values()].filter((node) => node.state === 'clash');
	clashing.forEach((node, i) => {
		const other = clashing[i ^ 1];
		Object.assign(node, { clash: other.id, serial: clashing[0].serial });
		node.why = `Two nodes with the same serial, UUID or MAC address live at once: the other one is ${other.id}. Neither is trusted.`;
	});
	[...nodes.values()].slice(0, 40).forEach((node) => tell('node.seen', node, 'It was seen on the network.'));

	if (rate) {
		setInterval(() => {
			const running = [...nodes.values()].filter((node) => node.state === 'running');
			const node = running[Math.floor(Math.random() * running.length)];
			if (node) {
				fall(node);
				later(9000, () => node.admission === 'approved' && boot(node));
			}
		}, 1000 / rate).unref();
	}

	return {
		events, rules: [], tokens: [], settings: { interval_ms: 1000 },
		release: { name: 'aether', version: '0.3.0', manifest: 'a1b2c3'.padEnd(64, '0'),
			blobs: BLOBS.map(([kind, size, sha256]) => ({ kind, bytes: size, sha256 })) },
		list: () => [...nodes.values()].sort((a, b) => (a.id < b.id ? -1 : 1)),
		find: (id) => nodes.get(id),
		boots: (node) => hidden.get(node.id).boots,
		history(node) {
			const count = node.stage === 'running' ? 300 : 0;
			const frames = Array.from({ length: count }, (_, i) => figure(node, Date.now() - (count - i) * 1000));
			const columns = (group, keys) => Object.fromEntries(keys.map((key) => [key, frames.map((frame) => frame[group][key])]));
			return {
				start: frames[0]?.time ?? null, step_s: 1, count: frames.length, cpu: columns('cpu', ['guest', 'service', 'core', 'idle']),
				memory: columns('memory', ['guest', 'service', 'core', 'free']), net: columns('net', ['rx_bps', 'tx_bps', 'rx_drop']),
				total: { irq: frames.map((frame) => frame.irq) }, exits: columns('exits', CAUSES),
			};
		},
		whole: (node) => ({
			...node, boots: hidden.get(node.id).boots, live: figure(node, Date.now()),
			facts: node.cpus ? { core_version: '0.3.0', core_build: 'd0d849e1aa7c4f22', service_sha256: '9f'.repeat(32), cpu: 'Cortex-A72', counter_hz: 62_500_000,
				stages: [{ name: 'entry', us: 14 }, { name: 'memory', us: 5210 }, { name: 'gic', us: 6100 }, { name: 'service', us: 12_904 }, { name: 'network', us: 48_333 }] } : {},
		}),
		telemetry: (ids) => ({
			time: stamp(),
			nodes: Object.fromEntries(ids.map((id) => nodes.get(id)).filter((node) => node?.stage === 'running' && node.contact === 'alive')
				.map((node) => [node.id, (({ time, ...rest }) => rest)(figure(node, Date.now()))])),
		}),
		system: () => ({
			version: '0.3.0', time: stamp(), started: stamp(BEGAN), power: true, dhcp: { state: 'up', why: null },
			process: { cpu_user_s: process.cpuUsage().user / 1e6, cpu_system_s: process.cpuUsage().system / 1e6, rss_bytes: process.memoryUsage().rss },
			database: { bytes: 1_441_792 },
			networks: [{ interface: 'aether0', mode: 'authoritative', address: '10.77.0.1/22', first: '10.77.0.10', last: '10.77.3.250', unknown: 'enroll' }],
		}),
		act(id, what, body) {
			const node = nodes.get(id);
			if (!acts[what] || (what !== 'approve' && what !== 'reject' && node.admission !== 'approved')) {
				return null;
			}
			return acts[what](node, body) === false ? null : node;
		},
		patch(id, body) {
			const node = nodes.get(id);
			node.rev++;
			change(node, body);
			tell('node.changed', node, `${Object.keys(body).join(', ')} was changed.`, 'admin');
			return node;
		},
		output(id, slot, from) {
			const own = hidden.get(id);
			const text = slot === 0 ? own.output : '';
			const start = Math.max(own.start, from);
			return { start, end: own.start + text.length, oldest: own.start, newest: own.start + text.length, text: Buffer.from(text.slice(start - own.start)).toString('base64') };
		},
		type(id, slot, text) {
			if (slot === 0) {
				print(nodes.get(id), text.replaceAll('\r', '\r\n# '));
			}
			return {};
		},
		add(list, prefix, body) {
			const one = { id: `${prefix}-${list.length + 1}-${Date.now().toString(36)}`, created: stamp(), ...body };
			list.push(one);
			return one;
		},
		remove(list, id) {
			const at = list.findIndex((one) => one.id === id);
			if (at >= 0) {
				list.splice(at, 1);
			}
		},
		mock(what, query) {
			if (what === 'appear') {
				const node = make('discovered');
				publish('nodes', 'node', node);
				tell('node.seen', node, 'It was seen on the network.');
				later(400, () => node.admission === 'discovered' && setState(node, 'pending', { cpus: 4, memory_mib: 1024, gic: 3, serial: digits(0x7000 + made, 16) }));
				return node;
			}
			const node = nodes.get(query.id);
			if (what === 'silence') {
				fall(node);
			} else if (what === 'vanish') {
				nodes.delete(query.id);
				publish('nodes', 'node.gone', { id: query.id });
			} else if (what === 'print') {
				print(node, query.text);
			}
			return node ?? {};
		},
	};
}
