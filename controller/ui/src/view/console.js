// SPDX-License-Identifier: Apache-2.0
// A guest's console. This page loads xterm.js (view/terminal.js) and nothing else does.
import { signal } from '@preact/signals';
import { html } from 'htm/preact';
import { useEffect, useRef } from 'preact/hooks';
import { cli } from '../cli.js';
import { bytes } from '../format.js';
import { line, nodeOf } from '../state/model.js';
import { nameOf } from '../state/reduce.js';
import { Button, Cli, Failure, State } from './parts.js';

const typing = signal(false);
const follow = signal(true);
const state = signal({ what: 'loading', error: null, lost: 0 });

export function Console({ id, slot }) {
	const box = useRef(null);
	const terminal = useRef(null);
	const node = nodeOf(id).value;
	useEffect(() => {
		let isOver = false;
		typing.value = false;
		follow.value = true;
		state.value = { what: 'loading', error: null, lost: 0 };
		import('./terminal.js').then(({ openTerminal }) => {
			if (!isOver) {
				terminal.current = openTerminal(box.current, { id, slot, typing, follow, state });
			}
		}, () => (state.value = { what: 'failed', error: { title: 'The terminal could not be loaded', message: 'Load the page anew.' }, lost: 0 }));
		return () => {
			isOver = true;
			terminal.current?.close();
			terminal.current = null;
		};
	}, [id, slot]);
	const type = () => {
		typing.value = !typing.value;
		if (typing.value) {
			terminal.current?.focus();
		}
	};
	const guests = node?.guests ?? [];
	const name = node ? nameOf(node) : id;
	const { what, error, lost } = state.value;
	return html`<div class="console-page"><div class="console-head"><p class="crumbs"><a href="/">Fleet</a> / <a href=${`/nodes/${id}`}>${name}</a></p>
		<h1>Console <span class="muted">${guests.find((guest) => guest.slot === slot)?.name || `slot ${slot}`}</span></h1>${node && html`<${State} state=${node.state} />`}
		${guests.length > 1 && html`<nav aria-label="Slots" class="chips">${guests.map((guest) => html`<a key=${guest.slot} class="chip"
			href=${`/nodes/${id}/console/${guest.slot}`} aria-current=${guest.slot === slot ? 'page' : null}>${guest.slot} ${guest.name}</a>`)}</nav>`}
		<span class="grow" />
		<${Button} onClick=${() => terminal.current?.follow()} aria-pressed=${follow.value ? 'true' : 'false'}>Follow</${Button}>
		<${Button} onClick=${() => terminal.current?.save(`${name}-${slot}.log`)}>Save</${Button}>
		<${Button} tone=${typing.value ? '' : 'primary'} onClick=${type} aria-pressed=${typing.value ? 'true' : 'false'}>${typing.value ? 'Stop typing' : 'Type'}</${Button}></div>
		${error && html`<${Failure} error=${error} again=${() => terminal.current?.again()} />`}
		<div class=${`console-box ${typing.value ? 'types' : ''}`} ref=${box} role="region" aria-label=${`Console of ${name}`} />
		<p class="console-foot"><span role="status">${what === 'loading' ? 'Loading …' : line.value.state !== 'live' ? 'The stream is lost: output stands still.'
			: typing.value ? html`Keys go to the guest. <kbd>Ctrl</kbd>+<kbd>]</kbd> ends that.` : html`Read only: press <b>Type</b> to send keys.`}
			${lost > 0 && ` ${bytes(lost)} of older output are no longer kept.`}</span><${Cli} line=${cli.console(id, slot)} small /></p></div>`;
}
