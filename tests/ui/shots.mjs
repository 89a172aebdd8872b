#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// shots.mjs OUT [PAGE...]: pictures of every page, in both themes and as a phone shows it, for people to look at.
// AETHER_LINK is a sign-in link (`make sim` and mock.mjs print one); AETHER_NPM holds playwright-core.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { browse, signInLink } from './browser.mjs';

const [out, ...only] = process.argv.slice(2);
if (!out) {
	console.error('usage: shots.mjs OUT [PAGE...]');
	process.exit(2);
}
mkdirSync(out, { recursive: true });
const sizes = { wide: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };
const { browser, close } = await browse();
const base = new URL(signInLink()).origin;
const cookies = await (async () => {
	const context = await browser.newContext();
	const page = await context.newPage();
	await page.goto(signInLink());
	await page.waitForSelector('[data-line=live]');
	const state = await context.storageState();
	await context.close();
	return state;
})();
const nodes = (await (async () => {
	const context = await browser.newContext({ storageState: cookies });
	const reply = await context.request.get(`${base}/api/v1/nodes?limit=1000`);
	const { items } = await reply.json();
	await context.close();
	return items;
})());
const first = (state) => nodes.find((node) => node.state === state)?.id;
const pages = {
	fleet: '/', table: '/', node: `/nodes/${first('running')}`, failed: `/nodes/${first('failed')}`, pending: `/nodes/${first('pending')}`,
	console: `/nodes/${first('running')}/console/0`, events: '/events', rules: '/rules', tokens: '/tokens', settings: '/settings', none: '/nothing-here',
	'sign-in': '/sign-in', help: '/', question: `/nodes/${first('running')}`,
};
for (const [name, path] of Object.entries(pages)) {
	if ((only.length && !only.includes(name)) || path.includes('undefined')) {
		continue;
	}
	for (const theme of ['light', 'dark']) {
		for (const [size, viewport] of Object.entries(sizes)) {
			const context = await browser.newContext({
				storageState: name === 'sign-in' ? undefined : cookies, colorScheme: theme, viewport, hasTouch: size === 'phone', isMobile: size === 'phone',
			});
			const page = await context.newPage();
			page.on('console', (message) => ['error', 'warning'].includes(message.type()) && console.log(`${name}: ${message.text()}`));
			page.on('pageerror', (error) => console.log(`${name}: ${error}`));
			if (name === 'table') {
				await page.addInitScript(() => localStorage.setItem('aether-fleet-form', 'table'));
			}
			await page.goto(base + path);
			await page.waitForTimeout(name === 'console' ? 1800 : 1400);
			if (name === 'help') {
				await page.keyboard.press('?');
			} else if (name === 'question') {
				await page.click('[data-action=power-off]');
			}
			await page.screenshot({ path: join(out, `${name}-${size}-${theme}.png`), fullPage: size === 'phone' && !['console', 'help', 'question'].includes(name) });
			await context.close();
		}
	}
}
await close();
