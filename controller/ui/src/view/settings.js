// SPDX-License-Identifier: Apache-2.0
// The small pages: settings, tokens, rules for approval, sign-in.
import { signal } from '@preact/signals';
import { html } from 'htm/preact';
import { useEffect } from 'preact/hooks';
import { cli } from '../cli.js';
import { bytes, clock, percent } from '../format.js';
import { secretOf } from '../parse.js';
import { dialog, run } from '../state/actions.js';
import { api, checkSession, signIn, signOut } from '../state/api.js';
import { now, system } from '../state/model.js';
import { go } from '../router.js';
import { Button, Cli, Copy, Empty, Failure, Frame, Loading, Mark } from './parts.js';
import { setTheme, theme, themes } from './shell.js';

// A list of the API for one page: { items, error }.
function source(path) {
	const state = signal({ data: null, error: null });
	const load = () => api('GET', path).then((data) => (state.value = { data, error: null }), (error) => (state.value = { data: null, error }));
	return { state, load };
}

const shown = ({ state, load }, what, draw) => (state.value.error ? html`<${Failure} error=${state.value.error} again=${load} />`
	: state.value.data ? draw(state.value.data) : html`<${Loading} what=${what} />`);

const settings = source('/settings');
const release = source('/release');
const tokens = source('/tokens');
const rules = source('/rules');
const newToken = signal(null); // shown once

const Fact = ({ name, children }) => html`<div><dt>${name}</dt><dd>${children ?? '–'}</dd></div>`;

const ownCpu = signal(NaN); // of a core, since the answer before; at first since it started
let asked = null;

// Its own figures come by asking: nobody else needs them.
async function ask() {
	try {
		const state = await api('GET', '/system');
		const used = (one) => one.process.cpu_user_s + one.process.cpu_system_s;
		const before = asked ?? { time: state.started, process: { cpu_user_s: 0, cpu_system_s: 0 } };
		ownCpu.value = (used(state) - used(before)) / Math.max(0.1, (Date.parse(state.time) - Date.parse(before.time)) / 1000);
		asked = state;
		system.value = state;
	} catch {
		// The line at the top says what is wrong.
	}
}

const unknown = { enroll: 'wait for you', observe: 'are only shown', ignore: 'are ignored' };

function System() {
	useEffect(() => {
		asked = null;
		ask();
		const timer = setInterval(ask, 3000);
		return () => clearInterval(timer);
	}, []);
	const state = system.value ?? {};
	const { process = {}, database = {} } = state;
	return html`<section class="panel" aria-labelledby="system-title"><h2 id="system-title">This controller</h2><dl class="facts wide">
		<${Fact} name="Version">${state.version}</${Fact}>
		<${Fact} name="Started">${state.started && clock(state.started, now.peek())}</${Fact}>
		<${Fact} name="CPU">${percent(ownCpu.value)} of a core</${Fact}>
		<${Fact} name="Memory">${bytes(process.rss_bytes)}</${Fact}>
		<${Fact} name="Database">${bytes(database.bytes + (database.wal_bytes ?? 0))}</${Fact}>
		<${Fact} name="Open dashboards">${state.http?.streams}</${Fact}>
		<${Fact} name="Power control">${state.power === undefined ? undefined : state.power ? 'by a driver' : 'no driver is configured'}</${Fact}>
		<${Fact} name="DHCP">${state.dhcp && (state.dhcp.state === 'up' ? 'served' : `${state.dhcp.state}${state.dhcp.why ? `: ${state.dhcp.why}` : ''}`)}</${Fact}>
		${(state.networks ?? []).map((network) => html`<${Fact} key=${network.interface} name="Network">${network.interface}, ${network.mode}: leases <code>${network.first
			}</code> to <code>${network.last}</code>; unknown nodes ${unknown[network.unknown] ?? network.unknown}</${Fact}>`)}</dl>
		<${Cli} line=${cli.system()} small /></section>`;
}

