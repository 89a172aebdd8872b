# SPDX-License-Identifier: Apache-2.0
# The dashboard: bundled from src/ with the packages that package-lock.json names, and made into a C array. The packages are
# fetched once for each lock, without running anything of theirs; later builds work without a network.
third_npm := $(THIRD)/npm/stamp
define npm_ci
@mkdir -p $(@D); $(call say,NPM,$(@D))
@command -v npm >/dev/null || { echo "npm is not installed; next step: make deps" >&2; exit 1; }
$(Q)if ! [ -d $(@D)/node_modules ] || ! cmp -s $(<D)/package-lock.json $(@D)/package-lock.json; then \
	cp $(<D)/package.json $(<D)/package-lock.json $(@D); cd $(@D); \
	npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >npm.log 2>&1 || { cat npm.log >&2; rm -rf node_modules; \
		echo "$(@D): npm could not fetch what $(<D)/package-lock.json names; is its registry reachable?" >&2; exit 1; }; fi
$(Q)touch $@
endef
$(third_npm): controller/ui/package-lock.json controller/ui/package.json
	$(npm_ci)

$(O)/ui/assets.c: controller/ui/build.mjs $(shell find controller/ui/src -type f | sort) $(third_npm)
	@$(call say,UI,$@)
	$(Q)controller/ui/build.mjs $(THIRD)/npm $(O)/ui

.PHONY: ui-mock
ui-mock: $(O)/ui/assets.c ## the dashboard over nodes that exist in a stand-in alone (NODES=24 RATE=0.5)
	@tests/ui/mock.mjs $(O)/ui/www
