// SPDX-License-Identifier: Apache-2.0
// Rows never move under the pointer: while it is over a region, or the focus is in it, what the region shows keeps its
// place. What waits is counted, and shown at once when somebody asks for it.
import { signal } from '@preact/signals';
import { hold } from '../state/reduce.js';

// A part of a page that holds still: spread `on` into its element.
export function makeRegion() {
	const isHeld = signal(false);
	const released = signal(0);
	let isOver = false;
	let hasFocus = false;
	const update = () => (isHeld.value = isOver || hasFocus);
	return {
		isHeld,
		released,
		show: () => released.value++,
		on: {
			onPointerEnter(event) {
				isOver = event.pointerType !== 'touch';
				update();
			},
			onPointerLeave() {
				isOver = false;
				update();
			},
			onFocusIn() {
				hasFocus = true;
				update();
			},
			onFocusOut(event) {
				hasFocus = Boolean(event.relatedTarget && event.currentTarget.contains(event.relatedTarget));
				update();
			},
		},
		reset() {
			isOver = false;
			hasFocus = false;
			update();
		},
	};
}

// The order that a region shows. `form` is what the person chose (sort, filter): another one is a wish for another
// order. `mayGrow`: new ones may come at the end, which moves none.
export function makeHolder(region, { mayGrow = () => false } = {}) {
	let shown = [];
	let seen = 0;
	let key = '';
	return (wanted, form = '') => {
		if (!region.isHeld.value || region.released.value !== seen || form !== key || !shown.length) {
			seen = region.released.value;
			key = form;
			shown = wanted;
		}
		const held = hold(shown, wanted, mayGrow());
		shown = held.ids;
		return held;
	};
}
