// SPDX-License-Identifier: Apache-2.0
// One node: how it is and why, what can be done, what it is made of, how it booted, what it does now.
import { signal } from '@preact/signals';
import { html } from 'htm/preact';
import { useEffect, useRef } from 'preact/hooks';
import { cli } from '../cli.js';
import { board, clock, count, duration, percent, processor } from '../format.js';
import { parseLabels } from '../parse.js';
import { act, nodeActions, run, wordsOfAction } from '../state/actions.js';
import { api } from '../state/api.js';
import { events, figuresOf, inView, line, loaded, nodeOf, now, release, watched, watchNode, whyOf } from '../state/model.js';
import { nameOf, usedCpu, withNames } from '../state/reduce.js';
import { EventLine } from './events.js';
import { Ago, Button, Cli, Empty, Failure, Frame, Icon, Loading, Modal, Percent, State } from './parts.js';
import { problemWords, Waterfall } from './waterfall.js';

const charts = signal(null); // the module
const editing = signal(''); // rename, label
const boot = signal(0); // which of the boots is shown

const Fact = ({ name, children }) => (children || children === 0
	? html`<div><dt>${name}</dt><dd>${children}</dd></div>` : null);

const Panel = ({ title, id, children, extra, wide }) => html`<section class=${`panel ${wide ? 'wide' : ''}`} aria-labelledby=${`${id}-title`}>
	<div class="section-head"><h2 id=${`${id}-title`}>${title}</h2>${extra}</div>${children}</section>`;

function Head({ node }) {
	return html`<div class="node-head"><p class="crumbs"><a href="/"><${Icon} name="back" />Fleet</a></p>
		<div class="title"><h1>${nameOf(node)}</h1><${State} state=${node.state} />
			${node.cordoned && html`<span class="tag">cordoned</span>`}${node.locating && html`<span class="tag">locating</span>`}
			${Object.entries(node.labels ?? {}).map(([key, value]) => html`<span key=${key} class="tag">${key}=${value}</span>`)}</div>
		<p class="why" data-why="">${whyOf(node)}</p>
		${node.next && html`<p class="next"><b>Next:</b> ${node.next}</p>`}
		${typeof node.clash === 'string' && node.clash && html`<p class="next"><b>Clashes with:</b> <a href=${`/nodes/${node.clash}`}>${node.clash}</a></p>`}
		${node.state === 'booting' && html`<div class="boot-now"><${Percent} value=${node.boot?.percent ?? NaN} label="Boot" /></div>`}</div>`;
}

function Actions({ node }) {
	// What is to be done next stands first, what ends something last.
	const isNext = (action) => action.tone === 'primary' || (action.name === 'power-on' && node.state === 'off');
	const all = nodeActions.filter((action) => action.is(node));
	const list = [...all.filter(isNext), ...all.filter((action) => !isNext(action))];
	const row = (action) => html`<li key=${action.name}><${Button} tone=${action.tone === 'bad' ? 'danger-quiet' : isNext(action) ? 'primary' : ''}
		name=${`${action.name} ${node.id}`} onClick=${() => act(action, node)} data-action=${action.name}
		>${wordsOfAction(action, node)}${action.ask ? ' …' : ''}</${Button}><${Cli} line=${action.cli(node)} small /></li>`;
	return html`<${Panel} title="Actions" id="actions"><ul class="actions">
		${list.filter((action) => action.tone !== 'bad').map(row)}
		<li><${Button} onClick=${() => (editing.value = 'rename')} data-action="rename">Rename …</${Button}><${Cli} line=${cli.rename(node.id)} small /></li>
		<li><${Button} onClick=${() => (editing.value = 'label')} data-action="label">Labels …</${Button}><${Cli} line=${cli.label(node.id)} small /></li>
		${list.filter((action) => action.tone === 'bad').map(row)}
	</ul></${Panel}>`;
}

