// SPDX-License-Identifier: Apache-2.0
// Cases as TAP lines, and what every page of the dashboard must hold: no request to another host, nothing that the
// Content-Security-Policy refused, no error in its console.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { axeSource, browse, signInLink } from './browser.mjs';

const axeText = readFileSync(axeSource(), 'utf8');

export const link = signInLink();
export const base = new URL(link).origin;
export const hasMock = process.env.AETHER_MOCK === '1';
export const { browser, close } = await browse();

let number = 0;
let failed = 0;
const only = process.argv[2] ?? '';
const LIMIT_MS = 120_000;

export async function check(name, run, { needs = true } = {}) {
	if (!needs || !name.includes(only)) {
		return;
	}
	const began = Date.now();
	let timer;
	try {
		await Promise.race([run(), new Promise((_, reject) => {
			timer = setTimeout(() => reject(new Error(`not done after ${LIMIT_MS / 1000} s`)), LIMIT_MS);
		})]);
		console.log(`ok ${++number} - ${name} # ${Date.now() - began} ms`);
	} catch (error) {
		failed++;
		console.log(`not ok ${++number} - ${name}\n  ${String(error.stack ?? error).split('\n').slice(0, 12).join('\n  ')}`);
	} finally {
		clearTimeout(timer);
	}
}

export async function finish() {
	await check('no request left the host', async () => same(strangers, []));
	await check('no page had an error, and its policy refused nothing', async () => same(errors, []));
	await close();
	console.log(`1..${number}`);
	process.exit(failed ? 1 : 0);
}

export function same(have, want, what = '') {
	if (JSON.stringify(have) !== JSON.stringify(want)) {
		throw new Error(`${what} is ${JSON.stringify(have)}, not ${JSON.stringify(want)}`);
	}
}
export function hold(is, what) {
	if (!is) {
		throw new Error(what);
	}
}

export async function until(what, says, ms = 10_000) {
	const end = Date.now() + ms;
	for (;;) {
		const value = await what();
		if (value) {
			return value;
		}
		if (Date.now() > end) {
			throw new Error(`not within ${ms} ms: ${says}`);
		}
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
}

// --- contexts
const strangers = [];
const errors = [];
let state; // cookies, after the first sign-in
const expected = /status of 401|net::ERR|status of 409/; // what tests bring about on purpose

export async function newContext(more = {}) {
	const context = await browser.newContext({ viewport: { width: 1360, height: 860 }, storageState: state, ...more });
	context.on('request', (request) => {
		const url = new URL(request.url());
		if (url.origin !== base && !['data:', 'blob:'].includes(url.protocol)) {
			strangers.push(request.url());
		}
	});
	context.on('weberror', (error) => errors.push(String(error.error())));
	context.on('console', (message) => message.type() === 'error' && !expected.test(message.text()) &&
		!message.location().url.includes('/n-zzzzzzzzzz') && errors.push(`${message.text()} ${message.location().url}`));
	context.setDefaultTimeout(15_000);
	return context;
}

export async function signIn() {
	const context = await newContext();
	const page = await context.newPage();
	await page.goto(link);
	await live(page);
	state = await context.storageState();
	return { context, page };
}

export const live = (page) => page.waitForSelector('[data-line=live]');

export async function open(path, more) {
	const context = await newContext(more);
	const page = await context.newPage();
	await page.goto(base + path);
	await live(page);
	return { context, page };
}

export async function withPage(path, run, more) {
	const { context, page } = await open(path, more);
	try {
		return await run(page, context);
	} finally {
		await context.close();
	}
}

// --- the API, as the test itself asks it
export async function api(method, path, data) {
	const context = await newContext();
	try {
		const reply = await context.request.fetch(`${base}/api/v1${path}`, { method, data, headers: { Origin: base } });
		hold(reply.ok(), `${method} ${path}: ${reply.status()} ${await reply.text()}`);
		return reply.status() === 204 ? null : await reply.json();
	} finally {
		await context.close();
	}
}
export const nodes = async () => (await api('GET', '/nodes?limit=1000')).items;
export const nodeIn = async (state) => (await nodes()).find((node) => node.state === state);

export async function mock(what) {
	const reply = await fetch(`${base}/mock/${what}`, { method: 'POST' });
	return reply.json();
}

// A board on the network of a real simulation: tests/e2e/board.
export const hasBoard = Boolean(process.env.AETHER_BOARD);
export const board = (...words) => promisify(execFile)(process.env.AETHER_BOARD, words, { timeout: 30_000 });

// `part`: of the page, when the rest was looked at before.
export async function axe(page, what, part = 'html') {
	await page.evaluate(axeText); // by the debugger: the page's own policy lets no other script in
	const found = await page.evaluate((within) => window.axe.run(document.querySelector(within), {
		runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations'],
	}), part);
	same(found.violations.map((one) => `${one.id}: ${one.nodes.slice(0, 3).map((node) => node.target.join(' ')).join(', ')}`), [], what);
}
