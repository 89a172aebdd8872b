#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// dashboard.mjs [PART-OF-A-NAME]: the dashboard in Debian's Chromium, as TAP. AETHER_LINK is a sign-in link of a controller
// whose nodes it may approve and switch off; at least one waits for approval, or AETHER_MOCK=1 says that it is mock.mjs,
// which can be told to make one appear, to fall silent, to cut streams.
import { api, axe, base, board, check, finish, hasBoard, hasMock, hold, link, live, mock, newContext, nodeIn, nodes, open, same, signIn, until, withPage } from './harness.mjs';

const card = (id) => `.pending-card[data-node="${id}"]`;
const stateOf = (page, selector) => page.locator(`${selector} .state`).first().textContent();
// What tests/e2e/dashboard holds against the real controller, the stand-in need not hold too, unless asked: ALL=1.
const whole = !hasMock || process.env.ALL === '1';
const RUNNING_MS = Number(process.env.AETHER_RUNNING_MS ?? 90_000);

await check('without a session there is a page that says how to sign in', async () => {
	const context = await newContext();
	const page = await context.newPage();
	await page.goto(base);
	await page.getByText('aetherctl sign-in').waitFor();
	await axe(page, 'sign-in');
	await page.getByLabel('Or paste it here').fill(`${base}/sign-in#${'0'.repeat(64)}`);
	await page.getByRole('button', { name: 'Sign in' }).click();
	await page.getByText('That link does not sign you in').waitFor();
	await axe(page, 'a link that does not');
	await context.close();
});

const { context: first, page: home } = await signIn();
await check('the link signs in, and its secret leaves the address', async () => {
	const url = new URL(home.url());
	same([url.pathname, url.hash], ['/', '']);
	hold(!(await home.evaluate(() => document.cookie)).includes('aether_session'), 'the session is readable by scripts');
	const secret = new URL(link).hash.slice(1);
	hold(!(await home.content()).includes(secret), 'the secret stands in the page');
});
await first.close();

const CARD_MS = 1000;
let failing; // a node whose boot fails
await withPage('/', async (page) => {
	await check('the first DHCP packet of a board is a card within a second', async () => {
		// The clock of the page's own process: a card is there when it is in the document before a frame.
		await page.evaluate(() => {
			new MutationObserver((_, observer) => {
				const name = [...document.querySelectorAll('.pending-card')].find((one) => one.textContent.includes('52:54:00:77:00:99'));
				if (name) {
					observer.disconnect();
					requestAnimationFrame(() => (window.cardAt = Date.now()));
				}
			}).observe(document.body, { childList: true, subtree: true });
		});
		const began = Date.now();
		await board('discover');
		const at = await page.waitForFunction(() => window.cardAt);
		const ms = (await at.jsonValue()) - began;
		console.log(`# on screen ${ms} ms after the program that sends it was started`);
		hold(ms <= CARD_MS, `it was on screen after ${ms} ms`);
		failing = await page.locator('.pending-card', { hasText: '52:54:00:77:00:99' }).getAttribute('data-node');
	}, { needs: hasBoard });
	await check('a boot that fails is named on its card', async () => {
		await board('load', 'no-such.img');
		await until(async () => (await stateOf(page, card(failing))) === 'failed', 'it is failed', RUNNING_MS);
		const text = await page.locator(card(failing)).innerText();
		hold(text.includes('It asked for the file no-such.img, which the TFTP folder does not have.'), `the card says: ${text}`);
	}, { needs: hasBoard });
});
failing ??= hasMock ? (await nodeIn('failed')).id : '';
await check('a boot that fails is named on its page, with the next step and where it stopped', () => withPage(`/nodes/${failing}`, async (page) => {
	same(await stateOf(page, '.node-head'), 'failed');
	const head = await page.locator('.node-head').innerText();
	hold(/It asked for the file no-such\.img|The transfer of \S+ was cut off/.test(head) && /Next: \w/.test(head), `it says: ${head}`);
	const step = page.locator('.waterfall tr.bad');
	await step.waitFor();
	hold(/Loads no-such\.img not there|Fetches kernel cut off/.test((await step.innerText()).replace(/\s+/g, ' ')), `the step says: ${await step.innerText()}`);
	await axe(page, 'a boot that failed');
}), { needs: hasBoard || hasMock });
if (hasBoard && failing) {
	await api('POST', `/nodes/${failing}/reject`, {}); // the others' story goes on without it
}

