// SPDX-License-Identifier: Apache-2.0
// The SharedWorker: one for all tabs of the browser that have this build of the dashboard.
import { makeHub } from './hub.js';

const hub = makeHub({ fetch: self.fetch.bind(self) });

self.onconnect = (event) => {
	const port = event.ports[0];
	port.onmessage = (message) => hub.receive(port, message.data);
	port.start();
};
