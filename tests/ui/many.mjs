#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// many.mjs: what the dashboard costs a browser that watches many nodes (AETHER_LINK): tasks over 50 ms, the share of a core
// of the page's own thread, rows in the document. Prints JSON; SECONDS=20 (the first third without a hand on it).
import { base, close, live, newContext, signIn } from './harness.mjs';

const seconds = Number(process.env.SECONDS ?? 20);
const { context } = await signIn();
await context.close();
const own = await newContext();
const page = await own.newPage();
await page.addInitScript(() => {
	window.longTasks = [];
	new PerformanceObserver((list) => list.getEntries().forEach((one) => window.longTasks.push([Math.round(one.startTime), Math.round(one.duration)])))
		.observe({ type: 'longtask', buffered: true });
});
const client = await own.newCDPSession(page);
await client.send('Performance.enable', { timeDomain: 'threadTicks' }); // CPU, not time on a busy machine
const spent = async () => Object.fromEntries((await client.send('Performance.getMetrics')).metrics.map((one) => [one.name, one.value]));
await page.goto(base);
await live(page);
await page.waitForSelector('.tile');
await page.waitForTimeout(2000);
const loading = await page.evaluate(() => window.longTasks.splice(0));

async function watch(name, during) {
	const before = await spent();
	const began = Date.now();
	await during();
	const after = await spent();
	const tasks = await page.evaluate(() => window.longTasks.splice(0));
	return { name, core: Number(((after.TaskDuration - before.TaskDuration) * 1000 / (Date.now() - began)).toFixed(3)), tasks_over_50_ms: tasks.map((task) => task[1]) };
}
const parts = [
	await watch('grid, at rest', () => page.waitForTimeout(seconds / 3 * 1000)),
	await watch('grid, scrolled', async () => {
		const end = Date.now() + seconds / 3 * 1000;
		await page.mouse.move(900, 500);
		while (Date.now() < end) {
			await page.mouse.wheel(0, 400);
			await page.waitForTimeout(50);
		}
	}),
	await watch('table, at rest', async () => {
		await page.getByRole('button', { name: 'As table' }).click();
		await page.mouse.move(700, 10);
		await page.waitForTimeout(seconds / 3 * 1000);
	}),
];
const rows = await page.locator('[data-node]').count();
const nodes = await page.locator('[data-pending-count]').innerText();
console.log(JSON.stringify({ loading: loading.map((task) => task[1]), parts, elements_of_nodes: rows, waiting: Number(nodes), heap_mb: Math.round((await spent()).JSHeapUsedSize / 1e6) }, null, 1));
await close();
process.exit(0);
