// SPDX-License-Identifier: Apache-2.0
// xterm.js around one guest's output: what was kept first, then the stream. What a guest writes is hostile: it may not set
// the title, reach the clipboard, make links, or have the terminal answer in its name.
import { FitAddon } from '@xterm/addon-fit';
import { Terminal } from '@xterm/xterm';
import { base64 } from '../format.js';
import { api } from '../state/api.js';
import { inView, onConsole } from '../state/model.js';
import { takeOutput } from '../state/reduce.js';
import { catchStyles } from './styles.js';

const SCROLLBACK = 10_000;
const PIECE_BYTES = 1024; // of input, in one request
const OSC_REFUSED = [0, 1, 2, 4, 8, 9, 10, 11, 12, 52, 104, 110, 111, 112, 777, 1337];

function colours(element) {
	const of = (name) => getComputedStyle(element).getPropertyValue(name).trim();
	return { background: of('--terminal-bg'), foreground: of('--terminal-text'), cursor: of('--terminal-text'),
		cursorAccent: of('--terminal-bg'), selectionBackground: of('--terminal-selection') };
}

export function openTerminal(element, { id, slot, typing, follow, state }) {
	const releaseStyles = catchStyles();
	const terminal = new Terminal({
		scrollback: SCROLLBACK, convertEol: false, disableStdin: true, cursorBlink: false, screenReaderMode: true, fontSize: 13,
		fontFamily: 'ui-monospace, "SF Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace', theme: colours(element),
		linkHandler: { activate() {} }, logLevel: 'off',
	});
	const fit = new FitAddon();
	terminal.loadAddon(fit);
	OSC_REFUSED.forEach((code) => terminal.parser.registerOscHandler(code, () => true));
	// Questions whose answers would be typed to the guest: device attributes, status, window, settings.
	[{ final: 'c' }, { prefix: '>', final: 'c' }, { prefix: '=', final: 'c' }, { final: 'n' }, { prefix: '?', final: 'n' }, { final: 't' },
		{ intermediates: '$', final: 'p' }, { prefix: '?', intermediates: '$', final: 'p' }]
		.forEach((sequence) => terminal.parser.registerCsiHandler(sequence, () => true));
	terminal.parser.registerDcsHandler({ intermediates: '$', final: 'q' }, () => true);
	terminal.open(element);
	terminal.textarea?.setAttribute('aria-label', 'Console input');
	element.dataset.ready = '';

	let have = -1; // behind the last byte that was shown; -1: nothing was fetched
	let isOver = false;
	let fetching = false;
	const pieces = []; // that came while something was fetched
	const kept = [];

	const put = (data) => {
		kept.push(data);
		terminal.write(data);
	};
	function take({ offset, data, isTried }) {
		const taken = takeOutput(have, offset, data);
		if (taken.gap) {
			if (!isTried) { // else it is of a boot that ended meanwhile
				pieces.push({ offset, data, isTried: true });
				fill();
			}
			return;
		}
		have = taken.have;
		if (taken.bytes) {
			put(taken.bytes);
		}
	}

	async function fill() {
		if (fetching || isOver) {
			return;
		}
		fetching = true;
		try {
			for (let isMore = true; isMore && !isOver;) {
				const piece = await api('GET', `/nodes/${id}/consoles/${slot}?from=${Math.max(0, have)}`);
				const data = base64.decode(piece.text ?? '');
				if (have >= 0 && piece.newest < have) {
					have = -1; // the ring began anew
					terminal.reset();
					continue;
				}
				if (piece.start > Math.max(0, have)) {
					state.value = { ...state.peek(), lost: state.peek().lost + piece.start - Math.max(0, have) };
				}
				have = Math.max(have, piece.start);
				isMore = data.length > 0 && piece.end < piece.newest;
				take({ offset: piece.start, data });
			}
			state.value = { ...state.peek(), what: 'ready', error: null };
		} catch (error) {
			state.value = { ...state.peek(), what: 'failed', error };
			pieces.length = 0;
		}
		fetching = false;
		pieces.splice(0).forEach(take);
	}

	const unlisten = onConsole((piece) => {
		if (piece.node === id && piece.slot === slot) {
			const one = { offset: piece.offset, data: base64.decode(piece.data) };
			if (fetching || have < 0) {
				pieces.push(one);
			} else {
				take(one);
			}
		}
	});
	inView('console', { consoles: [`${id}:${slot}`] });
	fill();

	// --- typing: in order, one request at a time
	let input = '';
	let isSending = false;
	async function send() {
		while (input && !isOver) {
			const piece = input.slice(0, PIECE_BYTES);
			input = input.slice(piece.length);
			isSending = true;
			try {
				await api('POST', `/nodes/${id}/consoles/${slot}`, { input: base64.encode(piece) });
				state.value = { ...state.peek(), error: null };
			} catch (error) {
				input = '';
				typing.value = false;
				state.value = { ...state.peek(), error };
			}
			isSending = false;
		}
	}
	terminal.onData((data) => {
		if (typing.peek()) {
			input += data;
			if (!isSending) {
				send();
			}
		}
	});
	// Without typing, keys are the page's: Tab goes on. Ctrl+] ends typing, as with telnet.
	terminal.attachCustomKeyEventHandler((event) => {
		if (event.ctrlKey && event.key === ']') {
			if (event.type === 'keydown') {
				typing.value = false;
				event.preventDefault();
			}
			return false;
		}
		return typing.peek();
	});
	const stopTyping = typing.subscribe((on) => (terminal.options.disableStdin = !on));

	terminal.onScroll(() => (follow.value = terminal.buffer.active.viewportY >= terminal.buffer.active.baseY));
	const onWheel = () => requestAnimationFrame(() => (follow.value = terminal.buffer.active.viewportY >= terminal.buffer.active.baseY));
	element.addEventListener('wheel', onWheel, { passive: true });
	const refit = () => element.clientHeight && fit.fit();
	const size = new ResizeObserver(refit);
	size.observe(element);
	const recolour = () => (terminal.options.theme = colours(element));
	const theme = new MutationObserver(recolour);
	theme.observe(document.documentElement, { attributeFilter: ['data-theme'] });

	return {
		focus: () => terminal.focus(),
		again: fill,
		follow() {
			terminal.scrollToBottom();
			follow.value = true;
		},
		save(name) {
			const link = document.createElement('a');
			link.href = URL.createObjectURL(new Blob(kept, { type: 'text/plain' }));
			link.download = name;
			link.click();
			setTimeout(() => URL.revokeObjectURL(link.href), 1000);
		},
		close() {
			isOver = true;
			unlisten();
			stopTyping();
			inView('console', null);
			size.disconnect();
			theme.disconnect();
			element.removeEventListener('wheel', onWheel);
			terminal.dispose();
			releaseStyles();
		},
	};
}
