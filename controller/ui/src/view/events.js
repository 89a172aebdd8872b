// SPDX-License-Identifier: Apache-2.0
// What happened, newest first. New ones wait while the list is held, so that it never moves under the pointer.
import { signal } from '@preact/signals';
import { html } from 'htm/preact';
import { useEffect } from 'preact/hooks';
import { cli } from '../cli.js';
import { clock } from '../format.js';
import { api } from '../state/api.js';
import { events, hasOlder, load, loadError, loaded, nodeOf, now, release } from '../state/model.js';
import { nameOf, withNames } from '../state/reduce.js';
import { makeHolder, makeRegion } from './held.js';
import { Button, Cli, Empty, Failure, Loading } from './parts.js';

export function EventLine({ event, alone }) {
	const node = event.node ? nodeOf(event.node).value : null;
	// The link is the sentence's first word where that is the node.
	const first = event.node && !alone && [node?.name, event.node].find((name) => name && event.text.startsWith(`${name} `));
	const text = withNames(first ? event.text.slice(first.length + 1) : event.text, release.value?.blobs);
	return html`<li class=${`event ${/fail|down|clash|crash|problem/.test(event.kind) ? 'bad' : ''}`}>
		<time datetime=${event.time}>${clock(event.time, now.peek())}</time>
		<span class="text">${event.node && !alone && html`<a href=${`/nodes/${event.node}`}>${node ? nameOf(node) : event.node}</a> `}${text}</span>
		<span class="kind"><code>${event.kind}</code>${event.actor && html` by ${event.actor}`}</span></li>`;
}

const region = makeRegion();
const held = makeHolder(region);
const isBusy = signal(false);
const failed = signal(null);
const most = signal(200);

async function older() {
	isBusy.value = true;
	failed.value = null;
	try {
		const last = events.peek().at(-1);
		const page = await api('GET', `/events?limit=200${last ? `&after=${last.index}` : ''}`);
		const known = new Set(events.peek().map((event) => event.index));
		const fresh = page.items.filter((event) => !known.has(event.index));
		events.value = [...events.peek(), ...fresh].sort((a, b) => b.index - a.index);
		most.value += 200;
		hasOlder.value = fresh.length > 0 && Boolean(page.next);
	} catch (error) {
		failed.value = error;
	}
	isBusy.value = false;
}

export function Events() {
	useEffect(() => region.reset, []);
	if (loaded.value === 'failed') {
		return html`<h1>Events</h1><${Failure} error=${loadError.value} again=${load} />`;
	}
	if (loaded.value !== 'yes') {
		return html`<h1>Events</h1><${Loading} what="events" />`;
	}
	const list = events.value;
	const { ids } = held(list.slice(0, most.value).map((event) => event.index), String(most.value));
	const byIndex = new Map(list.map((event) => [event.index, event]));
	const news = list.length && ids.length ? list.findIndex((event) => event.index === ids[0]) : 0;
	return html`<div class="page-head"><h1>Events</h1><button type="button" class=${`news ${news > 0 ? '' : 'invisible'}`}
			tabindex=${news > 0 ? 0 : -1} aria-hidden=${news > 0 ? null : 'true'} onClick=${region.show}>${news} new: show</button>
			<${Cli} line=${cli.events()} small /></div>
		${list.length === 0 ? html`<${Empty} title="Nothing has happened yet"><p>What nodes do, and what people do to them, is kept here.</p></${Empty}>`
		: html`<ol class="events panel" ...${region.on}>${ids.filter((id) => byIndex.has(id)).map((id) =>
			html`<${EventLine} key=${id} event=${byIndex.get(id)} />`)}</ol>
		${failed.value && html`<${Failure} error=${failed.value} />`}
		${hasOlder.value || list.length > most.value ? html`<${Button} onClick=${older} aria-busy=${isBusy.value ? 'true' : null}>Older</${Button}>`
			: html`<p class="muted">That is all that was kept.</p>`}`}`;
}