let id; // of the node that the story is about
await withPage('/', async (page) => {
	await check('a node that appears is a card within a second, with its facts', async () => {
		const appeared = await mock('appear');
		id = appeared.id;
		const began = Date.now();
		await page.waitForSelector(card(id), { timeout: 1000 });
		console.log(`# on screen after ${Date.now() - began} ms`);
	}, { needs: hasMock });
	id ??= await page.locator('.pending-card', { has: page.locator('.is-pending') }).first().getAttribute('data-node', { timeout: RUNNING_MS });
	await check('a pending node tells how to find the box, and the line of aetherctl', async () => {
		await until(async () => (await stateOf(page, card(id))).includes('pending'), 'it is pending', RUNNING_MS);
		const text = await page.locator(card(id)).innerText();
		for (const word of ['MAC', 'Serial', 'Port', 'Board', `aetherctl node approve ${id}`]) {
			hold(text.includes(word), `the card does not have "${word}"`);
		}
	});
	await check('one press approves it; it boots and runs while one looks', async () => {
		await page.locator(`${card(id)} [data-approve]`).click();
		await page.waitForFunction((one) => /booting|running/.test(document.querySelector(`[data-node="${one}"] .state`)?.textContent), id);
		const node = (await nodes()).find((one) => one.id === id);
		same(node.admission, 'approved');
		await page.mouse.move(700, 20);
		await page.waitForFunction((one) => document.querySelector(`.fleet-list [data-node="${one}"] .state`)?.textContent === 'running', id, { timeout: RUNNING_MS });
	});
});

