# SPDX-License-Identifier: Apache-2.0
provisioner_c := $(addprefix provisioner/,render.c check.c tree.c error.c)
$(call tool,provision-render,provisioner/render_main.c $(provisioner_c))
$(call host_test,render,tests/unit/test_render.c $(provisioner_c))
all += $(O)/bin/provision-render
