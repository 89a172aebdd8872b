# SPDX-License-Identifier: Apache-2.0
# The dashboard: bundled from src/ with the packages that package-lock.json names, and made into a C array. The packages are
# fetched once for each lock, without running anything of theirs; later builds work without a network.
third_npm := $(THIRD)/npm/stamp
$(third_npm): controller/ui/package.json controller/ui/package-lock.json
	@mkdir -p $(@D); $(call say,NPM,$(@D))
	@command -v npm >/dev/null || { echo "npm is not installed; next step: make deps" >&2; exit 1; }
	$(Q)cp $^ $(@D)
	$(Q)cd $(@D) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >npm.log 2>&1 || { cat npm.log >&2; \
		echo "$(@D): npm could not fetch the dashboard's packages; is its registry reachable?" >&2; exit 1; }
	$(Q)touch $@

$(O)/ui/assets.c: controller/ui/build.mjs $(shell find controller/ui/src -type f | sort) $(third_npm)
	@$(call say,UI,$@)
	$(Q)controller/ui/build.mjs $(THIRD)/npm $(O)/ui