function Rename({ node }) {
	const close = () => (editing.value = '');
	const submit = async (event) => {
		event.preventDefault();
		const name = event.target.elements.name.value.trim();
		close();
		await run(`rename ${node.id}`, cli.rename(node.id, name), name ? `It is called ${name} now` : 'It goes by its id now',
			() => api('PATCH', `/nodes/${node.id}`, { name }, { rev: node.rev }));
	};
	return html`<${Modal} title=${`Rename ${nameOf(node)}`} onClose=${close}><form onSubmit=${submit}>
		<label>Name <input name="name" autofocus maxlength="63" defaultValue=${node.name} pattern="[A-Za-z0-9._\\-]*" /></label>
		<p class="muted">Letters, digits, '.', '_' and '-'. Empty: its id is shown.</p><${Cli} line=${cli.rename(node.id)} />
		<div class="buttons"><${Button} onClick=${close}>Cancel</${Button}><${Button} type="submit" tone="primary">Rename</${Button}></div>
	</form></${Modal}>`;
}

function Labels({ node }) {
	const close = () => (editing.value = '');
	const submit = async (event) => {
		event.preventDefault();
		const input = event.target.elements.labels;
		let labels;
		try {
			labels = parseLabels(input.value);
		} catch (error) {
			input.setCustomValidity(error.message);
			input.reportValidity();
			return;
		}
		close();
		await run(`label ${node.id}`, cli.label(node.id, labels, node.labels), 'Its labels are changed',
			() => api('PATCH', `/nodes/${node.id}`, { labels }, { rev: node.rev }));
	};
	const text = Object.entries(node.labels ?? {}).map(([key, value]) => `${key}=${value}`).join(' ');
	return html`<${Modal} title=${`Labels of ${nameOf(node)}`} onClose=${close}><form onSubmit=${submit}>
		<label>Labels <input name="labels" autofocus maxlength="900" defaultValue=${text} onInput=${(event) => event.target.setCustomValidity('')}
			placeholder="rack=2 site=north" /></label>
		<p class="muted">KEY=VALUE, with spaces between. These replace those that it has.</p><${Cli} line=${cli.label(node.id)} />
		<div class="buttons"><${Button} onClick=${close}>Cancel</${Button}><${Button} type="submit" tone="primary">Save</${Button}></div>
	</form></${Modal}>`;
}

function Hardware({ node, facts }) {
	return html`<${Panel} title="Hardware" id="hardware"><dl class="facts wide">
		<${Fact} name="Id"><code>${node.id}</code></${Fact}><${Fact} name="Board">${board(node.board)}${board(node.board) !== node.board && html` <span class="muted">${node.board}</span>`}</${Fact}>
		<${Fact} name="CPUs">${node.cpus && `${node.cpus}${facts?.cpu ? ` × ${processor(facts.cpu)}` : ''}`}</${Fact}>
		<${Fact} name="Memory">${node.memory_mib && `${node.memory_mib} MiB`}</${Fact}><${Fact} name="GIC">${node.gic && `v${node.gic}`}</${Fact}>
		<${Fact} name="Serial">${node.serial && html`<code>${node.serial}</code>`}</${Fact}><${Fact} name="UUID">${node.uuid && html`<code>${node.uuid}</code>`}</${Fact}>
		<${Fact} name="MAC"><code>${(node.macs ?? []).join(' ')}</code></${Fact}><${Fact} name="Address">${node.address && html`<code>${node.address}</code>`}</${Fact}>
		<${Fact} name="Network">${node.network}</${Fact}><${Fact} name="Port">${node.port}</${Fact}><${Fact} name="Hostname">${node.hostname}</${Fact}>
		<${Fact} name="Core">${facts?.core_version}</${Fact}><${Fact} name="Core build">${facts?.core_build && html`<code>${String(facts.core_build).slice(0, 16)}</code>`}</${Fact}>
		<${Fact} name="Service">${facts?.service_sha256 && html`<code>${facts.service_sha256.slice(0, 16)}</code>`}</${Fact}>
		<${Fact} name="Release">${node.release}</${Fact}>
		<${Fact} name="Counter">${facts?.counter_hz && `${(facts.counter_hz / 1e6).toFixed(1)} MHz`}</${Fact}>
		<${Fact} name="Up">${node.uptime_s > 0 && duration(node.uptime_s * 1000)}</${Fact}>
		<${Fact} name="First seen">${node.created && clock(node.created, now.value)}</${Fact}>
		<${Fact} name="Last contact">${node.last_contact && html`<${Ago} time=${node.last_contact} />`}</${Fact}></dl></${Panel}>`;
}