await withPage(`/nodes/${id}`, async (page) => {
	await check('the node page has its boot as a waterfall', async () => {
		await page.waitForSelector('.waterfall tbody tr');
		const text = await page.locator('.waterfall').innerText();
		for (const word of ['Says hello', 'Reads the manifest', 'Fetches kernel', ...(hasMock ? [] : ['Waits for approval'])]) {
			hold(text.includes(word), `the waterfall does not have "${word}"`);
		}
		const lanes = await page.locator('.waterfall td.lane i').evaluateAll((list) => list.map((one) => one.getBoundingClientRect().left));
		hold(lanes.length >= 4 && lanes.at(-1) > lanes[0], 'the bars do not follow each other');
	});
	await check('figures come once a second, and are drawn', async () => {
		await page.waitForSelector('.chart canvas', { timeout: 20_000 });
		const text = () => page.locator('.chart').first().locator('.legend').innerText();
		const before = await text();
		await until(async () => await text() !== before, 'a figure changes');
	});
	await check('it is renamed, and labelled', async () => {
		await page.locator('[data-action=rename]').click();
		await page.getByLabel('Name', { exact: true }).fill('story-1');
		await api('PATCH', `/nodes/${id}`, { labels: { meanwhile: 'changed' } });
		await page.locator('.title .tag', { hasText: 'meanwhile=changed' }).waitFor();
		same(await page.getByLabel('Name', { exact: true }).inputValue(), 'story-1', 'what was typed while the node changed');
		await page.getByRole('button', { name: 'Rename', exact: true }).click();
		await page.getByRole('heading', { level: 1, name: 'story-1' }).waitFor();
		await page.locator('[data-action=label]').click();
		await page.getByLabel('Labels', { exact: true }).fill('rack=7');
		await page.getByRole('button', { name: 'Save' }).click();
		await page.locator('.title .tag', { hasText: 'rack=7' }).waitFor();
	});
	await check('the console shows what was written, and what is typed comes back', async () => {
		const loaded = [];
		page.on('request', (request) => loaded.push(new URL(request.url()).pathname));
		hold(!(await page.evaluate(() => performance.getEntriesByType('resource').map((one) => one.name).join())).includes('/terminal-'),
			'xterm.js was loaded before');
		const title = await page.title();
		await page.getByRole('link', { name: /^Console of/ }).first().click();
		await page.waitForSelector('.xterm-rows');
		await until(async () => (await page.locator('.xterm-rows').innerText()).trim().length > 10, 'output', 30_000);
		hold(loaded.some((path) => path.startsWith('/terminal-')), 'xterm.js was not loaded');
		await page.getByRole('button', { name: 'Type' }).click();
		// A kernel that still boots has nobody yet who reads: then again.
		let typed = 0;
		await until(async () => {
			if (Date.now() - typed > 4000) {
				await page.keyboard.type('echo aether-$((40+2))\r');
				typed = Date.now();
			}
			return (await page.locator('.xterm-rows').innerText()).includes('echo aether-');
		}, 'the echo', RUNNING_MS);
		await page.keyboard.press('Control+]');
		await page.getByText('Read only').waitFor();
		hold(!(await page.title()).includes('must not be set') && (await page.title()).includes('Console'), `the title is ${await page.title()}, was ${title}`);
		const styled = await page.locator('.xterm-rows > div').first().evaluate((row) => getComputedStyle(row).display);
		hold(styled, 'rows are not drawn');
	});
	await check('one that stands still is suspect, then down, never dead; and comes back', async () => {
		const [mac] = (await nodes()).find((one) => one.id === id).macs;
		await page.goto(`${base}/nodes/${id}`);
		await live(page);
		const number = String(parseInt(mac.slice(-2), 16));
		await board('freeze', number);
		const began = Date.now();
		const reach = async (state) => {
			await page.waitForFunction((one) => document.querySelector('.node-head .state').textContent === one, state, { timeout: RUNNING_MS });
			console.log(`# ${state} after ${Date.now() - began} ms`);
		};
		try {
			await reach('suspect');
			await reach('down');
			hold(/^No contact for \d+ s; its guests may still run\.$/.test(await page.locator('[data-why]').innerText()), 'it does not say since when');
			hold(/power|cable/.test(await page.locator('.node-head .next').first().innerText()), 'it does not say what to do');
		} finally {
			await board('thaw', number);
		}
		await reach('running');
	}, { needs: hasBoard });
	await check('power off: it goes silent, then down; power on: it is back', async () => {
		await page.goto(`${base}/nodes/${id}`);
		await live(page);
		await page.locator('[data-action=power-off]').click();
		hold((await page.locator('dialog').innerText()).includes(`aetherctl node power ${id} off`), 'the question does not show its line');
		await page.getByRole('button', { name: 'Power off', exact: true }).last().click();
		const began = Date.now();
		await page.waitForFunction(() => /suspect|down|off/.test(document.querySelector('.node-head .state').textContent), null, { timeout: 15_000 });
		await page.waitForFunction(() => /down|off/.test(document.querySelector('.node-head .state').textContent), null, { timeout: 20_000 });
		console.log(`# down after ${Date.now() - began} ms`);
		hold(!/dead/i.test(await page.locator('[data-why]').innerText()), 'a silent node is not dead');
		await page.locator('[data-action=power-on]').click();
		await page.waitForFunction(() => document.querySelector('.node-head .state').textContent === 'running', null, { timeout: RUNNING_MS });
	});
});

await check('rows never move under the pointer', async () => {
	await withPage('/', async (page) => {
		const running = page.locator('.tile.is-running');
		const target = running.nth(4);
		const name = await target.getAttribute('data-node');
		const tile = page.locator(`.tile[data-node="${name}"]`);
		await tile.hover();
		const before = await tile.boundingBox();
		await mock(`silence?id=${name}`);
		await until(async () => (await stateOf(page, `.tile[data-node="${name}"]`)) === 'down', 'it is down');
		same(await tile.boundingBox(), before, 'the place of the tile');
		const fresh = await mock('appear');
		await page.waitForSelector(card(fresh.id), { timeout: 1500 });
		same(await tile.boundingBox(), before, 'the place of the tile beside a new card');
		await page.locator('.fleet-list .news:not(.invisible)').waitFor();
		await page.mouse.move(600, 10);
		await until(async () => JSON.stringify(await tile.boundingBox()) !== JSON.stringify(before), 'it moves when the pointer is gone');
	});
}, { needs: hasMock });

