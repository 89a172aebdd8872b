// SPDX-License-Identifier: Apache-2.0
// The fleet: what waits for a person first, then every node as grid or table.
import { computed, signal } from '@preact/signals';
import { html } from 'htm/preact';
import { useEffect } from 'preact/hooks';
import { cli } from '../cli.js';
import { bits, board, percent } from '../format.js';
import { approve, approveMany, dialog } from '../state/actions.js';
import { allNodes, counts, events, figuresOf, inView, load, loadError, loaded, nodeOf, whyOf } from '../state/model.js';
import { isWaiting, matches, nameOf, sortNodes, STATES, usedCpu, wordsOf } from '../state/reduce.js';
import { makeHolder, makeRegion } from './held.js';
import { EventLine } from './events.js';
import { Ago, Bar, Button, Cli, Empty, Failure, Frame, Icon, Loading, Percent, State } from './parts.js';
import { useWindow } from './window.js';

const kept = (name, otherwise) => {
	try {
		return localStorage.getItem(name) ?? otherwise;
	} catch {
		return otherwise;
	}
};
const keep = (name, value) => {
	try {
		localStorage.setItem(name, value);
	} catch {
		// Then it is not kept.
	}
};

const form = signal(kept('aether-fleet-form', 'grid'));
const sort = signal('state');
const only = signal(''); // a state
const filter = signal('');

const waiting = computed(() => sortNodes(allNodes.value.filter(isWaiting), 'name').map((node) => node.id));
const settled = computed(() => {
	const words = wordsOf(filter.value);
	const list = allNodes.value.filter((node) => !isWaiting(node) && (!only.value || node.state === only.value) &&
		(!words.length || matches(node, words)));
	return sortNodes(list, sort.value).map((node) => node.id);
});

const Fact = ({ name, children }) => html`<div><dt>${name}</dt><dd>${children || html`<span class="muted">not known</span>`}</dd></div>`;

export const size = (node) => [node.cpus && `${node.cpus} CPU${node.cpus === 1 ? '' : 's'}`, node.memory_mib && `${node.memory_mib} MiB`,
	node.gic && `GICv${node.gic}`].filter(Boolean).join(', ');

function PendingCard({ id }) {
	const node = nodeOf(id).value;
	if (!node) {
		return null;
	}
	const isOpen = isWaiting(node);
	const words = isOpen ? 'Approve' : node.admission === 'approved' ? 'Approved' : 'Decided';
	return html`<li class="card pending-card" data-node=${id}>
		<header><a href=${`/nodes/${id}`} class="name">${nameOf(node)}</a><${State} state=${node.state} /></header>
		<p class=${isOpen ? 'why' : 'why short'}>${whyOf(node)}</p>
		<dl class="facts">
			<${Fact} name="Board">${[board(node.board), size(node)].filter(Boolean).join(', ')}</${Fact}>
			<${Fact} name="MAC">${node.macs?.length > 0 && html`<code>${node.macs.join(' ')}</code>`}</${Fact}>
			<${Fact} name="Serial">${node.serial && html`<code>${node.serial}</code>`}</${Fact}>
			<${Fact} name="Port">${node.port ? [node.network, node.port].filter(Boolean).join(', ')
				: node.network && html`${node.network} <span class="muted">(no switch named its port)</span>`}</${Fact}>
			<${Fact} name="Address">${node.address && html`<code>${node.address}</code>`}</${Fact}>
			<${Fact} name="Seen"><${Ago} time=${node.last_contact || node.created} /></${Fact}>
			${typeof node.clash === 'string' && node.clash && html`<${Fact} name="Clashes with"><a href=${`/nodes/${node.clash}`}>${node.clash}</a></${Fact}>`}
		</dl>
		<div class="buttons"><${Button} tone=${isOpen ? 'primary' : ''} name=${`approve ${id}`} onClick=${() => isOpen && approve(node)}
			aria-label=${`${words} ${nameOf(node)}`} aria-disabled=${isOpen ? null : 'true'} data-approve="">${words}</${Button}>
			<${Cli} line=${cli.approve(id)} small /></div>
	</li>`;
}