export function Settings() {
	useEffect(() => {
		settings.load();
		release.load();
	}, []);
	const save = (event) => {
		event.preventDefault();
		const interval_ms = Number(event.target.elements.interval.value);
		run('settings', cli.interval(interval_ms), `Nodes beat every ${interval_ms} ms now`, () => api('PATCH', '/settings', { interval_ms })).then(settings.load);
	};
	return html`<h1>Settings</h1><div class="panels">
		<section class="panel" aria-labelledby="look-title"><h2 id="look-title">Look</h2><div class="chips" role="group" aria-labelledby="look-title">
			${themes.map((name) => html`<button key=${name} type="button" class="chip" aria-pressed=${theme.value === name ? 'true' : 'false'}
				onClick=${() => setTheme(name)}>${name}</button>`)}</div><p class="muted">Kept in this browser.</p></section>
		<section class="panel" aria-labelledby="beat-title"><h2 id="beat-title">Heartbeat</h2>
			${shown(settings, 'settings', (data) => html`<form onSubmit=${save} class="inline"><label>Interval in milliseconds <input name="interval" type="number" min="250"
				max="60000" step="50" required defaultValue=${data.interval_ms} /></label><${Button} type="submit" name="settings">Save</${Button}></form>
				<p class="muted">A node is suspect after 2.5 intervals without a beat, down after 8.</p>`)}
			<${Cli} line=${cli.interval()} small /></section>
		<${System} />
		<section class="panel" aria-labelledby="release-title"><h2 id="release-title">Release</h2>
			${shown(release, 'the release', (data) => html`<dl class="facts wide"><${Fact} name="Name">${data.name}</${Fact}><${Fact} name="Version">${data.version}</${Fact}>
				<${Fact} name="Manifest"><code>${(data.manifest ?? '').slice(0, 16)}</code></${Fact}></dl>
				${(data.blobs ?? []).length > 0 && html`<${Frame} label="Blobs"><table><thead><tr><th scope="col">Blob</th><th scope="col">Size</th><th scope="col">SHA-256</th></tr></thead>
				<tbody>${data.blobs.map((blob) => html`<tr key=${blob.sha256}><th scope="row">${blob.kind}</th><td>${bytes(blob.bytes)}</td>
				<td><code title=${blob.sha256}>${blob.sha256.slice(0, 16)}</code></td></tr>`)}</tbody></table></${Frame}>`}`)}</section>
		<section class="panel" aria-labelledby="access-title"><h2 id="access-title">Access</h2>
			<p><a href="/tokens">API tokens</a> for programs; <a href="/rules">rules</a> that approve nodes by themselves.</p>
			<${Button} onClick=${signOut}>Sign out</${Button}><p class="muted">Another sign-in link, on the controller's host:</p><${Cli} line=${cli.signIn()} small /></section>
	</div>`;
}

const later = (hours) => {
	const date = new Date(Date.now() + hours * 3_600_000);
	date.setMinutes(date.getMinutes() - date.getTimezoneOffset());
	return date.toISOString().slice(0, 16);
};

// What stands in a form, as it is typed: the aetherctl line shows it.
const typed = signal({});
const onInput = (event) => (typed.value = Object.fromEntries([...new FormData(event.currentTarget)].map(([key, value]) => [key, value.trim()])));
const iso = (local) => (Date.parse(local) > 0 ? new Date(local).toISOString().replace('.000', '') : '');

