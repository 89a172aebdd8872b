// SPDX-License-Identifier: Apache-2.0
// Debian's Chromium, driven by playwright-core out of AETHER_NPM (default: build/third/npm-tests).
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

const npm = resolve(process.env.AETHER_NPM ?? 'build/third/npm-tests');
const require = createRequire(`${npm}/package.json`);

export const axeSource = () => require.resolve('axe-core/axe.min.js');

export function signInLink() {
	if (!process.env.AETHER_LINK) {
		console.error('AETHER_LINK is not set; next step: set it to the sign-in link that `make sim` printed');
		process.exit(2);
	}
	return process.env.AETHER_LINK;
}

export async function browse() {
	const { chromium } = require('playwright-core');
	const path = process.env.CHROMIUM ?? '/usr/bin/chromium';
	if (!existsSync(path)) {
		console.error(`${path} is not there; next step: make deps`);
		process.exit(2);
	}
	const browser = await chromium.launch({
		// It sees our own pages on the loopback alone; its sandbox is not to be had as root or in a container.
		executablePath: path, args: ['--no-sandbox', '--no-proxy-server', '--disable-dev-shm-usage', '--disable-gpu'],
	});
	return { browser, close: () => browser.close() };
}