// Its own clock tells when each was reached, since the power came; what each took is more telling.
const stageWords = { machine: 'machine found', dma: 'devices quiet', memory: 'memory', cpus: 'CPUs', service: 'service started', lease: 'address', hello: 'hello' };
function Stages({ stages }) {
	const [entry, ...rest] = stages;
	const total = rest.length ? rest.at(-1).us - entry.us : 0;
	return html`<h3>Inside the image: ${duration(total / 1000)} from its first instruction to the hello</h3>
		<ol class="stages">${rest.map((stage, i) => html`<li key=${stage.name}><span>${stageWords[stage.name] ?? stage.name}</span><b>${
			duration((stage.us - stages[i].us) / 1000)}</b></li>`)}</ol>`;
}

// What it said last is what it is, as long as it is heard.
const heard = (node) => node.contact === 'alive' && node.stage !== 'off';

function Live({ node }) {
	const page = watched.value;
	const frame = figuresOf(node.id).value ?? page.frames.at(-1);
	const Charts = charts.value?.Charts;
	useEffect(() => {
		import('./charts.js').then((module) => (charts.value = module), () => {});
	}, []);
	const isHeard = heard(node);
	const tell = frame && !isHeard ? html`<span class="figures"><span>Nothing since <b>${clock(frame.time, now.value)}</b></span></span>`
		: frame && html`<span class="figures"><span>CPU <b>${percent(usedCpu(frame))}</b></span>
		<span>Interrupts <b>${count(frame.irq)}/s</b></span><span>Packets dropped <b>${count(frame.net?.rx_drop)}/s</b></span>
		<span>Service restarts <b>${frame.restarts ?? node.service_restarts ?? 0}</b></span></span>`;
	return html`<${Panel} title="Live" id="live" wide extra=${tell}>
		${!page.frames.length ? html`<p class="muted">No figures in the last five minutes. They come with its beats, once it runs.</p>`
		: Charts ? html`<${Charts} frames=${page.frames} total=${node.memory_mib} until=${isHeard ? 0 : now.value} />` : html`<${Loading} what="charts" />`}</${Panel}>`;
}

function Guests({ node }) {
	const frame = figuresOf(node.id).value;
	const guests = node.guests ?? [];
	const isHeard = heard(node);
	return html`<${Panel} title="Guests" id="guests">
		${guests.length === 0 ? html`<p class="muted">${node.admission === 'approved' ? 'None runs here now.' : 'None: it gets its guests once it is approved.'}</p>`
		: html`<${Frame} label="Guests"><table class="guests"><thead><tr><th scope="col">Slot</th><th scope="col">Name</th><th scope="col">State</th>
			<th scope="col">CPU</th><th scope="col">Restarts</th><th scope="col"><span class="hidden">Console</span></th></tr></thead><tbody>
			${guests.map((guest) => html`<tr key=${guest.slot}><td>${guest.slot}</td><th scope="row">${guest.name}</th>
				<td class="reason">${node.state === 'off' ? 'off' : guest.state}${!isHeard && node.state !== 'off' && ' when last heard'}${guest.reason && `: ${guest.reason}`}${guest.state !== 'running' && guest.percent > 0 && guest.percent < 100 ? `, ${guest.percent} %` : ''}</td>
				<td>${percent(isHeard ? frame?.guests?.find((one) => one.slot === guest.slot)?.cpu : NaN)}</td><td>${guest.restarts ?? 0}</td>
				<td><a class="button" href=${`/nodes/${node.id}/console/${guest.slot}`} aria-label=${`Console of ${guest.name || guest.slot}`}>Console</a></td></tr>`)}
		</tbody></table></${Frame}><${Cli} line=${cli.console(node.id)} small />`}</${Panel}>`;
}

