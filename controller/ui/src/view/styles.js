// SPDX-License-Identifier: Apache-2.0
// xterm.js writes its rules into <style> elements, which our Content-Security-Policy forbids, as it should. What it asks for
// becomes an element that hands its text to a constructed style sheet instead: that is script's own doing, and allowed.

function sheetElement() {
	const element = Document.prototype.createElement.call(document, 'span');
	const sheet = new CSSStyleSheet();
	element.hidden = true;
	Object.defineProperty(element, 'textContent', { get: () => '', set: (text) => sheet.replaceSync(text) });
	element.remove = () => {
		document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== sheet);
		Element.prototype.remove.call(element);
	};
	document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
	return element;
}

// Until the returned function is called.
export function catchStyles() {
	const before = document.adoptedStyleSheets;
	document.createElement = (name, options) =>
		(String(name).toLowerCase() === 'style' ? sheetElement() : Document.prototype.createElement.call(document, name, options));
	return () => {
		delete document.createElement;
		document.adoptedStyleSheets = before;
	};
}
