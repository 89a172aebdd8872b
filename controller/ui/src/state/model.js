// SPDX-License-Identifier: Apache-2.0
// What this tab knows: a signal for each node and for its figures, so that a change draws its own row and nothing else.
// Filled by the API's lists, kept by the stream; while a list is fetched, what the stream says is put aside and applied
// behind it.
import { computed, signal } from '@preact/signals';
import { openStream } from '../stream/client.js';
import { all, api, session } from './api.js';
import { addEvents, addFrame, addStep, countStates, framesOf, isMoved, withNames } from './reduce.js';

export const now = signal(Date.now());
setInterval(() => (now.value = Date.now()), 1000);

export const line = signal({ state: 'connecting', since: Date.now() }); // the stream's status
export const loaded = signal('no'); // no, loading, yes, failed
export const loadError = signal(null);
export const events = signal([]); // newest first
export const system = signal(null); // of GET /system
export const release = signal(null); // of GET /release
export const hasOlder = signal(false); // events before those that are here

const nodes = new Map(); // id -> signal(node)
const figures = new Map(); // id -> signal(frame)
const structure = signal(0); // rises when a list may have to be ordered anew

export const nodeOf = (id) => nodes.get(id) ?? nodes.set(id, signal(null)).get(id);
export const whyOf = (node) => withNames(node.why, release.value?.blobs);
export const figuresOf = (id) => figures.get(id) ?? figures.set(id, signal(null)).get(id);
export const allNodes = computed(() => {
	structure.value;
	return [...nodes.values()].map((one) => one.peek()).filter(Boolean);
});
export const counts = computed(() => countStates(allNodes.value));

// A change is ordered anew at once; many that follow each other, a few times a second. Each row shows its own at once.
const ORDER_MS = 200;
let isBumped = false;
let bumpedAt = 0;
function bump() {
	if (!isBumped) {
		isBumped = true;
		setTimeout(() => {
			isBumped = false;
			bumpedAt = performance.now();
			structure.value++;
		}, Math.max(8, ORDER_MS - (performance.now() - bumpedAt)));
	}
}

export function putNode(node) {
	const one = nodeOf(node.id);
	const before = one.peek();
	if (before && before.rev > node.rev) {
		return;
	}
	one.value = node;
	if (isMoved(before, node)) {
		bump();
	}
}

function dropNode(id) {
	if (nodes.get(id)?.peek()) {
		nodes.get(id).value = null;
		figuresOf(id).value = null;
		bump();
	}
}

// --- the page of one node
export const watched = signal(null); // { id, boots, frames, whole, error }

export async function watchNode(id) {
	// What is fetched anew replaces what is there only when it came.
	watched.value = { ...(watched.peek()?.id === id ? watched.peek() : { id, boots: [], frames: [], whole: null }), error: null };
	const put = (more) => watched.peek()?.id === id && (watched.value = { ...watched.peek(), ...more });
	try {
		const [whole, boots, telemetry] = await Promise.all([api('GET', `/nodes/${id}`), api('GET', `/nodes/${id}/boots`),
			api('GET', `/nodes/${id}/telemetry`)]);
		putNode(whole);
		put({ whole, boots: boots.items ?? [], frames: framesOf(telemetry) });
	} catch (error) {
		put({ error });
	}
}

function refreshWhole(id) {
	api('GET', `/nodes/${id}`).then((whole) => {
		if (watched.peek()?.id === id) {
			watched.value = { ...watched.peek(), whole };
		}
	}, () => {});
}

// --- the stream
const listeners = new Set(); // of console pieces
export function onConsole(listener) {
	listeners.add(listener);
	return () => listeners.delete(listener);
}

const apply = {
	node(node) {
		const before = nodes.get(node.id)?.peek();
		putNode(node);
		if (watched.peek()?.id === node.id && before?.boot?.id !== node.boot?.id) {
			refreshWhole(node.id);
		}
	},
	'node.gone'(gone) {
		dropNode(gone.id);
	},
	event(event) {
		events.value = addEvents(events.peek(), [event]);
	},
	step(step) {
		const page = watched.peek();
		if (page?.id === step.node) {
			watched.value = { ...page, boots: addStep(page.boots, step) };
		}
	},
	system(value) {
		system.value = { ...system.peek(), ...value };
	},
	telemetry(frame) {
		const page = watched.peek();
		for (const [id, one] of Object.entries(frame.nodes ?? {})) {
			const figure = { time: frame.time, ...one };
			figuresOf(id).value = figure;
			if (page?.id === id) {
				watched.value = { ...page, frames: addFrame(page.frames, figure) };
			}
		}
	},
	console(piece) {
		listeners.forEach((listener) => listener(piece));
	},
};

let aside = null;

function take(type, data) {
	if (aside && type !== 'telemetry' && type !== 'console') {
		aside.push([type, data]);
		return;
	}
	apply[type]?.(data);
}

let stream = null;
let loading = 0;

export async function load() {
	const mine = ++loading;
	loaded.value = loaded.peek() === 'yes' ? 'yes' : 'loading';
	aside ??= [];
	try {
		const [list, page, state, built] = await Promise.all([all('/nodes'), api('GET', '/events?limit=200'), api('GET', '/system'),
			api('GET', '/release').catch(() => null)]); // a controller may have none
		if (mine !== loading) {
			return;
		}
		const known = new Set(list.map((node) => node.id));
		[...nodes.keys()].filter((id) => !known.has(id)).forEach(dropNode);
		list.forEach(putNode);
		events.value = addEvents(events.peek(), page.items);
		system.value = state;
		release.value = built;
		hasOlder.value = Boolean(page.next);
		loaded.value = 'yes';
		loadError.value = null;
	} catch (error) {
		if (mine !== loading) {
			return;
		}
		loadError.value = error;
		loaded.value = loaded.peek() === 'yes' ? 'yes' : 'failed';
	}
	const late = aside ?? [];
	aside = null;
	late.forEach(([type, data]) => take(type, data));
	if (watched.peek()) {
		watchNode(watched.peek().id);
	}
}

// What is in view, by who shows it; the union goes to the stream.
const views = new Map();
function tellWants() {
	const isSeen = document.visibilityState === 'visible';
	const of = (key) => [...new Set([...views.values()].flatMap((view) => view[key] ?? []))];
	stream?.want(isSeen ? of('telemetry') : [], of('consoles'));
}

export function inView(who, want) {
	if (want) {
		views.set(who, want);
	} else {
		views.delete(who);
	}
	tellWants();
}

export const retry = () => stream?.retry();

export function start() {
	let isLate = false; // the first list is fetched when the stream is there to keep it
	stream = openStream((message) => {
		if (message.kind === 'event') {
			take(message.type, JSON.parse(message.data));
		} else if (message.kind === 'resync') {
			load();
		} else if (message.kind === 'status') {
			line.value = message;
			if (message.state === 'signed-out') {
				session.value = 'out';
			}
			if (message.state === 'live' && !isLate) {
				isLate = true;
				load();
			} else if (message.state === 'live' && loaded.peek() === 'failed') {
				load();
			} else if (message.state === 'lost' && loaded.peek() === 'no') {
				load(); // to say why
			}
		}
	});
	tellWants();
	document.addEventListener('visibilitychange', tellWants);
}
