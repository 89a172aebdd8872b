// SPDX-License-Identifier: Apache-2.0
// Around every page: where one is, whether what is shown is live, the theme, the keys.
import { signal } from '@preact/signals';
import { html } from 'htm/preact';
import { useEffect } from 'preact/hooks';
import { clock, duration } from '../format.js';
import { parse } from '../parse.js';
import { go, path } from '../router.js';
import { line, loaded, now, retry } from '../state/model.js';
import { Button, Icon, Mark, Modal } from './parts.js';

export const themes = ['system', 'light', 'dark'];
export const theme = signal(document.documentElement.dataset.theme ?? 'system');

export function setTheme(name) {
	theme.value = name;
	if (name === 'system') {
		delete document.documentElement.dataset.theme;
	} else {
		document.documentElement.dataset.theme = name;
	}
	try {
		localStorage.setItem('aether-theme', name);
	} catch {
		// Then it holds until the page is loaded anew.
	}
}

const pages = [['fleet', '/', 'Fleet'], ['events', '/events', 'Events'], ['rules', '/rules', 'Rules'], ['tokens', '/tokens', 'Tokens'],
	['settings', '/settings', 'Settings']];
const parents = { node: 'fleet', console: 'fleet' };

function Live() {
	const { state, since } = line.value;
	const words = { live: 'Live', connecting: 'Connecting', lost: 'Lost', 'signed-out': 'Signed out' }[state];
	return html`<span class=${`live is-${state}`} title=${`since ${clock(since, 0)}`} data-line=${state}><i aria-hidden="true" />${words}</span>`;
}

export function Bar() {
	const at = parse(path.value).page;
	const next = themes[(themes.indexOf(theme.value) + 1) % themes.length];
	return html`<header class="top"><a class="skip" href="#main" onClick=${(event) => {
		event.preventDefault();
		document.querySelector('main').focus();
	}}>To the content</a><a href="/" class="brand"><${Mark} />Aether</a>
		<nav aria-label="Pages">${pages.map(([page, to, words]) => html`<a key=${page} href=${to} data-words=${words} aria-current=${at === page ? 'page' : parents[at] === page ? 'true' : null}>${words}</a>`)}</nav>
		<${Live} /><button type="button" class="bare" onClick=${() => setTheme(next)} aria-label=${`Theme: ${theme.value}. Switch to ${next}`} title=${`Theme: ${theme.value}. Switch to ${next}`}>
			<${Icon} name=${{ system: 'auto', light: 'sun', dark: 'moon' }[theme.value]} /></button>
		<button type="button" class="bare keys-button" onClick=${() => (help.value = true)} aria-label="Keys" title="Keys (?)">?</button></header>`;
}

// A lost stream greys the page, and says since when.
export function Lost() {
	const { state, since, retry: at } = line.value;
	const isLost = state === 'lost' && loaded.value === 'yes' && now.value - since > 900;
	useEffect(() => {
		document.documentElement.classList.toggle('is-lost', isLost);
		return () => document.documentElement.classList.remove('is-lost');
	}, [isLost]);
	return isLost ? html`<div class="lost" role="alert"><b>Lost the controller at ${clock(since)}.</b> <span>What you see is from ${duration(Math.max(0, now.value - since))} ago.
		${at > now.value ? ` Trying again in ${Math.ceil((at - now.value) / 1000)} s.` : ' Trying …'}</span> <${Button} onClick=${retry}>Try now</${Button}></div>` : null;
}

// --- keys
const help = signal(false);
const keys = [['g f', 'Fleet'], ['g e', 'Events'], ['g r', 'Rules'], ['g t', 'Tokens'], ['g s', 'Settings'], ['j / k', 'Next, previous node or event'],
	['Enter', 'Open it'], ['a', 'To the first Approve button'], ['/', 'Filter'], ['t', 'Theme'], ['?', 'These keys'], ['Ctrl ]', 'Stop typing into a console']];

export function Help() {
	return help.value ? html`<${Modal} title="Keys" onClose=${() => (help.value = false)}><dl class="keys">${keys.map(([key, what]) => html`<div key=${key}><dt>
		${key.split(' ').map((one) => (one === '/' && key !== '/' ? '/' : html`<kbd>${one}</kbd>`))}</dt><dd>${what}</dd></div>`)}</dl>
		<div class="buttons"><${Button} autofocus onClick=${() => document.querySelector('dialog').close()}>Close</${Button}></div></${Modal}>` : null;
}

function step(by) {
	// The few events that stand beside the fleet are not in the way from one node to the next.
	const rows = [...document.querySelectorAll('main .name[href], .page-events .event')];
	if (!rows.length) {
		return;
	}
	const at = rows.findIndex((row) => row === document.activeElement || row.contains(document.activeElement));
	const next = rows[at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + by))];
	if (!next.hasAttribute('href')) {
		next.tabIndex = -1;
	}
	next.focus();
	next.scrollIntoView({ block: 'nearest' });
}

let isGoing = 0;
function onKey(event) {
	if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]') ||
		event.target.closest?.('input, select, textarea, .console-box')) {
		return;
	}
	const to = { f: '/', e: '/events', r: '/rules', t: '/tokens', s: '/settings' }[event.key];
	if (Date.now() - isGoing < 1500 && to) {
		isGoing = 0;
		event.preventDefault();
		go(to);
		return;
	}
	const does = {
		g: () => (isGoing = Date.now()),
		j: () => step(1),
		k: () => step(-1),
		a: () => document.querySelector('[data-approve]:not([aria-disabled])')?.focus(),
		t: () => setTheme(themes[(themes.indexOf(theme.value) + 1) % themes.length]),
		Enter: document.activeElement.matches('.event') && (() => document.activeElement.querySelector('a[href]')?.click()),
		'/': () => document.getElementById('filter')?.focus(),
		'?': () => (help.value = true),
	}[event.key];
	if (does) {
		event.preventDefault();
		does();
	}
}
addEventListener('keydown', onKey);
