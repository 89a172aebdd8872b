// SPDX-License-Identifier: Apache-2.0
// Text that comes from outside: addresses, links, what people type. Pure.

// parse('/nodes/n-1/console/0') -> { page: 'console', id: 'n-1', slot: 0 }.
export function parse(address) {
	const [first, second, third, fourth, ...more] = address.split('/').filter(Boolean);
	if (more.length || (first === 'nodes' && second && !/^n-\w{1,20}$/.test(second))) {
		return { page: 'none' };
	}
	if (!first || (first === 'nodes' && !second)) {
		return { page: 'fleet' };
	}
	if (first === 'nodes' && third === undefined) {
		return { page: 'node', id: second };
	}
	if (first === 'nodes' && third === 'console' && /^\d{0,2}$/.test(fourth ?? '')) {
		return { page: 'console', id: second, slot: Number(fourth ?? 0) };
	}
	return { page: ['events', 'rules', 'tokens', 'settings', 'sign-in'].includes(first) && !second ? first : 'none' };
}

// KEY=VALUE words. Throws what is wrong.
export function parseLabels(text) {
	const labels = {};
	for (const word of text.split(/[\s,]+/).filter(Boolean)) {
		const [, key, value] = /^([A-Za-z0-9][A-Za-z0-9._/-]*)=([^=]*)$/.exec(word) ?? [];
		if (!key) {
			throw new Error(`"${word}" is not KEY=VALUE`);
		}
		labels[key] = value;
	}
	return labels;
}

// The secret of a sign-in link, or of what somebody pasted; '' when it is none.
export function secretOf(text) {
	const secret = text.trim().split('#').pop().replace(/^(link|secret)=/, '');
	return /^[\w-]{16,200}$/.test(secret) ? secret : '';
}
