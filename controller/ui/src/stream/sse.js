// SPDX-License-Identifier: Apache-2.0
// Server-sent events out of a text that comes in pieces. A pure parser: calls event({id, type, data}); comments and
// fields that it does not know are passed over.

const MAX_LINE = 4 << 20; // a stream without line ends is not ours

export function makeParser(event) {
	let rest = '';
	let type = '';
	let id = '';
	let data = [];

	function line(text) {
		if (text === '') {
			if (data.length) {
				event({ type: type || 'message', id, data: data.join('\n') });
			}
			type = '';
			data = [];
			return;
		}
		const colon = text.indexOf(':');
		if (colon === 0) {
			return;
		}
		const field = colon < 0 ? text : text.slice(0, colon);
		const value = colon < 0 ? '' : text.slice(text[colon + 1] === ' ' ? colon + 2 : colon + 1);
		if (field === 'data') {
			data.push(value);
		} else if (field === 'event') {
			type = value;
		} else if (field === 'id') {
			id = value;
		}
	}

	return (piece) => {
		rest += piece;
		let from = 0;
		for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n', from)) {
			line(rest[end - 1] === '\r' ? rest.slice(from, end - 1) : rest.slice(from, end));
			from = end + 1;
		}
		rest = rest.slice(from);
		if (rest.length > MAX_LINE) {
			throw new Error('a line of the stream has no end');
		}
	};
}
