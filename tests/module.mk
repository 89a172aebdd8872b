# SPDX-License-Identifier: Apache-2.0
# Tests are declared beside what they test, or in tests/*/module.mk; tests/suites lists what `make test` runs.