export function Tokens() {
	useEffect(() => {
		tokens.load();
		return () => {
			newToken.value = null;
			typed.value = {};
		};
	}, []);
	const add = async (event) => {
		event.preventDefault();
		const form = event.target;
		const name = form.elements.name.value.trim();
		const ends = form.elements.ends.value ? new Date(form.elements.ends.value).toISOString() : undefined;
		const answer = await run('token', cli.addToken(name, ends), `Token ${name} is made`, () => api('POST', '/tokens', { name, ...(ends && { ends }) }));
		if (answer) {
			newToken.value = answer.token;
			form.reset();
			typed.value = {};
			tokens.load();
		}
	};
	const remove = (token) => (dialog.value = {
		title: `Revoke ${token.name}?`, text: 'Programs that use it are refused from now on.', tone: 'bad', confirm: 'Revoke', cli: cli.removeToken(token.id),
		run: () => run(`token ${token.id}`, cli.removeToken(token.id), `Token ${token.name} is revoked`, () => api('DELETE', `/tokens/${token.id}`)).then(tokens.load),
	});
	return html`<div class="page-head"><h1>API tokens</h1><${Cli} line=${cli.tokens()} small /></div><p class="muted">For programs: send it as <code>Authorization: Bearer TOKEN</code>. It may do all that you may.</p>
		<section class="panel" aria-labelledby="new-token"><h2 id="new-token">New token</h2><form onSubmit=${add} onInput=${onInput} class="inline">
			<label>Name <input name="name" required maxlength="40" /></label><label>Ends (empty: never) <input name="ends" type="datetime-local" min=${later(0)} /></label>
			<${Button} type="submit" tone="primary" name="token">Make token</${Button}></form><${Cli} line=${cli.addToken(typed.value.name, iso(typed.value.ends))} small />
			${newToken.value && html`<div class="secret" role="status"><p><b>Copy it now: it is shown this once.</b></p><${Copy} text=${newToken.value} /></div>`}</section>
		${shown(tokens, 'tokens', (data) => (data.items.length === 0 ? html`<${Empty} title="There is no token"><p>Make one above for a program that uses the API.</p></${Empty}>`
			: html`<${Frame} label="Tokens" className="panel"><table><thead><tr><th scope="col">Name</th><th scope="col">Made</th><th scope="col">Used</th><th scope="col">Ends</th>
				<th scope="col"><span class="hidden">Revoke</span></th></tr></thead><tbody>${data.items.map((token) => html`<tr key=${token.id}><th scope="row">${token.name}</th>
				<td>${clock(token.created, now.peek())}</td><td>${token.used ? clock(token.used, now.peek()) : 'never'}</td><td>${token.ends ? clock(token.ends, now.peek()) : 'never'}</td>
				<td><${Button} tone="danger-quiet" onClick=${() => remove(token)} aria-label=${`Revoke ${token.name}`}>Revoke …</${Button}></td></tr>`)}</tbody></table></${Frame}>`))}`;
}

