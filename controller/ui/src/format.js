// SPDX-License-Identifier: Apache-2.0
// Figures and times as people read them. Pure.

export function bytes(count) {
	if (!Number.isFinite(count)) {
		return '–';
	}
	for (const unit of ['B', 'KiB', 'MiB', 'GiB', 'TiB']) {
		if (count < 1024 || unit === 'TiB') {
			return `${unit === 'B' ? count : count.toFixed(count < 10 ? 1 : 0)} ${unit}`;
		}
		count /= 1024;
	}
}

export const mib = (count) => (Number.isFinite(count) ? bytes(count * 1048576) : '–');

export function bits(perSecond) {
	if (!Number.isFinite(perSecond)) {
		return '–';
	}
	for (const unit of ['bit/s', 'kbit/s', 'Mbit/s']) {
		if (perSecond < 1000) {
			return `${perSecond.toFixed(perSecond < 10 && unit !== 'bit/s' ? 1 : 0)} ${unit}`;
		}
		perSecond /= 1000;
	}
	return `${perSecond.toFixed(perSecond < 10 ? 1 : 0)} Gbit/s`;
}

export function count(number) {
	if (!Number.isFinite(number)) {
		return '–';
	}
	return number < 10_000 ? String(number < 100 ? Math.round(number * 10) / 10 : Math.round(number)) : `${(number / 1000).toFixed(number < 100_000 ? 1 : 0)} k`;
}

export const percent = (fraction) => (Number.isFinite(fraction) ? `${Math.round(fraction * 100)} %` : '–');

export function duration(ms) {
	if (!Number.isFinite(ms)) {
		return '–';
	}
	if (ms > 0 && ms < 1) {
		return `${Math.round(ms * 1000)} µs`;
	}
	if (ms < 1000) {
		return `${Math.max(0, Math.round(ms))} ms`;
	}
	const s = ms / 1000;
	if (s < 60) {
		return `${s < 10 ? s.toFixed(1) : Math.floor(s)} s`;
	}
	const m = Math.floor(s / 60);
	if (m < 60) {
		return `${m} min ${Math.floor(s % 60)} s`;
	}
	const h = Math.floor(m / 60);
	return h < 48 ? `${h} h ${m % 60} min` : `${Math.floor(h / 24)} days ${h % 24} h`;
}

// "12 s ago"; coarser the longer ago it is.
export function ago(time, now) {
	const ms = now - Date.parse(time);
	if (!Number.isFinite(ms)) {
		return 'never';
	}
	const s = Math.max(0, Math.floor(ms / 1000));
	if (s < 2) {
		return 'now';
	}
	const [many, unit] = s < 120 ? [s, 's'] : s < 7200 ? [Math.floor(s / 60), 'min'] : s < 172_800
		? [Math.floor(s / 3600), 'h'] : [Math.floor(s / 86_400), 'days'];
	return `${many} ${unit} ago`;
}

// The processor that a MIDR names, as its maker does: 0x410fd083 is a Cortex-A72 r0p3.
const parts = {
	0x41: { 0xd03: 'Cortex-A53', 0xd04: 'Cortex-A35', 0xd05: 'Cortex-A55', 0xd07: 'Cortex-A57', 0xd08: 'Cortex-A72', 0xd09: 'Cortex-A73',
		0xd0a: 'Cortex-A75', 0xd0b: 'Cortex-A76', 0xd0c: 'Neoverse N1', 0xd40: 'Neoverse V1', 0xd41: 'Cortex-A78', 0xd49: 'Neoverse N2' },
	0x00: { 0x051: 'QEMU max' },
};
export function processor(midr) {
	const value = /^0x[0-9a-f]{1,8}$/i.test(midr ?? '') ? Number(midr) : NaN;
	const name = parts[value >>> 24]?.[(value >>> 4) & 0xfff];
	return Number.isNaN(value) || !name ? midr : `${name} r${(value >>> 20) & 15}p${value & 15}`;
}

// What people call a board whose device tree says `compatible`; others stand as they are.
const boards = {
	'linux,dummy-virt': 'QEMU virt', 'raspberrypi,3-model-b': 'Raspberry Pi 3 B', 'raspberrypi,3-model-b-plus': 'Raspberry Pi 3 B+',
	'raspberrypi,4-model-b': 'Raspberry Pi 4 B', 'raspberrypi,4-compute-module': 'Raspberry Pi CM4', 'raspberrypi,400': 'Raspberry Pi 400',
	'raspberrypi,5-model-b': 'Raspberry Pi 5 B',
};
export const board = (compatible) => (Object.hasOwn(boards, compatible ?? '') ? boards[compatible] : compatible);

const two = (number) => String(number).padStart(2, '0');
const clockOf = (date) => `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;

// 19:02:11 today, with the date on other days.
export function clock(time, now = Date.now()) {
	const date = new Date(time);
	if (Number.isNaN(date.getTime())) {
		return '–';
	}
	const today = date.toDateString() === new Date(now).toDateString();
	return today ? clockOf(date)
		: `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clockOf(date)}`;
}

export const base64 = {
	decode(text) {
		return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
	},
	encode(text) {
		return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
	},
};
