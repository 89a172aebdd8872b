// SPDX-License-Identifier: Apache-2.0
// The aetherctl line of each action, in one place. Pure.

const quote = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
const line = (...words) => ['aetherctl', ...words.map((word) => quote(String(word)))].join(' ');

export const cli = {
	list: () => line('node', 'list', '--watch'),
	show: (id) => line('node', 'show', id),
	approve: (...ids) => line('node', 'approve', ...ids),
	reject: (id) => line('node', 'reject', id),
	retire: (id) => line('node', 'retire', id),
	rename: (id, name) => line('node', 'rename', id, name || 'NAME'),
	label: (id, labels = { KEY: 'VALUE' }, before = {}) => line('node', 'label', id, ...Object.entries(labels).map(([k, v]) => `${k}=${v}`),
		...Object.keys(before).filter((key) => !(key in labels)).map((key) => `${key}-`)),
	cordon: (id, on) => line('node', on ? 'cordon' : 'uncordon', id),
	reboot: (id) => line('node', 'reboot', id),
	restartGuests: (id) => line('node', 'restart-guests', id),
	locate: (id, on) => line('node', 'locate', id, ...(on ? [] : ['--off'])),
	power: (id, action) => line('node', 'power', id, action),
	boots: (id) => line('node', 'boots', id),
	console: (id, slot) => line('console', id, ...(slot ? [slot] : [])),
	events: (id) => line('event', 'list', ...(id ? ['--node', id] : []), '--watch'),
	interval: (ms) => line('setting', 'set', `interval_ms=${ms || 'MS'}`),
	rules: () => line('rule', 'list'),
	addRule: ({ network, serial, mac, count, ends }) => line('rule', 'add', ...(network ? ['--network', network] : []), ...(serial ? ['--serial', serial] : []), ...(mac ? ['--mac', mac] : []),
		'--count', count || 'N', '--ends', ends || 'TIME'),
	removeRule: (id) => line('rule', 'remove', id),
	tokens: () => line('token', 'list'),
	addToken: (name, ends) => line('token', 'add', name || 'NAME', ...(ends ? ['--ends', ends] : [])),
	removeToken: (id) => line('token', 'remove', id),
	signIn: () => line('sign-in'),
	system: () => line('system'),
};