export function Rules() {
	useEffect(() => {
		rules.load();
		return () => (typed.value = {});
	}, []);
	const { network, serial, mac, count, ends } = typed.value;
	const add = async (event) => {
		event.preventDefault();
		const form = event.target;
		const of = (name) => form.elements[name].value.trim();
		const matches = Object.fromEntries(['network', 'serial', 'mac'].map((name) => [name, of(name)]).filter(([, value]) => value));
		const rule = { matches, count: Number(of('count')), ends: new Date(of('ends')).toISOString() };
		if (await run('rule', cli.addRule({ ...matches, ...rule }), 'The rule holds', () => api('POST', '/rules', rule))) {
			form.reset();
			typed.value = {};
			rules.load();
		}
	};
	const remove = (rule) => (dialog.value = {
		title: 'Remove this rule?', text: 'Nodes that it would have approved wait for a person again.', tone: 'bad', confirm: 'Remove', cli: cli.removeRule(rule.id),
		run: () => run(`rule ${rule.id}`, cli.removeRule(rule.id), 'The rule is removed', () => api('DELETE', `/rules/${rule.id}`)).then(rules.load),
	});
	const words = (matches) => Object.entries(matches ?? {}).map(([key, value]) => `${key} ${value}`).join(', ') || 'every node';
	return html`<div class="page-head"><h1>Rules</h1><${Cli} line=${cli.rules()} small /></div>
		<p class="muted">A rule approves new nodes that fit it, as many as you say, until it ends. Two nodes that clash always wait for a person.</p>
		<section class="panel" aria-labelledby="new-rule"><h2 id="new-rule">New rule</h2><form onSubmit=${add} onInput=${onInput} class="inline">
			<label>Network <input name="network" maxlength="15" placeholder="any" /></label><label>Serial begins with <input name="serial" maxlength="63" placeholder="any" /></label>
			<label>MAC begins with <input name="mac" maxlength="17" placeholder="any" /></label>
			<label>At most, nodes <input name="count" type="number" min="1" max="10000" required defaultValue="10" /></label>
			<label>Until <input name="ends" type="datetime-local" required defaultValue=${later(1)} min=${later(0)} /></label>
			<${Button} type="submit" tone="primary" name="rule">Make rule</${Button}></form><${Cli} line=${cli.addRule({ network, serial, mac, count, ends: iso(ends) })} small /></section>
		${shown(rules, 'rules', (data) => (data.items.length === 0 ? html`<${Empty} title="There is no rule"><p>Each node waits for a person. Make a rule above before you switch many on.</p></${Empty}>`
			: html`<${Frame} label="Rules" className="panel"><table><thead><tr><th scope="col">Approves</th><th scope="col">Nodes left</th><th scope="col">Until</th>
				<th scope="col"><span class="hidden">Remove</span></th></tr></thead><tbody>${data.items.map((rule) => html`<tr key=${rule.id}><th scope="row">${words(rule.matches)}</th>
				<td>${rule.count}</td><td>${clock(rule.ends, now.peek())}</td><td><${Button} tone="danger-quiet" onClick=${() => remove(rule)}
				aria-label=${`Remove the rule for ${words(rule.matches)}`}>Remove …</${Button}></td></tr>`)}</tbody></table></${Frame}>`))}`;
}

// --- signing in: the link's secret stands in the fragment, which no server and no log ever sees
const signing = signal({ isBusy: false, error: null });

async function enter(secret) {
	signing.value = { isBusy: true, error: null };
	try {
		await signIn(secret);
		go('/', { replace: true });
		signing.value = { isBusy: false, error: null };
	} catch (error) {
		signing.value = { isBusy: false, error };
	}
}

// Before anything else runs: the secret leaves the address bar and the history.
export function takeSecret() {
	const secret = location.hash.length > 1 ? secretOf(location.hash) : '';
	if (secret) {
		history.replaceState(null, '', location.pathname);
		enter(secret);
	}
	return Boolean(secret);
}

export function SignIn({ failed }) {
	const submit = (event) => {
		event.preventDefault();
		const input = event.target.elements.link;
		const secret = secretOf(input.value);
		if (secret) {
			enter(secret);
		} else {
			input.setCustomValidity('That is no sign-in link: paste all of it');
			input.reportValidity();
		}
	};
	const { isBusy, error } = signing.value;
	return html`<div class="sign-in panel"><h1><${Mark} />Aether</h1>${isBusy ? html`<${Loading} what="your session" />` : html`
		${failed && html`<${Failure} error=${failed} again=${checkSession} />`}
		${error && html`<div class="empty failure" role="alert"><h2>That link does not sign you in</h2><p>${error.message}</p><p>A link is good once, for 15 minutes: make another one.</p></div>`}
		<p>Open the sign-in link that the controller printed when it started (with <code>make sim</code>, the line <code>sim: sign in</code>). It is good once, for
		15 minutes. Another one, on the controller's host:</p><${Cli} line=${cli.signIn()} />
		<form onSubmit=${submit}><label for="link">Or paste it here</label><div class="inline"><input id="link" name="link" autocomplete="off" spellcheck="false" required
			onInput=${(event) => event.target.setCustomValidity('')} /><${Button} type="submit" tone="primary">Sign in</${Button}></div></form>`}</div>`;
}
