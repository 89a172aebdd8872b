// SPDX-License-Identifier: Apache-2.0
// One boot as a waterfall: what was fetched, when, for how long, and where it stopped.
import { html } from 'htm/preact';
import { bytes, clock, duration } from '../format.js';
import { now, release } from '../state/model.js';
import { isWaiting, waterfall, withNames } from '../state/reduce.js';
import { Frame } from './parts.js';

const kinds = {
	discover: 'Asks for an address', offer: 'Is offered', file: 'Loads', hello: 'Says hello', wait: 'Waits for approval',
	manifest: 'Reads the manifest', blob: 'Fetches', guest: 'Starts its guest',
};
// As controller/fleet/boot.h names them; the sentence is at the top of the page.
const problems = {
	'no-offer': 'no offer', 'no-file': 'asked for no file', 'file-missing': 'not there', 'transfer-cut': 'cut off', 'transfer-stalled': 'stalled',
	'no-hello': 'no hello', 'no-beat': 'no beat', 'hash-mismatch': 'wrong SHA-256', 'blob-missing': 'not there', 'blob-stalled': 'stalled',
	'guest-failed': 'failed', 'boot-loop': 'boots again and again', crashed: 'crashed', 'key-refused': 'refused',
};
export const problemWords = (name) => problems[name] ?? name;

function Step({ step }) {
	const long = step.endMs - step.startMs;
	const rate = step.bytes && long > 0 ? `${bytes((step.bytes / long) * 1000)}/s` : '';
	const size = step.total && step.bytes < step.total ? `${Math.floor((100 * step.bytes) / step.total)} % of ${bytes(step.total)}` : step.bytes ? bytes(step.bytes) : '';
	const detail = withNames(step.detail, release.value?.blobs);
	return html`<tr class=${step.problem ? 'bad' : step.kind === 'wait' ? 'wait' : step.isOpen ? 'open' : ''}>
		<th scope="row">${kinds[step.kind] ?? step.kind} ${detail && html`<code title=${step.detail}>${detail}</code>`}
			${step.problem && html` <span class="problem">${problemWords(step.problem)}</span>`}</th>
		<td class="lane"><i style=${{ left: `${step.from * 100}%`, width: `${step.length * 100}%` }} /></td>
		<td class="number at">${duration(step.startMs - step.begin)}</td>
		<td class="number took">${step.isOpen ? html`<span class="open-since">${duration(long)} …</span>` : long ? duration(long) : ''}</td>
		<td class="number size">${size}</td><td class="number rate">${rate}</td></tr>`;
}

export function Waterfall({ boot, node }) {
	const waits = isWaiting(node) && !boot.ended && !boot.problem;
	const isOpen = waits || ((boot.steps ?? []).some((step) => !step.end && !step.problem) && !boot.ended);
	const chart = waterfall(boot, isOpen ? now.value : 0, waits);
	if (!chart.steps.length) {
		return html`<p class="muted">No step of this boot was seen.</p>`;
	}
	return html`<${Frame} label="Steps of the boot"><table class="waterfall"><caption>Began at ${clock(chart.begin)}, took ${duration(chart.span - chart.waited)}
			${chart.waited > 0 && `, and ${duration(chart.waited)} until it was approved`}</caption>
		<thead><tr><th scope="col">Step</th><th scope="col" class="lane"><span class="hidden">When</span></th><th scope="col" class="number">At</th>
			<th scope="col" class="number">Took</th><th scope="col" class="number">Size</th><th scope="col" class="number rate">Rate</th></tr></thead>
		<tbody>${chart.steps.map((step) => html`<${Step} key=${`${step.kind} ${step.detail} ${step.start}`} step=${{ ...step, begin: chart.begin }} />`)}</tbody>
	</table></${Frame}>`;
}
