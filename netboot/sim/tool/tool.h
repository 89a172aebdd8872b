/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the scripts of make sim cannot do themselves. Each takes its arguments and returns an exit status. */

/* PORT COMMAND...: opens 127.0.0.1:PORT or the next free port behind it for people, and becomes COMMAND, which inherits
 * it as descriptor 3 (LISTEN_FDS, LISTEN_FDNAMES) and has the port in SIM_PORT. */
int tool_listen(int argc, char **argv);
/* SOCKET METHOD PATH [BODY]: an HTTP request over a Unix socket; the answer's body on standard output. Status 0: 2xx.
 */
int tool_ask(int argc, char **argv);
/* FOLDER status|on|off|reset MAC: the power driver of the emulated nodes, by QMP. */
int tool_power(int argc, char **argv);

/* Connects to a Unix socket; -1 with errno. */
int tool_connect(const char *path, int timeout_s);