await check('a lost stream greys the page and says since when; what was missed comes after', async () => {
	await withPage('/', async (page) => {
		await mock('cut?ms=3500');
		await page.waitForSelector('html.is-lost .lost', { timeout: 6000 });
		hold(/Lost the controller at \d\d:\d\d:\d\d/.test(await page.locator('.lost').innerText()), 'it does not say since when');
		hold((await page.locator('main').evaluate((main) => getComputedStyle(main).filter)).includes('grayscale'), 'it is not grey');
		await axe(page, 'a lost stream').catch((error) => {
			if (!/color-contrast/.test(error.message)) {
				throw error;
			}
		});
		const missed = await mock('appear');
		await page.waitForSelector('html:not(.is-lost)', { timeout: 20_000 });
		await page.waitForSelector(card(missed.id));
	});
}, { needs: hasMock });

// The controller sees that a reader is gone when it writes to it, so something is changed until it has seen it.
const GONE_MS = 45_000;
const streams = async () => (await api('GET', '/system')).http.streams;
const settled = (count) => until(async () => {
	await api('PATCH', `/nodes/${id}`, { labels: { poke: String(Date.now()) } });
	await new Promise((resolve) => setTimeout(resolve, 200));
	return await streams() === count;
}, `${count} streams, once those of closed tabs ended (does another browser look on?)`, GONE_MS);

await check('ten tabs are live on one stream', async () => {
	const context = await newContext();
	await settled(0);
	const pages = [];
	for (let i = 0; i < 10; i++) {
		const page = await context.newPage();
		await page.goto(`${base}${['/', '/events', `/nodes/${id}`][i % 3]}`);
		pages.push(page);
	}
	await Promise.all(pages.map(live));
	same(await streams(), 1, 'streams of ten tabs');
	const name = `ten-${Date.now() % 100_000}`;
	await api('PATCH', `/nodes/${id}`, { name });
	await Promise.all(pages.map((page) => page.getByText(name).first().waitFor({ timeout: 5000, state: 'attached' })));
	await context.close();
	await settled(0);
});

await check('without SharedWorker one tab leads, and another goes on when it is closed', async () => {
	const context = await newContext();
	await context.addInitScript(() => delete window.SharedWorker);
	await settled(0);
	const pages = [];
	for (let i = 0; i < 3; i++) {
		const page = await context.newPage();
		await page.goto(base);
		await live(page);
		pages.push(page);
	}
	same(await streams(), 1, 'streams of three tabs');
	await pages[0].close();
	const name = `led-${Date.now() % 100_000}`;
	await settled(1);
	await api('PATCH', `/nodes/${id}`, { name });
	await Promise.all(pages.slice(1).map((page) => page.getByText(name).first().waitFor({ timeout: 8000, state: 'attached' })));
	await context.close();
});

const running = await nodeIn('running');
const pages = {
	fleet: '/', node: `/nodes/${running?.id}`, console: `/nodes/${running?.id}/console/0`, events: '/events', rules: '/rules', tokens: '/tokens',
	settings: '/settings', 'no such page': '/nothing', 'no such node': '/nodes/n-zzzzzzzzzz',
};
// The pages of one theme or size, one after the other in one tab, as a person has them.
async function eachPage(more, name, look, isFor) {
	const { context, page } = await open('/', more);
	for (const [what, path] of Object.entries(pages)) {
		await check(name(what), async () => {
			await page.goto(base + path);
			await live(page);
			await page.waitForSelector(settledBy[what] ?? 'main :is(h1, .panel)');
			await page.waitForTimeout(300);
			await look(page, what);
		}, { needs: whole || isFor.includes(what) });
	}
	await context.close();
}
const settledBy = { fleet: '.fleet-list', node: '.chart canvas', console: '.xterm-rows', 'no such node': '.empty', 'no such page': '.empty' };
for (const theme of ['light', 'dark']) {
	await eachPage({ colorScheme: theme }, (what) => `axe: ${what}, ${theme}`, async (page, what) => {
		await axe(page, what);
		if (what === 'fleet') {
			await page.getByRole('button', { name: 'As table' }).click();
			await page.waitForSelector('table.nodes');
			await axe(page, 'table', 'main');
			await page.keyboard.press('?');
			await page.waitForSelector('dialog[open]');
			await axe(page, 'keys', 'dialog');
		}
	}, ['fleet', 'node']);
}
await eachPage({ viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true }, (what) => `phone: ${what} fits, and axe`, async (page, what) => {
	const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
	hold(wide <= 0, `the page is ${wide} px wider than the phone`);
	await axe(page, what);
}, ['fleet']);
await check('the theme is kept, and set before anything is drawn', () => withPage('/settings', async (page) => {
	await page.getByRole('button', { name: 'dark', exact: true }).click();
	await page.reload({ waitUntil: 'commit' });
	await page.waitForFunction(() => document.documentElement?.dataset.theme === 'dark');
	await live(page);
	same(await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme), 'dark');
	await axe(page, 'chosen dark on a light system');
}, { colorScheme: 'light' }));

