/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * How a guest asks the runner for input: it prints the line `# input?`, and the runner sends the next word of the
 * case's row and a newline.
 */
#define PROMPT_LINE "input?"