function Boots({ node }) {
	const { boots } = watched.value;
	const shown = boots[Math.min(boot.value, boots.length - 1)];
	const stages = watched.value.whole?.facts?.stages;
	const pick = boots.length > 1 && html`<label class="pick">Boot <select value=${String(boot.value)} onChange=${(event) =>
		(boot.value = Number(event.target.value))}>${boots.map((one, i) => html`<option key=${one.started} value=${String(i)}>${clock(one.started, now.peek())}
			${one.problem || one.outcome ? ` (${problemWords(one.problem || one.outcome)})` : ''}</option>`)}</select></label>`;
	return html`<${Panel} title="Boot" id="boot" wide extra=${pick}>
		${boot.value > 0 && shown?.text && html`<p class="problem">${withNames(shown.text, release.value?.blobs)}</p>`}
		${shown ? html`<${Waterfall} boot=${shown} node=${boot.value === 0 ? node : {}} />` : html`<p class="muted">No boot of it was seen. Switch it on, or reboot it.</p>`}
		${boot.value === 0 && stages?.length > 0 && html`<${Stages} stages=${stages} />`}
		<${Cli} line=${cli.boots(node.id)} small /></${Panel}>`;
}

function Crash({ crash }) {
	return html`<${Panel} title="Crash record of the boot before" id="crash" wide>${typeof crash === 'string' ? html`<pre>${crash}</pre>`
		: html`<dl class="facts wide">${Object.entries(crash).map(([key, value]) => html`<${Fact} key=${key} name=${key}><code>${
			typeof value === 'object' ? JSON.stringify(value) : String(value)}</code></${Fact}>`)}</dl>`}</${Panel}>`;
}

function NodeEvents({ id }) {
	const list = events.value.filter((event) => event.node === id).slice(0, 12);
	return html`<${Panel} title="Events" id="events" extra=${html`<a href="/events">All events</a>`}>
		${list.length ? html`<ol class="events short">${list.map((event) => html`<${EventLine} key=${event.index} event=${event} alone />`)}</ol>`
		: html`<p class="muted">Nothing lately.</p>`}<${Cli} line=${cli.events(id)} small /></${Panel}>`;
}

export const Gone = ({ id }) => html`<${Empty} title=${`There is no node ${id}`}><p>It may have been removed, or the address was cut short. All
	that are known are in <a href="/">the fleet</a>.</p><${Cli} line=${cli.list()} /></${Empty}>`;

export function Node({ id }) {
	useEffect(() => {
		boot.value = 0;
		watchNode(id);
		inView('node', { telemetry: [id] });
		return () => {
			inView('node', null);
			watched.value = null;
			editing.value = '';
		};
	}, [id]);
	const node = nodeOf(id).value;
	const page = watched.value;
	// What tells most stands first: figures of a node that runs, the boot of one that does not. Decided once: nothing moves later.
	const isLive = useRef(null);
	if (page?.whole && isLive.current === null) {
		isLive.current = page.frames.length > 0 && node?.stage === 'running';
	}
	if (!node) {
		if (page?.error?.status === 404 || page?.error?.status === 400) {
			return html`<h1 class="hidden">Node</h1><${Gone} id=${id} />`;
		}
		return html`<h1 class="hidden">Node</h1>${page?.error ? html`<${Failure} error=${page.error} again=${() => watchNode(id)} />` : html`<${Loading} what="the node" />`}`;
	}
	return html`<${Head} node=${node} />
		${page?.error && loaded.value === 'yes' && line.value.state === 'live' && html`<${Failure} error=${page.error} again=${() => watchNode(id)} />`}
		${page && html`<div class="node-page"><${Actions} node=${node} /><div class="main-column">${page.whole ? html`${isLive.current && html`<${Live} node=${node} />`}<${Boots} node=${node} />
			${!isLive.current && (page.frames.length > 0 || node.admission === 'approved') && html`<${Live} node=${node} />`}
			${page.whole.facts?.crash && html`<${Crash} crash=${page.whole.facts.crash} />`}` : !page.error && html`<${Loading} what="its boot" />`}</div>
		<div class="side-column"><${Guests} node=${node} /><${Hardware} node=${node} facts=${page.whole?.facts} />
			<${NodeEvents} id=${id} /></div></div>`}
		${editing.value === 'rename' && html`<${Rename} node=${node} />`}${editing.value === 'label' && html`<${Labels} node=${node} />`}`;
}
