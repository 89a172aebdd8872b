// SPDX-License-Identifier: Apache-2.0
// What the model makes of what it hears. Pure functions, tested by node's runner: no signals, no document.

import { board } from '../format.js';

// In the order in which a person would look at them.
export const STATES = ['clash', 'failed', 'down', 'suspect', 'pending', 'discovered', 'booting', 'running', 'off',
	'rejected', 'retired'];
const rank = new Map(STATES.map((state, i) => [state, i]));
const GONE_RANK = STATES.length;

export const rankOf = (state) => rank.get(state) ?? GONE_RANK;
export const nameOf = (node) => node.name || node.id;
// What a person has to decide on.
export const isWaiting = (node) => Boolean(node.clash) || node.admission === 'pending' || node.admission === 'discovered';

// True when a node's place in a list, or whether it is in it, may be another now.
export function isMoved(before, after) {
	return !before || !after || before.state !== after.state || before.admission !== after.admission ||
		before.name !== after.name || before.address !== after.address || before.board !== after.board ||
		before.clash !== after.clash;
}

// Names as people count: rack-9 before rack-10. A key is made once; comparing keys is what sorting a thousand costs.
const nameKeys = new Map();
function nameKey(name) {
	let key = nameKeys.get(name);
	if (key === undefined) {
		key = name.toLowerCase().replace(/\d+/g, (digits) => digits.padStart(12, '0'));
		if (nameKeys.size > 50_000) {
			nameKeys.clear();
		}
		nameKeys.set(name, key);
	}
	return key;
}
const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const address = (node) => (node.address ?? '').split('.').reduce((sum, part) => sum * 256 + Number(part), 0);

const keys = {
	state: (a, b) => rankOf(a.state) - rankOf(b.state),
	name: (a, b) => compare(nameKey(nameOf(a)), nameKey(nameOf(b))),
	address: (a, b) => address(a) - address(b),
	board: (a, b) => compare(a.board ?? '', b.board ?? ''),
};

// `sort` is a key, with a '-' before it for the other way round. Ties go by name, then id: the order is total.
export function sortNodes(nodes, sort) {
	const down = sort.startsWith('-') ? -1 : 1;
	const by = keys[sort.replace('-', '')] ?? keys.state;
	return nodes.sort((a, b) => down * by(a, b) || keys.name(a, b) || (a.id < b.id ? -1 : 1));
}

export function matches(node, words) {
	const text = [node.name, node.id, node.serial, node.uuid, node.address, node.hostname, node.board, board(node.board), node.port,
		...(node.macs ?? []), ...Object.entries(node.labels ?? {}).map(([k, v]) => `${k}=${v}`)].join(' ').toLowerCase();
	return words.every((word) => text.includes(word));
}

// A sentence or a detail that names a blob by its SHA-256, or by the twelve digits that sentences have, with what the
// release calls it.
export function withNames(text, blobs = []) {
	return (text ?? '').replace(/\b([0-9a-f]{12})([0-9a-f]{52})?\b/g, (whole, digits, rest) => {
		const blob = blobs.find((one) => one.sha256.startsWith(digits));
		return blob && blob.kind !== 'manifest' ? blob.kind : rest ? `${digits}…` : whole;
	});
}

export const wordsOf = (filter) => filter.toLowerCase().split(/\s+/).filter(Boolean);

export function countStates(nodes) {
	const counts = {};
	for (const node of nodes) {
		counts[node.state] = (counts[node.state] ?? 0) + 1;
	}
	return counts;
}

// Rows never move under the pointer. While a list is held, those that it shows keep their places, and new ones come at
// its end when it `mayGrow`; `waiting` is how many would come or go, or stand elsewhere.
export function hold(shown, wanted, mayGrow = false) {
	const now = new Map(wanted.map((id, i) => [id, i]));
	let waiting = 0;
	let last = -1;
	for (const id of shown) {
		const place = now.get(id);
		if (place === undefined || place < last) {
			waiting++;
		} else {
			last = place;
		}
	}
	const known = new Set(shown);
	const fresh = wanted.filter((id) => !known.has(id));
	if (!fresh.length) {
		return { ids: shown, waiting };
	}
	return mayGrow ? { ids: [...shown, ...fresh], waiting } : { ids: shown, waiting: waiting + fresh.length };
}

// A step of a boot, into the waterfall of the boot that began at the same time. Boots stand newest first.
export function addStep(boots, { started, node, ...step }, most = 64) {
	const at = boots.findIndex((one) => one.started === started);
	const boot = at < 0 ? { id: '', started, steps: [] } : boots[at];
	const steps = [...(boot.steps ?? [])];
	const place = steps.findIndex((one) => one.kind === step.kind && one.detail === step.detail && one.start === step.start);
	if (place >= 0) {
		steps[place] = step;
	} else if (steps.length < most) {
		steps.push(step);
	}
	const made = { ...boot, steps };
	if (at >= 0) {
		return boots.map((one, i) => (i === at ? made : one));
	}
	return [...boots, made].sort((x, y) => Date.parse(y.started) - Date.parse(x.started));
}

