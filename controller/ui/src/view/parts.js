// SPDX-License-Identifier: Apache-2.0
// The small parts that every page is made of.
import { useSignal } from '@preact/signals';
import { html } from 'htm/preact';
import { useEffect, useRef } from 'preact/hooks';
import { ago, clock } from '../format.js';
import { busy, dialog, dismiss, toasts } from '../state/actions.js';
import { now } from '../state/model.js';

// A shape for each state: none is told by its colour alone.
const shapes = {
	running: html`<circle cx="8" cy="8" r="5.5" fill="currentColor" />`,
	booting: html`<circle cx="8" cy="8" r="5" class="line" /><path d="M8 3a5 5 0 0 1 0 10z" fill="currentColor" />`,
	pending: html`<path d="M8 1.8 14.2 8 8 14.2 1.8 8z" fill="currentColor" />`,
	discovered: html`<path d="M8 2.5 13.5 8 8 13.5 2.5 8z" class="line" />`,
	suspect: html`<path d="M8 2.5 14 13H2z" class="line" /><path d="M8 6.5v3M8 11.3v.2" class="line" />`,
	down: html`<path d="M3 3h10v10H3z" fill="currentColor" />`,
	failed: html`<path d="m3.5 3.5 9 9m0-9-9 9" class="line thick" />`,
	clash: html`<path d="M2 2h8v8H2z" class="line" /><path d="M6 6h8v8H6z" fill="currentColor" />`,
	off: html`<circle cx="8" cy="8" r="5" class="line" />`,
	rejected: html`<circle cx="8" cy="8" r="5.5" class="line" /><path d="m4.2 11.8 7.6-7.6" class="line" />`,
	retired: html`<path d="M3 8h10" class="line thick" />`,
};

export function State({ state }) {
	return html`<span class=${`state is-${state}`}><svg viewBox="0 0 16 16" aria-hidden="true">${shapes[state]}</svg>${state}</span>`;
}