// Beside the fleet, the pending ones may grow without moving it; above it (a narrow window), only while it is not held.
const besides = matchMedia('(min-width: 1101px)');
const pendingRegion = makeRegion();
const listRegion = makeRegion();
const heldPending = makeHolder(pendingRegion, { mayGrow: () => besides.matches || !listRegion.isHeld.value });
const heldList = makeHolder(listRegion);
const CARDS_MAX = 40;

function Pending() {
	// Above the list, cards neither come nor go while the list is held.
	const { ids } = heldPending(waiting.value);
	const open = waiting.value;
	const news = open.filter((id) => !ids.includes(id)).length;
	const many = () => (dialog.value = {
		title: `Approve ${open.length} nodes?`, text: 'Each boots the built-in release and starts its guests.',
		list: open.map((id) => nameOf(nodeOf(id).peek() ?? { id })), confirm: `Approve ${open.length}`,
		cli: cli.approve(...open.slice(0, 6), ...(open.length > 6 ? ['...'] : [])), run: () => approveMany(open),
	});
	return html`<section aria-labelledby="pending-title" class="pending" ...${pendingRegion.on}>
		<div class="section-head"><h2 id="pending-title">Waiting for you <span class="count" data-pending-count="">${open.length}</span></h2>
			${news > 0 && html`<button type="button" class="news" onClick=${pendingRegion.show}>${news} new: show</button>`}
			${open.length > 1 && html`<${Button} name="approve-many" onClick=${many}>Approve all ${open.length} …</${Button}>`}</div>
		${ids.length === 0 && html`<p class="muted">Nobody. A node that is new and boots from the network shows here by itself.</p>`}
		${ids.length > 0 && html`<ul class="cards pending-cards">${ids.slice(0, CARDS_MAX).map((id) => html`<${PendingCard} key=${id} id=${id} />`)}</ul>`}
		${ids.length > CARDS_MAX && html`<p class="muted">And ${ids.length - CARDS_MAX} more, shown when these are decided.</p>`}
	</section>`;
}

function Latest() {
	return html`<section class="latest" aria-labelledby="latest-title"><div class="section-head"><h2 id="latest-title">Latest</h2>
		<a href="/events">All events</a></div>
		<ol class="events short">${events.value.slice(0, 8).map((event) => html`<${EventLine} key=${event.index} event=${event} />`)}</ol></section>`;
}

function Progress({ node }) {
	return html`<${Percent} value=${node.boot?.percent ?? NaN} label=${`Boot of ${nameOf(node)}`} />`;
}

function Cpu({ id }) {
	const frame = figuresOf(id).value;
	const used = usedCpu(frame);
	return html`<${Bar} parts=${frame?.cpu} label=${`CPU ${percent(used)}`} /><span class="figure">${percent(used)}</span>`;
}

function Memory({ id }) {
	const memory = figuresOf(id).value?.memory;
	const used = memory ? memory.guest + memory.service + memory.core : NaN;
	// What it was found to have, also of a node that does not say how much of it is free.
	const total = nodeOf(id).value?.memory_mib || used + memory?.free;
	return html`<${Bar} parts=${memory} total=${total} label=${`Memory ${percent(used / total)}`} /><span class="figure">${percent(used / total)}</span>`;
}

function Net({ id }) {
	const net = figuresOf(id).value?.net;
	return html`<span class="figure wide">${net ? `↓ ${bits(net.rx_bps)} ↑ ${bits(net.tx_bps)}` : '–'}</span>`;
}

