// SPDX-License-Identifier: Apache-2.0
// Five minutes of a node's figures, by uPlot; loaded by the node page alone. Each chart has its newest figures as text
// too: a canvas tells nothing to a screen reader.
import { html } from 'htm/preact';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { bits, count, mib, percent } from '../format.js';

const SPAN_S = 300;
const HEIGHT = 150;

// uPlot draws with colours, not with custom properties.
function colour(element, name) {
	const probe = document.createElement('i');
	probe.style.color = `var(${name})`;
	element.append(probe);
	const value = getComputedStyle(probe).color;
	probe.remove();
	return value;
}

const fade = (value, alpha) => value.replace(/^rgb\(([^)]*)\)$/, `rgba($1, ${alpha})`);

function options(element, { series, format, max, stacked, steps, least = 1 }, width) {
	const text = colour(element, '--muted');
	const grid = { stroke: colour(element, '--line'), width: 1 };
	const axis = { stroke: text, grid, ticks: { show: false }, font: '11px system-ui, sans-serif' };
	return {
		width, height: HEIGHT, padding: [8, 18, 0, 0], legend: { show: false },
		cursor: { y: false, points: { size: 5 }, sync: { key: 'node' }, drag: { x: false, y: false } },
		scales: { x: { time: true }, y: { range: (plot, low, high) => [0, max ?? Math.max(least, (high || 0) * 1.1)] } },
		axes: [{ ...axis, size: 26, values: '{HH}:{mm}', space: 70, incrs: [60, 120, 300, 600] }, { ...axis, size: 62, values: (plot, ticks) => ticks.map(format), ...(steps && { incrs: steps }) }],
		series: [{}, ...series.map((one) => {
			const stroke = colour(element, one.colour);
			return { label: one.label, stroke, width: 1.25, fill: stacked ? fade(stroke, 0.55) : undefined, points: { show: false } };
		})],
		bands: stacked ? series.slice(1).map((_, i) => ({ series: [i + 1, i + 2] })) : [],
	};
}

// Columns for uPlot. Stacked: each series lies upon those behind it, so the first is the sum.
function columns(frames, { series, stacked }) {
	const times = frames.map((frame) => Date.parse(frame.time) / 1000);
	const values = series.map((one) => frames.map((frame) => one.value(frame) ?? null));
	if (stacked) {
		for (let i = values.length - 2; i >= 0; i--) {
			values[i] = values[i].map((value, at) => (value ?? 0) + (values[i + 1][at] ?? 0));
		}
	}
	return [times, ...values];
}

function Chart({ title, frames, kind, until }) {
	const box = useRef(null);
	const plot = useRef(null);
	const given = useRef(null);
	given.current = columns(frames, kind);
	function draw() {
		const end = until / 1000 || (given.current[0].at(-1) ?? Date.now() / 1000);
		plot.current.batch(() => {
			plot.current.setData(given.current, false);
			plot.current.setScale('x', { min: end - SPAN_S, max: end });
		});
	}
	useEffect(() => {
		const element = box.current; // gone from the ref before this effect is ended
		function make() {
			plot.current?.destroy();
			plot.current = new uPlot(options(element, kind, element.clientWidth), given.current, element);
			draw();
		}
		make();
		const size = new ResizeObserver(() => element.clientWidth && plot.current.setSize({ width: element.clientWidth, height: HEIGHT }));
		size.observe(element);
		const theme = new MutationObserver(make);
		theme.observe(document.documentElement, { attributeFilter: ['data-theme'] });
		const dark = matchMedia('(prefers-color-scheme: dark)');
		dark.addEventListener('change', make);
		return () => {
			size.disconnect();
			theme.disconnect();
			dark.removeEventListener('change', make);
			plot.current.destroy();
		};
	}, [kind.key]);
	useEffect(draw, [frames, until]);
	const last = until ? null : frames.at(-1);
	return html`<figure class="chart"><figcaption><strong>${title}</strong><ul class="legend">${kind.series.map((one) =>
		html`<li key=${one.label}><i style=${{ background: `var(${one.colour})` }} />${one.label} <b>${last ? kind.format(one.value(last)) : '–'}</b></li>`)}</ul></figcaption>
		<div ref=${box} class="plot" aria-hidden="true" /></figure>`;
}

const cpu = {
	key: 'cpu', max: 1, stacked: true, format: percent, series: [
		{ label: 'core', colour: '--of-core', value: (frame) => frame.cpu?.core },
		{ label: 'service', colour: '--of-service', value: (frame) => frame.cpu?.service },
		{ label: 'guest', colour: '--of-guest', value: (frame) => frame.cpu?.guest },
	],
};
// By powers of two: halves of a MiB are no even share of one.
const MIB_STEPS = Array.from({ length: 24 }, (_, i) => 2 ** (i - 2));
const memoryOf = (total) => ({
	key: `memory ${total}`, max: total || undefined, stacked: true, format: mib, steps: MIB_STEPS, least: 4, series: [
		{ label: 'core', colour: '--of-core', value: (frame) => frame.memory?.core },
		{ label: 'service', colour: '--of-service', value: (frame) => frame.memory?.service },
		{ label: 'guest', colour: '--of-guest', value: (frame) => frame.memory?.guest },
	],
});
const net = {
	key: 'net', format: bits, least: 1000, series: [
		{ label: 'received', colour: '--of-guest', value: (frame) => frame.net?.rx_bps },
		{ label: 'sent', colour: '--of-service', value: (frame) => frame.net?.tx_bps },
	],
};
const exitColours = ['--of-guest', '--of-service', '--of-core', '--of-four', '--of-five'];
function exits(frames) {
	const sums = {};
	for (const frame of frames) {
		for (const [cause, rate] of Object.entries(frame.exits ?? {})) {
			sums[cause] = (sums[cause] ?? 0) + rate;
		}
	}
	const causes = Object.keys(sums).sort((a, b) => sums[b] - sums[a]).slice(0, exitColours.length).sort();
	return {
		key: `exits ${causes}`, least: 10, format: (value) => `${count(value)}/s`, series: causes.map((cause, i) => ({
			label: cause, colour: exitColours[i], value: (frame) => frame.exits?.[cause] ?? 0,
		})),
	};
}

// `until`: a time, when nothing comes any more; 0 while figures come.
export function Charts({ frames, total, until }) {
	return html`<div class="charts">
		<${Chart} title="CPU by owner" frames=${frames} until=${until} kind=${cpu} />
		<${Chart} title=${`Memory by owner${total ? `, of ${mib(total)}` : ''}`} frames=${frames} until=${until} kind=${memoryOf(total)} />
		<${Chart} title="Network" frames=${frames} until=${until} kind=${net} />
		<${Chart} title="Exits by cause" frames=${frames} until=${until} kind=${exits(frames)} /></div>`;
}
