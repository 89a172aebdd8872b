// SPDX-License-Identifier: Apache-2.0
// The dashboard begins here.
import { effect, signal } from '@preact/signals';
import { html, render } from 'htm/preact';
import { cli } from './cli.js';
import { parse } from './parse.js';
import { path } from './router.js';
import { checkSession, session } from './state/api.js';
import { nodeOf, retry, start } from './state/model.js';
import { nameOf } from './state/reduce.js';
import { Console } from './view/console.js';
import { Events } from './view/events.js';
import { Fleet } from './view/fleet.js';
import { Node } from './view/node.js';
import { Cli, Empty, Loading, Question, Toasts } from './view/parts.js';
import { Rules, Settings, SignIn, takeSecret, Tokens } from './view/settings.js';
import { Bar, Help, Lost } from './view/shell.js';

const failed = signal(null); // why the session could not be looked at

const pages = {
	fleet: [() => html`<${Fleet} />`, 'Fleet'],
	events: [() => html`<${Events} />`, 'Events'],
	rules: [() => html`<${Rules} />`, 'Rules'],
	tokens: [() => html`<${Tokens} />`, 'Tokens'],
	settings: [() => html`<${Settings} />`, 'Settings'],
	'sign-in': [() => html`<${Fleet} />`, 'Fleet'],
	node: [({ id }) => html`<${Node} key=${id} id=${id} />`, 'Node'],
	console: [({ id, slot }) => html`<${Console} key=${`${id} ${slot}`} id=${id} slot=${slot} />`, 'Console'],
	none: [() => html`<h1 class="hidden">Not found</h1><${Empty} title="There is no such page"><p>The address may have been cut short. All nodes are in <a href="/">the fleet</a>.</p><${Cli} line=${cli.list()} /></${Empty}>`, 'Not found'],
};

function App() {
	if (session.value === 'unknown') {
		return html`<main class="bare-page" tabindex="-1"><${Loading} what="the dashboard" /></main>`;
	}
	if (session.value !== 'in') {
		return html`<main class="bare-page" id="main" tabindex="-1"><${SignIn} failed=${session.value === 'failed' ? failed.value : null} /></main><${Toasts} />`;
	}
	const at = parse(path.value);
	return html`<${Bar} /><${Lost} /><main id="main" class=${`page-${at.page}`} tabindex="-1">${pages[at.page][0](at)}</main>
		<${Toasts} /><${Question} /><${Help} />`;
}

effect(() => {
	const at = parse(path.value);
	const node = at.id ? nodeOf(at.id).value : null;
	document.title = session.value === 'in' ? `${at.id ? `${node ? nameOf(node) : at.id} · ` : ''}${pages[at.page][1]} · Aether` : 'Sign in · Aether';
});

let isStarted = false;
effect(() => {
	if (session.value === 'in') {
		if (isStarted) {
			retry();
		} else {
			isStarted = true;
			start();
		}
	}
});

async function begin() {
	if (!takeSecret()) {
		failed.value = await checkSession() ?? null;
	} else {
		session.value = 'out';
	}
}

begin();
render(html`<${App} />`, document.getElementById('app'));
