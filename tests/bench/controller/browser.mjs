#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// browser.mjs AETHERD BUNDLE CONTROLLER-BENCH: the rows that need a browser, in the bench's table. A fleet of NODES=1000
// virtual nodes, one headless Chromium. ROWS=many,cards,state,keys: only those. README.md beside says how each row is taken.
import { spawn } from 'node:child_process';
import { loadavg } from 'node:os';
import { createInterface } from 'node:readline';
import { browse } from '../../ui/browser.mjs';

const [aetherd, bundle, bench] = process.argv.slice(2);
if (!bench) {
	console.error('usage: browser.mjs AETHERD BUNDLE CONTROLLER-BENCH');
	process.exit(2);
}
const NODES = Number(process.env.NODES ?? 1000);
const SECONDS = Number(process.env.BENCH_SECONDS ?? 20);
const CLIENTS = 199;
const SAMPLES = 40;
const APPEAR_MS = 10_000;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const row = (what, reach, measured, isReached) =>
	console.log(`${what.padEnd(58)} ${reach.padEnd(22)} ${measured.padEnd(44)} ${isReached === undefined ? '' : isReached ? 'reached' : 'missed'}`);
const p = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)];

// --- the fleet
const fleet = spawn(bench, [aetherd, bundle, 'serve', String(NODES)], { stdio: ['pipe', 'pipe', 'inherit'] });
const lines = createInterface({ input: fleet.stdout })[Symbol.asyncIterator]();
async function ask(word) {
	if (word) {
		fleet.stdin.write(`${word}\n`);
	}
	const { value, done } = await lines.next();
	if (done) {
		throw new Error('the fleet has ended');
	}
	return value;
}

// --- times of one kind, as a row
function judge(what, reach, mostMs, times, asked, more = '') {
	const sorted = times.slice().sort((a, b) => a - b);
	if (sorted.length < asked) {
		row(what, reach, `${sorted.length} of ${asked} were seen`, false);
		return;
	}
	const p95 = p(sorted, 0.95);
	row(what, reach, `median ${p(sorted, 0.5).toFixed(0)} ms, p95 ${p95.toFixed(0)} ms, longest ${sorted.at(-1).toFixed(0)} ms${more}`, p95 <= mostMs);
}

// In the page: the wall clock at the animation frame after the document holds what the selector says.
const watchFor = (page, selector) => page.evaluate(([selector, most]) => {
	window.seen = new Promise((resolve) => {
		const done = () => requestAnimationFrame((at) => resolve(performance.timeOrigin + at));
		const watcher = new MutationObserver(() => {
			if (document.querySelector(selector)) {
				watcher.disconnect();
				done();
			}
		});
		watcher.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
		setTimeout(() => resolve(0), most);
	});
}, [selector, APPEAR_MS]);
const seen = (page) => page.evaluate(() => window.seen);

async function samples(page, count, selectorOf, order) {
	const times = [];
	for (let i = 0; i < count; i++) {
		await watchFor(page, selectorOf(i));
		await sleep(100 + Math.random() * 400);
		const sent = Number(await ask(order(i))) / 1000;
		const at = await seen(page);
		if (sent && at) {
			times.push(at - sent);
		} else {
			const what = await page.evaluate((id) => document.querySelector(`[data-node="${id}"]`)?.className, selectorOf(i).split('"')[1]);
			console.error(`browser.mjs: sample ${i}: sent ${sent}, ${selectorOf(i)} is ${what ?? 'not in the document'} ` +
				`(moved: ${await page.locator('.fleet-list .news').innerText()})`);
		}
	}
	return times;
}

async function measureState(page, ids) {
	const open = Number(await ask(`clients ${CLIENTS}`));
	await sleep(2000);
	// A failed node comes to the top of the list, by its id among its like: from the last one down, each is the first then.
	const order = ids.map((id, number) => ({ id, number })).sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, SAMPLES);
	const bytes = Number(await ask('bytes'));
	const began = Date.now();
	const cpu = Number(await ask('cpu'));
	const times = await samples(page, SAMPLES, (i) => `[data-node="${order[i].id}"].is-failed`, (i) => `fail ${order[i].number}`);
	const seconds = (Date.now() - began) / 1000;
	judge(`datagram to the next animation frame, ${open} raw clients`, 'p95 <= 250 ms', 250, times, SAMPLES);
	const rate = ((Number(await ask('bytes')) - bytes) / seconds / 1e6).toFixed(1);
	row('  aetherd meanwhile', '', `${((Number(await ask('cpu')) - cpu) / seconds * 100).toFixed(0)} % of a core, ${rate} MB/s, ${await ask('open')} clients stay`);
}

async function measureCards(page) {
	const mac = (number) => `52:54:00:${[16, 8, 0].map((shift) => ((60000 + number) >> shift & 255).toString(16).padStart(2, '0')).join(':')}`;
	const appear = async (word, first, what) => {
		const times = [];
		for (let i = 0; i < SAMPLES / 2; i++) {
			await page.evaluate(([text, most]) => {
				window.seen = new Promise((resolve) => {
					const watcher = new MutationObserver(() => {
						if ([...document.querySelectorAll('.pending-card code')].some((code) => code.textContent.includes(text))) {
							watcher.disconnect();
							requestAnimationFrame((at) => resolve(performance.timeOrigin + at));
						}
					});
					watcher.observe(document.body, { subtree: true, childList: true, characterData: true });
					setTimeout(() => resolve(0), most);
				});
			}, [mac(first + i), APPEAR_MS]);
			await sleep(100 + Math.random() * 400);
			const sent = Number(await ask(`${word} ${first + i}`)) / 1000;
			if (!sent) {
				row(what, 'p95 <= 1000 ms', 'not measured: it needs root', false);
				return;
			}
			const at = await seen(page);
			if (at) {
				times.push(at - sent);
			}
		}
		judge(what, 'p95 <= 1000 ms', 1000, times, SAMPLES / 2);
	};
	await appear('discover', 0, 'DISCOVER to its card on screen');
	await appear('hello', 100, '  hello of an unknown node to its card');
}

