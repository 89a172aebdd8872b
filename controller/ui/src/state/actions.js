// SPDX-License-Identifier: Apache-2.0
// What a person can do: the request, the words, and the aetherctl line of each.
import { signal } from '@preact/signals';
import { cli } from '../cli.js';
import { api } from './api.js';
import { putNode, system } from './model.js';
import { nameOf } from './reduce.js';

export const toasts = signal([]); // { key, tone, text, detail, cli }
export const busy = signal(new Set()); // "approve n-..."
export const dialog = signal(null); // { title, text, tone, confirm, cli, run }

const TOAST_MS = 8000;
const FOLLOW_MS = 1000;
const FOLLOW_MOST = 120;
let nextKey = 1;

export function toast(tone, text, more = {}) {
	const key = nextKey++;
	toasts.value = [...toasts.value.slice(-3), { key, tone, text, ...more }];
	if (tone !== 'bad') {
		setTimeout(() => dismiss(key), TOAST_MS);
	}
}

export const dismiss = (key) => (toasts.value = toasts.value.filter((one) => one.key !== key));

// Runs one at a time of the same name. Resolves to the answer, or undefined when it failed (which was said).
export async function run(name, command, done, request) {
	if (busy.peek().has(name)) {
		return undefined;
	}
	busy.value = new Set(busy.peek()).add(name);
	try {
		const answer = await request();
		if (answer?.id && answer?.admission) {
			putNode(answer);
		}
		toast('ok', done, { cli: command });
		if (answer?.state === 'running' && answer.kind) {
			follow(answer);
		}
		return answer ?? {};
	} catch (error) {
		toast('bad', error.title ?? 'It failed', { detail: error.message, request: error.request, cli: command });
		return undefined;
	} finally {
		const rest = new Set(busy.peek());
		rest.delete(name);
		busy.value = rest;
	}
}

// What takes longer than a request is an operation; only its failure is news, since the node's state tells the rest.
async function follow(operation) {
	for (let i = 0; i < FOLLOW_MOST && operation.state === 'running'; i++) {
		await new Promise((resolve) => setTimeout(resolve, FOLLOW_MS));
		try {
			operation = await api('GET', `/operations/${operation.id}`);
		} catch {
			return;
		}
	}
	if (operation.state === 'failed') {
		toast('bad', `${operation.kind} failed`, { detail: operation.text });
	}
}

const post = (id, what, body) => () => api('POST', `/nodes/${id}/${what}`, body);

export const approve = (node) =>
	run(`approve ${node.id}`, cli.approve(node.id), `${nameOf(node)} is approved`, post(node.id, 'approve'));

export async function approveMany(ids) {
	const answer = await run('approve-many', cli.approve(...ids), 'Approval was sent',
		() => api('POST', '/nodes/approve', { ids }));
	const refused = (answer?.results ?? []).filter((one) => !one.ok);
	if (refused.length) {
		toast('bad', `${refused.length} of ${ids.length} were not approved`,
			{ detail: refused.map((one) => `${one.id}: ${one.problem?.detail ?? one.problem ?? 'refused'}`).join('; ') });
	}
	return answer;
}

// A node whose power is off can be told nothing.
const isOn = (node) => node.admission === 'approved' && node.state !== 'off';

// Each: which nodes it is for, what it says, whether it asks first.
export const nodeActions = [
	{
		name: 'approve', words: 'Approve', is: (node) => node.admission !== 'approved' || Boolean(node.clash), tone: 'primary',
		cli: (node) => cli.approve(node.id), run: approve,
	},
	{
		name: 'reject', words: 'Reject', is: (node) => Boolean(node.clash) || ['discovered', 'pending', 'retired'].includes(node.admission), tone: 'bad',
		ask: 'It gets nothing from this controller until somebody approves it.',
		cli: (node) => cli.reject(node.id), done: 'is rejected', request: (node) => post(node.id, 'reject'),
	},
	{
		name: 'locate', words: (node) => (node.locating ? 'Stop locating' : 'Locate'), is: isOn,
		cli: (node) => cli.locate(node.id, !node.locating), done: (node) => (node.locating ? 'stops showing itself' : 'shows itself'),
		request: (node) => post(node.id, 'locate', { on: !node.locating }),
	},
	{
		name: 'restart-guests', words: 'Restart guests', is: isOn,
		ask: 'Its guests are ended and started again. What they had in memory is lost.',
		cli: (node) => cli.restartGuests(node.id), done: 'restarts its guests', request: (node) => post(node.id, 'restart-guests'),
	},
	{
		name: 'reboot', words: 'Reboot', is: isOn, tone: 'bad',
		ask: 'Its guests end, and it boots from the network again.',
		cli: (node) => cli.reboot(node.id), done: 'reboots', request: (node) => post(node.id, 'reboot'),
	},
	{
		name: 'cordon', words: (node) => (node.cordoned ? 'Uncordon' : 'Cordon'), is: (node) => node.admission === 'approved',
		cli: (node) => cli.cordon(node.id, !node.cordoned),
		done: (node) => (node.cordoned ? 'takes guests again' : 'takes no new guests'),
		request: (node) => () => api('PATCH', `/nodes/${node.id}`, { cordoned: !node.cordoned }, { rev: node.rev }),
	},
	...['on', 'off', 'reset'].map((action) => ({
		name: `power-${action}`, words: { on: 'Power on', off: 'Power off', reset: 'Power reset' }[action],
		is: (node) => node.admission === 'approved' && system.value?.power !== false &&
			(action === 'on' ? !['running', 'booting'].includes(node.state) : node.state !== 'off'), tone: action === 'on' ? '' : 'bad',
		ask: { off: 'Its power is cut at once: its guests end without warning.',
			reset: 'Its power is cut and given again: its guests end without warning.' }[action],
		cli: (node) => cli.power(node.id, action), done: { on: 'is switched on', off: 'is switched off', reset: 'is reset' }[action],
		request: (node) => post(node.id, 'power', { action }),
	})),
	{
		name: 'retire', words: 'Retire', is: (node) => node.admission === 'approved', tone: 'bad',
		ask: 'It is taken out of service: its guests end, and it gets nothing from this controller until it is approved again.',
		cli: (node) => cli.retire(node.id), done: 'is retired', request: (node) => post(node.id, 'retire'),
	},
];

const text = (what, node) => (typeof what === 'function' ? what(node) : what);
export const wordsOfAction = (action, node) => text(action.words, node);

export function act(action, node) {
	const go = () => (action.run ? action.run(node)
		: run(`${action.name} ${node.id}`, action.cli(node), `${nameOf(node)} ${text(action.done, node)}`, action.request(node)));
	if (!action.ask) {
		return go();
	}
	dialog.value = {
		title: `${wordsOfAction(action, node)} ${nameOf(node)}?`, text: action.ask, tone: action.tone,
		confirm: wordsOfAction(action, node), cli: action.cli(node), run: go,
	};
	return undefined;
}
