// SPDX-License-Identifier: Apache-2.0
// Only the rows in view are drawn. The page scrolls, not the list: it works with find, with a phone, with the keyboard.
import { signal, useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { rowsInView } from '../state/reduce.js';

// A list that comes up is drawn in slices, one an animation frame: all of it at once would hold the page up.
const SLICE = 6;

// `ref` goes to the element that holds the rows; `columns` may be asked for anew when the width changes.
export function useWindow({ count, rowHeight, columnsOf = () => 1 }) {
	const ref = useRef(null);
	const state = useMemo(() => signal({ first: 0, last: 30, columns: 1 }), []);
	const drawn = useSignal(SLICE); // so many at most; only rises
	const given = useRef(null);
	given.current = { count, rowHeight, columnsOf };

	useEffect(() => {
		let isAsked = false;
		function measure() {
			isAsked = false;
			const box = ref.current?.getBoundingClientRect();
			if (!box) {
				return;
			}
			const columns = Math.max(1, given.current.columnsOf(box.width));
			const rows = Math.ceil(given.current.count / columns);
			const [first, last] = rowsInView({ top: box.top, height: innerHeight, rowHeight: given.current.rowHeight, rows });
			const old = state.peek();
			if (old.first !== first || old.last !== last || old.columns !== columns) {
				state.value = { first, last, columns };
			}
		}
		const ask = () => {
			if (!isAsked) {
				isAsked = true;
				requestAnimationFrame(measure);
			}
		};
		measure();
		given.current.ask = ask;
		addEventListener('scroll', ask, { passive: true });
		const watcher = new ResizeObserver(ask);
		watcher.observe(document.body);
		return () => {
			removeEventListener('scroll', ask);
			watcher.disconnect();
		};
	}, []);
	useEffect(() => given.current.ask?.(), [count, rowHeight]);

	const { first, last, columns } = state.value;
	const rows = Math.ceil(count / columns);
	const begin = Math.min(first, last, rows);
	const end = Math.min(last, rows, begin + Math.max(1, Math.floor(drawn.value / columns)));
	const isSliced = end < Math.min(last, rows);
	useEffect(() => {
		const frame = isSliced && requestAnimationFrame(() => (drawn.value += SLICE));
		return () => cancelAnimationFrame(frame);
	}, [isSliced, drawn.value]);
	return {
		ref, columns, begin: begin * columns, end: Math.min(count, end * columns),
		before: begin * rowHeight, after: Math.max(0, rows - end) * rowHeight,
	};
}
