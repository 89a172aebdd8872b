#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// pictures.mjs [OUT]: the README's pictures (controller/pictures), from a fresh `make sim NODES=3` whose sign-in link is
// AETHER_LINK: three nodes wait, one is approved and boots, it runs, its console, its power is cut. Fails when one is over 150 KiB.
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { browse, signInLink } from './browser.mjs';

const out = process.argv[2] ?? 'controller/pictures';
const BYTES_MAX = 150 * 1024;
const WAIT_MS = 120_000;
mkdirSync(out, { recursive: true });
const { browser, close } = await browse();
const context = await browser.newContext({ viewport: { width: 1280, height: 720 }, colorScheme: 'light' });
context.setDefaultTimeout(WAIT_MS);
const page = await context.newPage();

async function take(name, height) {
	const path = join(out, `${name}.png`);
	await page.setViewportSize({ width: 1280, height });
	await page.evaluate(() => document.activeElement?.matches('button') && document.activeElement.blur());
	await page.mouse.move(640, 2);
	await page.waitForTimeout(300);
	await page.screenshot({ path });
	const { size } = statSync(path);
	console.log(`${path}: ${size} bytes`);
	if (size > BYTES_MAX) {
		throw new Error(`${path} has ${size} bytes, ${BYTES_MAX} at most`);
	}
}

await page.goto(signInLink());
await page.waitForFunction(() => document.querySelectorAll('.pending-card .state').length === 3 &&
	[...document.querySelectorAll('.pending-card .state')].every((one) => one.textContent === 'pending'));
await take('appear', 720);

const ids = await page.locator('.pending-card').evaluateAll((list) => list.map((one) => one.dataset.node));
await page.locator('[data-approve]').nth(0).click();
await page.waitForSelector('.fleet-list .tile.is-running');
await page.locator(`.pending-card[data-node="${ids[1]}"] [data-approve]`).click();
await page.mouse.move(640, 2);
await page.waitForSelector('.fleet-list .tile.is-booting');
await take('approve', 720);

await page.goto(`${new URL(page.url()).origin}/nodes/${ids[0]}`);
await page.waitForSelector('.chart canvas');
await page.waitForTimeout(20_000); // so that there is something to draw
await take('node', 720);
const lanes = page.locator('section', { has: page.locator('.waterfall') });
await lanes.screenshot({ path: join(out, 'boot.png') });

await page.getByRole('link', { name: /^Console of/ }).first().click();
await page.waitForFunction(() => /~\s*#/.test(document.querySelector('.xterm-rows')?.textContent));
await page.getByRole('button', { name: 'Type' }).click();
await page.keyboard.type('uname -a\r', { delay: 30 });
await page.waitForFunction(() => document.querySelector('.xterm-rows')?.textContent.includes('GNU/Linux'));
await take('console', 620);

await page.goto(`${new URL(page.url()).origin}/nodes/${ids[0]}`);
await page.locator('[data-action=power-off]').click();
await page.getByRole('button', { name: 'Power off', exact: true }).last().click();
await page.waitForFunction(() => document.querySelector('.node-head .state')?.textContent === 'off');
await page.getByRole('link', { name: 'Fleet', exact: true }).first().click();
await page.locator(`.tile[data-node="${ids[0]}"].is-off`).waitFor();
await page.waitForFunction(() => /%/.test(document.querySelector('.tile.is-running .figure')?.textContent));
await take('off', 420);
await close();
