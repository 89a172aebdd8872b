// SPDX-License-Identifier: Apache-2.0
// One boot as a waterfall: what was fetched, when, for how long, and where it stopped.
import { html } from 'htm/preact';
import { bytes, clock, duration } from '../format.js';
import { now } from '../state/model.js';
import { waterfall } from '../state/reduce.js';
import { Frame } from './parts.js';

const kinds = {
	discover: 'Asks for an address', offer: 'Is offered one', file: 'Loads', hello: 'Says hello', manifest: 'Reads the manifest',
	blob: 'Fetches', guest: 'Starts guest', approve: 'Is approved', core: 'Starts the core',
};

const short = (detail) => (/^[0-9a-f]{64}$/.test(detail ?? '') ? `${detail.slice(0, 12)}…` : detail);

function Step({ step }) {
	const long = step.endMs - step.startMs;
	const rate = step.bytes && long > 0 ? `${bytes((step.bytes / long) * 1000)}/s` : '';
	const size = step.total && step.bytes < step.total ? `${bytes(step.bytes)} of ${bytes(step.total)}` : step.bytes ? bytes(step.bytes) : '';
	return html`<tr class=${step.problem ? 'bad' : step.isOpen ? 'open' : ''}>
		<th scope="row">${kinds[step.kind] ?? step.kind} ${step.detail && html`<code title=${step.detail}>${short(step.detail)}</code>`}
			${step.problem && html`<span class="problem">${step.problem}</span>`}</th>
		<td class="lane"><i style=${{ left: `${step.from * 100}%`, width: `${step.length * 100}%` }} /></td>
		<td class="number">${duration(step.startMs - step.begin)}</td>
		<td class="number">${step.isOpen ? html`<span class="open-since">${duration(long)} …</span>` : long ? duration(long) : ''}</td>
		<td class="number">${size}<span class="rate">${rate && ` ${rate}`}</span></td></tr>`;
}

export function Waterfall({ boot }) {
	const isOpen = (boot.steps ?? []).some((step) => !step.end && !step.problem) && !boot.ended;
	const chart = waterfall(boot, isOpen ? now.value : 0);
	if (!chart.steps.length) {
		return html`<p class="muted">No step of this boot was seen.</p>`;
	}
	return html`<${Frame} label="Steps of the boot"><table class="waterfall"><caption>${clock(chart.begin)}, ${duration(chart.span)} in all</caption>
		<thead><tr><th scope="col">Step</th><th scope="col" class="lane"><span class="hidden">When</span></th><th scope="col" class="number">At</th>
			<th scope="col" class="number">Took</th><th scope="col" class="number">Bytes</th></tr></thead>
		<tbody>${chart.steps.map((step) => html`<${Step} key=${`${step.kind} ${step.detail} ${step.start}`} step=${{ ...step, begin: chart.begin }} />`)}</tbody>
	</table></${Frame}>`;
}