function Tile({ id, place, total }) {
	const node = nodeOf(id).value;
	return html`<li class=${`card tile is-${node?.state}`} data-node=${id} aria-posinset=${place + 1} aria-setsize=${total}>
		${node ? html`<header><a href=${`/nodes/${id}`} class="name" data-row=${place}>${nameOf(node)}</a><${State} state=${node.state} /></header>
		<p class="why" title=${whyOf(node)}>${whyOf(node)}</p>
		${node.state === 'booting' ? html`<div class="meters"><${Progress} node=${node} /></div>`
		: node.state !== 'running' && node.state !== 'clash' ? html`<p class="next">${node.next}</p>`
		: html`<div class="meters"><span>CPU</span><${Cpu} id=${id} /><span>Mem</span><${Memory} id=${id} /></div>`}
		<footer><code>${node.address || (node.macs ?? [])[0]}</code><span>${node.cordoned ? 'cordoned' : node.locating ? 'locating' : board(node.board)}</span></footer>`
		: html`<p class="muted">This node is gone.</p>`}
	</li>`;
}

const TILE_HEIGHT = 138;
const TILE_WIDTH = 264;
const GAP = 12;

function Grid({ ids }) {
	const view = useWindow({
		count: ids.length, rowHeight: TILE_HEIGHT + GAP, columnsOf: (width) => Math.floor((width + GAP) / (TILE_WIDTH + GAP)),
	});
	useTelemetry(ids.slice(view.begin, view.end));
	return html`<div ref=${view.ref}><div style=${{ height: `${view.before}px` }} />
		<ul class="cards tiles" style=${{ gridTemplateColumns: `repeat(${view.columns}, minmax(0, 1fr))` }}>
			${ids.slice(view.begin, view.end).map((id, i) => html`<${Tile} key=${id} id=${id} place=${view.begin + i} total=${ids.length} />`)}</ul>
		<div style=${{ height: `${view.after}px` }} /></div>`;
}

function Row({ id, place }) {
	const node = nodeOf(id).value;
	return html`<tr class=${`is-${node?.state}`} data-node=${id} aria-rowindex=${place + 2}>
		${node ? html`<th scope="row"><a href=${`/nodes/${id}`} class="name" data-row=${place}>${nameOf(node)}</a>
			${node.cordoned && html` <span class="tag">cordoned</span>`}${node.locating && html` <span class="tag">locating</span>`}</th>
		<td><${State} state=${node.state} /></td>
		<td class="why" title=${whyOf(node)}>${node.state === 'booting' && html`<${Progress} node=${node} />`}${whyOf(node)}</td>
		<td class="meter"><${Cpu} id=${id} /></td>
		<td class="meter"><${Memory} id=${id} /></td>
		<td class="net"><${Net} id=${id} /></td>
		<td class="address"><code>${node.address}</code></td>
		<td class="board">${board(node.board)}</td>`
		: html`<td class="muted">This node is gone.</td>`}
	</tr>`;
}

function Heading({ name, words, className }) {
	const by = sort.value.replace('-', '') === name;
	const order = by ? (sort.value.startsWith('-') ? 'descending' : 'ascending') : null;
	return html`<th scope="col" class=${className} aria-sort=${order}><button type="button" class="bare" onClick=${() => {
		sort.value = order === 'ascending' ? `-${name}` : name;
	}}>${words}<span aria-hidden="true">${order === 'ascending' ? ' ↑' : order ? ' ↓' : ''}</span></button></th>`;
}

const ROW_HEIGHT = 41;

function Table({ ids }) {
	const view = useWindow({ count: ids.length, rowHeight: ROW_HEIGHT });
	useTelemetry(ids.slice(view.begin, view.end));
	return html`<${Frame} label="Nodes"><table class="nodes" aria-rowcount=${ids.length + 1}>
		<caption class="hidden">Nodes</caption>
		<thead><tr aria-rowindex="1"><${Heading} name="name" words="Name" className="name-column" /><${Heading} name="state" words="State" className="state-column" />
			<th scope="col" class="why">Why</th><th scope="col" class="meter">CPU</th><th scope="col" class="meter">Memory</th>
			<th scope="col" class="net">Network</th><${Heading} name="address" words="Address" className="address" />
			<${Heading} name="board" words="Board" className="board" /></tr></thead>
		<tbody ref=${view.ref}>
			${view.before > 0 && html`<tr aria-hidden="true" class="spacer"><td style=${{ height: `${view.before}px` }} /></tr>`}
			${ids.slice(view.begin, view.end).map((id, i) => html`<${Row} key=${id} id=${id} place=${view.begin + i} />`)}
			${view.after > 0 && html`<tr aria-hidden="true" class="spacer"><td style=${{ height: `${view.after}px` }} /></tr>`}
		</tbody></table></${Frame}>`;
}