async function measureKeys(page, id) {
	await page.goto(`${new URL(page.url()).origin}/nodes/${id}/console/0`);
	await page.waitForSelector('[data-ready]');
	await page.getByRole('button', { name: 'Type' }).click();
	await page.evaluate(() => {
		window.echoes = [];
		let typed = '';
		let pressed = 0;
		addEventListener('keydown', (event) => {
			if (event.key.length === 1) {
				pressed = performance.now();
				typed += event.key;
			}
		}, true);
		const rows = document.querySelector('.xterm-rows');
		new MutationObserver(() => {
			if (pressed && rows.textContent.replace(/\s/g, '').includes(typed)) {
				const from = pressed;
				pressed = 0;
				requestAnimationFrame((at) => window.echoes.push(at - from));
			}
		}).observe(rows, { subtree: true, childList: true, characterData: true });
	});
	for (let i = 0; i < SAMPLES; i++) {
		await sleep(150 + Math.random() * 200);
		await page.keyboard.press(String.fromCharCode(97 + i % 26));
	}
	await sleep(2000);
	judge('key to its echo in a console', 'p95 <= 150 ms', 150, await page.evaluate(() => window.echoes), SAMPLES);
}

// The list holds still under the pointer and with the focus in it.
async function leave(page) {
	await page.mouse.move(700, 10);
	await page.evaluate(() => document.activeElement?.blur());
}

async function measureMany(browser, page) {
	const client = await browser.newBrowserCDPSession();
	const own = await page.context().newCDPSession(page);
	await own.send('Performance.enable', { timeDomain: 'threadTicks' });
	const spent = async () => {
		const { processInfo } = await client.send('SystemInfo.getProcessInfo');
		const { metrics } = await own.send('Performance.getMetrics');
		return { all: processInfo.filter((one) => one.type === 'renderer').reduce((sum, one) => sum + one.cpuTime, 0),
			page: metrics.find((one) => one.name === 'TaskDuration').value };
	};
	const watch = async (name, during) => {
		await page.evaluate(() => window.longTasks.splice(0));
		const before = await spent();
		const began = Date.now();
		await during();
		const seconds = (Date.now() - began) / 1000;
		const after = await spent();
		const tasks = await page.evaluate(() => window.longTasks.splice(0));
		const share = (after.all - before.all) / seconds * 100;
		row(`${NODES} live nodes, ${name}: longest task`, '<= 50 ms', tasks.length ? `${Math.max(...tasks).toFixed(0)} ms, ${tasks.length} over 50 ms` : 'none over 50 ms', !tasks.length);
		row('  CPU of the renderers, page and worker', '<= 25 % of a core',
			`${share.toFixed(1)} %, the page's thread ${((after.page - before.page) / seconds * 100).toFixed(1)} %`, share <= 25);
	};
	await watch('grid', () => sleep(SECONDS * 1000));
	await page.getByRole('button', { name: 'As table' }).click();
	await leave(page);
	await sleep(1500);
	await watch('table', () => sleep(SECONDS * 1000));
	await page.getByRole('button', { name: 'As grid' }).click();
	await leave(page);
}

const chromium = await browse();
let status = 0;
try {
	const { link, ids } = JSON.parse(await ask(''));
	const page = await chromium.browser.newPage({ viewport: { width: 1360, height: 860 } });
	await page.addInitScript(() => {
		window.longTasks = [];
		new PerformanceObserver((list) => list.getEntries().forEach((one) => window.longTasks.push(one.duration))).observe({ type: 'longtask', buffered: true });
	});
	console.log(`a browser: aetherd, ${NODES} virtual nodes at 1 Hz and Chromium ${chromium.browser.version()} share the CPUs; load average at the start ${loadavg()[0].toFixed(1)}\n`);
	await page.goto(link);
	await page.waitForSelector('[data-line=live]');
	await page.waitForSelector('.tile');
	await page.mouse.move(700, 10);
	await sleep(3000);
	const loading = await page.evaluate(() => window.longTasks.splice(0));
	row(`${NODES} live nodes, loading: longest task`, '<= 50 ms', loading.length ? `${Math.max(...loading).toFixed(0)} ms, ${loading.length} over 50 ms` : 'none over 50 ms',
		!loading.length);
	const rows = { many: () => measureMany(chromium.browser, page), cards: () => measureCards(page), state: () => measureState(page, ids),
		keys: () => measureKeys(page, ids[0]) };
	for (const [name, run] of Object.entries(rows)) {
		if (!process.env.ROWS || process.env.ROWS.split(',').includes(name)) {
			await run();
		}
	}
	console.log(`load average at the end ${loadavg()[0].toFixed(1)}`);
} catch (error) {
	console.error(`browser.mjs: ${error.stack ?? error}`);
	status = 1;
}
await chromium.close();
fleet.stdin.end();
await new Promise((resolve) => (fleet.exitCode === null && fleet.signalCode === null ? fleet.once('exit', resolve) : resolve()));
process.exit(status);
