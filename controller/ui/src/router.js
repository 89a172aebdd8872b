// SPDX-License-Identifier: Apache-2.0
// Which page an address means. Links are ordinary ones; those to our own pages are followed without loading anew.
import { signal } from '@preact/signals';

const read = () => location.pathname.replace(/\/+$/, '') || '/';
export const path = signal(read());

export function go(to, { replace = false } = {}) {
	history[replace ? 'replaceState' : 'pushState'](null, '', to);
	path.value = read();
	scrollTo(0, 0);
}

addEventListener('popstate', () => (path.value = read()));
document.addEventListener('click', (event) => {
	const link = event.target.closest?.('a[href]');
	if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey ||
		link.origin !== location.origin || link.target || link.hasAttribute('download') || link.hash) {
		return;
	}
	event.preventDefault();
	if (link.pathname !== location.pathname) {
		go(link.pathname);
		document.querySelector('main')?.focus({ preventScroll: true });
	}
});
