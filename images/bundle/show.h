/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Prints what a bundle holds and checks every hash. Returns 0, or 1 if the bundle would be refused or a
 * guest in it not started. */
int show_bundle(const char *path);