const paths = {
	copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
	close: 'm4 4 8 8m0-8-8 8',
	grid: 'M2.5 2.5h4.5V7H2.5zM9 2.5h4.5V7H9zM2.5 9h4.5v4.5H2.5zM9 9h4.5v4.5H9z',
	table: 'M2 3.5h12M2 8h12M2 12.5h12',
	sun: 'M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1.1 1.1M11.9 11.9 13 13M13 3l-1.1 1.1M4.1 11.9 3 13',
	moon: 'M13 9.8A5.6 5.6 0 0 1 6.2 3 5.6 5.6 0 1 0 13 9.8z',
	auto: 'M2.5 3h11v7.5h-11zM6 13.5h4M8 10.5v3',
	back: 'M10 3 5 8l5 5',
};
export const Mark = () => html`<svg class="mark" viewBox="0 0 16 16" aria-hidden="true"><path d="M3 12 8 3l5 9M5.4 9h5.2" /></svg>`;
export const Icon = ({ name }) => html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d=${paths[name]} /></svg>`;

export function copy(text) {
	return navigator.clipboard?.writeText(text) ?? Promise.reject(new Error('no clipboard'));
}

// Something to be read and copied.
export function Copy({ text, small }) {
	const done = useSignal('');
	const press = () => copy(text).then(() => (done.value = 'copied'), () => (done.value = 'select it and copy'))
		.finally(() => setTimeout(() => (done.value = ''), 2000));
	return html`<span class=${small ? 'cli small' : 'cli'}><code>${text.split(' ').map((word, i) =>
		html`${i ? ' ' : ''}<span key=${i} class=${word.length > 30 ? 'long' : null}>${word}</span>`)}</code><button type="button" class="bare"
		onClick=${press} aria-label=${`Copy: ${text}`} title="Copy"><${Icon} name="copy" /></button>
		<span class="said" role="status">${done}</span></span>`;
}

// The aetherctl line of an action.
export const Cli = ({ line, small }) => html`<${Copy} text=${line} small=${small} />`;

export function Button({ name, tone = '', onClick, children, type = 'button', ...more }) {
	const isBusy = name && busy.value.has(name);
	return html`<button type=${type} class=${`button ${tone}`} aria-disabled=${isBusy ? 'true' : null} aria-busy=${isBusy ? 'true' : null}
		onClick=${(event) => !isBusy && onClick?.(event)} ...${more}>${children}</button>`;
}

export const Empty = ({ title, children }) => html`<div class="empty"><p class="head">${title}</p>${children}</div>`;

export function Failure({ error, again }) {
	return html`<div class="empty failure" role="alert"><p class="head">${error.title ?? 'It failed'}</p><p>${error.message}</p>
		${error.request && html`<p class="muted">Request <code>${error.request}</code>; its lines in aetherd's log carry this id.</p>`}
		${again && html`<${Button} onClick=${again}>Try again</${Button}>`}</div>`;
}

// A table that may be wider than its place: scrolled by keyboard, too, where it is.
export function Frame({ label, className = '', children }) {
	const ref = useRef(null);
	const isWide = useSignal(false);
	useEffect(() => {
		const element = ref.current;
		const watcher = new ResizeObserver(() => (isWide.value = element.scrollWidth > element.clientWidth));
		watcher.observe(element);
		watcher.observe(element.firstElementChild);
		return () => watcher.disconnect();
	}, []);
	return html`<div ref=${ref} class=${`table-frame ${className}`} tabindex=${isWide.value ? 0 : null} role=${isWide.value ? 'region' : null}
		aria-label=${isWide.value ? `${label}, as a table` : null}>${children}</div>`;
}

export const Loading = ({ what }) => html`<p class="loading muted" role="status">Loading ${what} …</p>`;

// A time, told as how long ago; the clock's time is its title.
export function Ago({ time }) {
	return html`<time datetime=${time || null} title=${time ? clock(time, 0) : null}>${ago(time, now.value)}</time>`;
}

const owners = ['guest', 'service', 'core'];
// One bar, its parts by owner; `parts` are fractions.
export function Bar({ parts, label, total = 1 }) {
	return html`<span class="bar" role="img" aria-label=${label}>${owners.map((owner) => html`<i class=${`of-${owner}`}
		style=${{ width: `${(Math.min(1, Math.max(0, (parts?.[owner] ?? 0) / total)) * 100).toFixed(1)}%` }} />`)}</span>`;
}

export function Percent({ value, label }) {
	const known = Number.isFinite(value) && value <= 100;
	return html`<span class=${`bar progress ${known ? '' : 'unknown'}`} role="progressbar" aria-label=${label}
		aria-valuemin="0" aria-valuemax="100" aria-valuenow=${known ? value : null}><i class="of-guest"
		style=${{ width: `${known ? value : 100}%` }} /></span>`;
}

export function Toasts() {
	return html`<div class="toasts" role="region" aria-label="Messages" aria-live="polite">
		${toasts.value.map((one) => html`<div key=${one.key} class=${`toast ${one.tone}`} role=${one.tone === 'bad' ? 'alert' : null}>
			<div><strong>${one.text}</strong>${one.detail && html`<p>${one.detail}</p>`}
			${one.request && html`<p class="muted">Request <code>${one.request}</code></p>`}
			${one.cli && html`<${Cli} line=${one.cli} small />`}</div>
			<button type="button" class="bare" aria-label="Dismiss" onClick=${() => dismiss(one.key)}><${Icon} name="close" /></button>
		</div>`)}</div>`;
}

// A modal of our own: `dialog` for a question, or with children for a form.
export function Modal({ title, onClose, children }) {
	const ref = useRef(null);
	useEffect(() => {
		const before = document.activeElement;
		ref.current.showModal();
		return () => before?.focus?.();
	}, []);
	return html`<dialog ref=${ref} class="modal" aria-labelledby="modal-title" onClose=${onClose}
		onClick=${(event) => event.target === ref.current && ref.current.close()}><div class="inside">
		<h2 id="modal-title">${title}</h2>${children}</div></dialog>`;
}

export function Question() {
	const ask = dialog.value;
	if (!ask) {
		return null;
	}
	const close = () => (dialog.value = null);
	return html`<${Modal} key=${ask.title} title=${ask.title} onClose=${close}>
		<p>${ask.text}</p>
		${ask.list && html`<ul class="names">${ask.list.map((name) => html`<li key=${name}>${name}</li>`)}</ul>`}
		<${Cli} line=${ask.cli} />
		<div class="buttons"><${Button} onClick=${close} autofocus>Cancel</${Button}>
			<${Button} tone=${ask.tone === 'bad' ? 'danger' : 'primary'} onClick=${() => {
				close();
				ask.run();
			}}>${ask.confirm}</${Button}></div>
	</${Modal}>`;
}
