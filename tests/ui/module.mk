# SPDX-License-Identifier: Apache-2.0
# What the browser tests need beside Debian's Chromium.
third_npm_tests := $(THIRD)/npm-tests/stamp
$(third_npm_tests): tests/ui/package-lock.json tests/ui/package.json
	$(npm_ci)
everything: $(third_npm_tests) $(O)/ui/assets.c