function useTelemetry(ids) {
	const key = ids.join();
	useEffect(() => inView('fleet', { telemetry: ids }), [key]);
	useEffect(() => () => inView('fleet', null), []);
}

function Chips() {
	return html`<div class="chips" role="group" aria-label="Show only">
		${['', ...STATES.filter((state) => !['pending', 'discovered', 'clash'].includes(state))]
			.filter((state) => !state || counts.value[state] || only.value === state)
			.map((state) => html`<button key=${state} type="button" class="chip" aria-pressed=${only.value === state ? 'true' : 'false'}
				onClick=${() => (only.value = only.value === state ? '' : state)}>${state ? html`<${State} state=${state} />` : 'All'}
				<b>${state ? counts.value[state] ?? 0 : allNodes.value.length - waiting.value.length}</b></button>`)}</div>`;
}

function Forms() {
	return html`<div class="forms" role="group" aria-label="Form of the list">${['grid', 'table'].map((name) => html`<button type="button"
		key=${name} class="bare" aria-pressed=${form.value === name ? 'true' : 'false'} title=${name} aria-label=${`As ${name}`} onClick=${() => {
			form.value = name;
			keep('aether-fleet-form', name);
		}}><${Icon} name=${name} /></button>`)}</div>`;
}

function List() {
	const { ids, waiting: late } = heldList(settled.value, [sort.value, only.value, filter.value].join('\n'));
	const isFiltered = Boolean(only.value || filter.value);
	return html`<section aria-labelledby="fleet-title" class="fleet-list" ...${listRegion.on}>
		<div class="section-head"><h2 id="fleet-title">Fleet</h2>
			<button type="button" class=${`news ${late ? '' : 'invisible'}`} tabindex=${late ? 0 : -1} aria-hidden=${late ? null : 'true'}
				onClick=${listRegion.show} title="The list holds still while you are in it">${late} moved: show</button>
			<input type="search" id="filter" placeholder="Filter" aria-label="Filter by name, address, MAC, serial or label" value=${filter.value}
				onInput=${(event) => (filter.value = event.target.value)} /><${Forms} /></div><${Chips} />
		${ids.length === 0 ? (isFiltered
			? html`<${Empty} title="No node fits"><p>${allNodes.value.length} are known.</p><${Button} onClick=${() => {
				only.value = '';
				filter.value = '';
			}}>Show all</${Button}></${Empty}>`
			: waiting.value.length ? html`<${Empty} title="No node is approved yet"><p>${waiting.value.length === 1 ? 'One node waits' : `${waiting.value.length} nodes wait`} for
				you: look at what each says it is, and press Approve. What you approve gets the release, boots it, and shows here.</p><${Cli} line=${cli.approve('NODE')} /></${Empty}>`
			: html`<${Empty} title="There is no node yet"><p>Power on a board that boots from the network, on a wire that the controller serves.
				It shows beside this within a second of its first DHCP packet, and waits for you to approve it.</p><${Cli} line=${cli.list()} /></${Empty}>`)
		: form.value === 'table' ? html`<${Table} ids=${ids} />` : html`<${Grid} ids=${ids} />`}
	</section>`;
}

export function Fleet() {
	useEffect(() => () => {
		pendingRegion.reset();
		listRegion.reset();
	}, []);
	if (loaded.value === 'failed') {
		return html`<h1 class="hidden">Fleet</h1><${Failure} error=${loadError.value} again=${load} />`;
	}
	if (loaded.value !== 'yes') {
		return html`<h1 class="hidden">Fleet</h1><${Loading} what="the fleet" />`;
	}
	return html`<h1 class="hidden">Fleet</h1><div class="fleet"><div class="side"><${Pending} /><${Latest} /></div><${List} /></div>`;
}
