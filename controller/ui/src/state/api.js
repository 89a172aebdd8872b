// SPDX-License-Identifier: Apache-2.0
// One request to the API. What goes wrong becomes an ApiError that says what, why, and what to do next.
import { signal } from '@preact/signals';

export const session = signal('unknown'); // unknown, in, out

export class ApiError extends Error {
	constructor(status, title, detail, request) {
		super(detail || title);
		this.status = status;
		this.title = title;
		this.request = request;
	}
}

const TIMEOUT_MS = 20_000;

const key = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');

export async function api(method, path, body, { rev } = {}) {
	const headers = { Accept: 'application/json' };
	if (body !== undefined) {
		headers['Content-Type'] = 'application/json';
	}
	if (method === 'POST') {
		headers['Idempotency-Key'] = key();
	}
	if (rev !== undefined) {
		headers['If-Match'] = `"${rev}"`;
	}
	let reply;
	try {
		reply = await fetch(`/api/v1${path}`, {
			method, headers, cache: 'no-store', body: body === undefined ? undefined : JSON.stringify(body),
			signal: AbortSignal.timeout(TIMEOUT_MS),
		});
	} catch (error) {
		throw new ApiError(0, 'The controller does not answer',
			error.name === 'TimeoutError' ? `No answer within ${TIMEOUT_MS / 1000} s. It may have been done: look before you repeat it.`
				: 'Look whether aetherd runs and whether this machine reaches it, then repeat it.');
	}
	const text = await reply.text();
	let json = null;
	try {
		json = text ? JSON.parse(text) : null;
	} catch {
		throw new ApiError(reply.status, 'The answer is not JSON', 'Is something else than the controller at this address?');
	}
	if (!reply.ok) {
		if (reply.status === 401 && path !== '/session') {
			session.value = 'out';
		}
		throw new ApiError(reply.status, json?.title ?? `The controller answered ${reply.status}`, json?.detail,
			json?.request ?? reply.headers.get('X-Request-Id'));
	}
	return json;
}

// All of a list, page by page.
export async function all(path, most = 20_000) {
	const items = [];
	let after = '';
	do {
		const page = await api('GET', `${path}${path.includes('?') ? '&' : '?'}limit=1000${after && `&after=${encodeURIComponent(after)}`}`);
		items.push(...page.items);
		after = page.next ?? '';
	} while (after && items.length < most);
	return items;
}

export async function checkSession() {
	try {
		await api('GET', '/session');
		session.value = 'in';
	} catch (error) {
		session.value = error.status === 401 ? 'out' : 'failed';
		return error;
	}
}

export async function signIn(link) {
	await api('POST', '/session', { link });
	session.value = 'in';
}

export async function signOut() {
	await api('DELETE', '/session');
	session.value = 'out';
}