// Waiting for a person is no part of a boot's work: it has a row of its own, and little of the width.
const WAIT_MS = 1000;
const WAIT_SHARE = 0.12;

function waitOf(steps, now, isWaiting) {
	const hello = steps.findLast((step) => step.kind === 'hello');
	const next = hello && steps.find((step) => ['manifest', 'blob', 'guest'].includes(step.kind) && step.startMs >= hello.endMs);
	const endMs = next ? next.startMs : isWaiting ? now : 0;
	return hello && endMs - hello.endMs >= WAIT_MS
		? { kind: 'wait', detail: '', start: hello.start, startMs: hello.endMs, endMs, isOpen: !next, bytes: 0, total: 0, problem: null } : null;
}

// The waterfall: where each step begins and how long it is, as fractions of the whole. A step without an end goes on
// until `now`, one that only happened has no length. `isWaiting`: its node waits for a person.
export function waterfall(boot, now, isWaiting = false) {
	const steps = (boot?.steps ?? []).map((step) => {
		const start = Date.parse(step.start);
		const end = step.end ? Date.parse(step.end) : step.problem || boot.ended ? start : now;
		return { ...step, startMs: start, endMs: Math.max(start, end), isOpen: !step.end && !step.problem && !boot.ended };
	}).filter((step) => Number.isFinite(step.startMs)).sort((a, b) => a.startMs - b.startMs);
	if (!steps.length) {
		return { steps, begin: now, span: 0 };
	}
	const wait = waitOf(steps, now, isWaiting);
	if (wait) {
		steps.splice(steps.findLastIndex((step) => step.kind === 'hello') + 1, 0, wait);
	}
	const begin = steps[0].startMs;
	const span = Math.max(1, ...steps.map((step) => step.endMs - begin));
	const waited = wait ? wait.endMs - wait.startMs : 0;
	const worked = Math.max(1, span - waited);
	const share = Math.min(waited / span, WAIT_SHARE);
	const place = (ms) => {
		const inside = wait ? Math.min(waited, Math.max(0, ms - wait.startMs)) : 0;
		return ((ms - begin - inside) / worked) * (1 - share) + (waited ? (inside / waited) * share : 0);
	};
	return {
		begin, span, waited,
		steps: steps.map((step) => ({ ...step, from: place(step.startMs), length: place(step.endMs) - place(step.startMs) })),
	};
}

// Newest first, each once, at most so many.
export function addEvents(events, more, most = 2000) {
	if (more.length === 1 && !(more[0].index <= events[0]?.index)) {
		return [more[0], ...(events.length < most ? events : events.slice(0, most - 1))];
	}
	const known = new Set(events.map((event) => event.index));
	const fresh = more.filter((event) => !known.has(event.index));
	return fresh.length ? [...fresh, ...events].sort((a, b) => b.index - a.index).slice(0, most) : events;
}

// Five minutes of figures; a frame of a time that it has, or older, is passed over.
export function addFrame(frames, frame, most = 300) {
	const last = frames.at(-1);
	if (last && Date.parse(frame.time) <= Date.parse(last.time)) {
		return frames;
	}
	return [...frames.slice(-(most - 1)), frame];
}

// Five minutes of a node come as columns, one value a second: { start, step_s, count, cpu: { guest: [] } ... }. A second
// without a reading has nulls, and becomes no frame.
export function framesOf(history) {
	const start = Date.parse(history?.start);
	const frames = [];
	for (let i = 0; Number.isFinite(start) && i < (history.count ?? 0); i++) {
		const at = (group) => Object.fromEntries(Object.entries(history[group] ?? {}).map(([key, column]) => [key, column[i]]));
		const cpu = at('cpu');
		if (cpu.idle !== null && cpu.idle !== undefined) {
			frames.push({
				time: new Date(start + i * 1000 * (history.step_s ?? 1)).toISOString(), cpu, memory: at('memory'), net: at('net'),
				exits: at('exits'), irq: history.total?.irq?.[i],
			});
		}
	}
	return frames;
}

export const usedCpu = (frame) => (frame?.cpu ? 1 - frame.cpu.idle : NaN);

const OVERSCAN = 6; // rows beyond each edge, so that Tab always finds the next one

// Which rows of a long list are drawn: its top edge is at `top` of a window of `height`.
export function rowsInView({ top, height, rowHeight, rows }) {
	const first = Math.max(0, Math.floor(-top / rowHeight) - OVERSCAN);
	const last = Math.min(rows, Math.ceil((height - top) / rowHeight) + OVERSCAN);
	return first < last ? [first, last] : [0, Math.min(rows, OVERSCAN)];
}

// A piece of a console's output by its offset, behind `have` bytes. `gap`: what is between is to be fetched first.
export function takeOutput(have, offset, data) {
	if (offset > have) {
		return { gap: true, bytes: null, have };
	}
	const skip = have - offset;
	if (skip >= data.length) {
		return { gap: false, bytes: null, have };
	}
	return { gap: false, bytes: data.subarray(skip), have: offset + data.length };
}