await check('keyboard alone: find, approve, open, answer a question', () => withPage('/', async (page) => {
	const focused = () => page.evaluate(() => {
		const one = document.activeElement;
		const style = getComputedStyle(one);
		return { text: (one.innerText || one.getAttribute('aria-label') || one.id).trim(), seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 };
	});
	await page.keyboard.press('Tab');
	same((await focused()).text, 'To the content');
	for (let i = 0; i < 30; i++) {
		await page.keyboard.press('Tab');
		const at = await focused();
		hold(at.seen, `the focus on "${at.text}" is not visible`);
	}
	if (await page.locator('.pending-card').count()) {
		await page.keyboard.press('a');
		const approving = await page.evaluate(() => document.activeElement.closest('[data-node]')?.dataset.node);
		await page.keyboard.press('Enter');
		await until(async () => (await nodes()).find((one) => one.id === approving)?.admission === 'approved', 'it is approved');
	}
	await page.keyboard.press('/');
	await page.keyboard.type('zzz-no-such');
	await page.getByText('No node fits').waitFor();
	await page.keyboard.press('Control+a');
	await page.keyboard.press('Delete');
	await page.keyboard.press('Tab');
	await page.keyboard.press('g');
	await page.keyboard.press('e');
	await page.getByRole('heading', { level: 1, name: 'Events' }).waitFor();
	await page.keyboard.press('g');
	await page.keyboard.press('f');
	await page.waitForSelector('.fleet-list .name');
	await page.keyboard.press('j');
	await page.keyboard.press('j');
	await page.keyboard.press('Enter');
	await page.waitForSelector('.node-head');
	await page.waitForSelector('[data-action]');
	const button = page.locator('[data-action=reboot], [data-action=reject]').first();
	await button.focus();
	await page.keyboard.press('Enter');
	await page.waitForSelector('dialog[open]');
	await page.keyboard.press('Escape');
	await page.waitForSelector('dialog', { state: 'detached' });
	hold(await button.evaluate((one) => one === document.activeElement), 'the focus is not back on the button');
}));

await check('tokens and rules are made and taken away', async () => {
	await withPage('/tokens', async (page) => {
		await page.getByLabel('Name', { exact: true }).fill('a-program');
		await page.getByRole('button', { name: 'Make' }).click();
		const token = await page.locator('.secret code').innerText();
		hold(/^aec_/.test(token), 'the token is shown once');
		await page.getByRole('button', { name: 'Revoke a-program' }).click();
		await page.getByRole('button', { name: 'Revoke', exact: true }).click();
		await page.getByText('There is no token').waitFor();
	});
	await withPage('/rules', async (page) => {
		await page.getByLabel('Serial begins with').fill('zz99');
		await page.getByRole('button', { name: 'Make' }).click();
		await page.getByRole('rowheader', { name: 'serial zz99' }).waitFor();
		await page.getByRole('button', { name: 'Remove the rule for serial zz99' }).click();
		await page.getByRole('button', { name: 'Remove', exact: true }).click();
		await page.getByText('There is no rule').waitFor();
	});
});

await check('a controller that does not answer is said so, with what to do', () => withPage('/', async (page, context) => {
	await page.goto(`${base}/settings`);
	await live(page);
	await context.route('**/api/v1/settings', (route) => route.abort());
	await page.getByRole('button', { name: 'Save' }).click();
	await page.getByText('The controller does not answer').first().waitFor();
}));

await check('signing out leads to the sign-in page', async () => {
	await withPage('/settings', async (page, context) => {
		await context.route('**/api/v1/session', (route) => (route.request().method() === 'DELETE' ? route.fulfill({ status: 204 }) : route.continue()));
		await page.getByRole('button', { name: 'Sign out' }).click();
		await page.getByText('aetherctl sign-in').waitFor();
	});
});

await finish();
