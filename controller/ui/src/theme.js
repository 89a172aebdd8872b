// SPDX-License-Identifier: Apache-2.0
// Runs before anything is drawn, so that the chosen theme does not flash.
try {
	const theme = localStorage.getItem('aether-theme');
	if (theme === 'light' || theme === 'dark') {
		document.documentElement.dataset.theme = theme;
	}
} catch {
	// Storage is forbidden: the system's theme it is.
}
