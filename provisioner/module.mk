# SPDX-License-Identifier: Apache-2.0
$(call tool,provision-render,provisioner/render_main.c provisioner/render.c provisioner/tree.c provisioner/error.c)
$(call host_test,render,tests/unit/test_render.c provisioner/render.c provisioner/tree.c provisioner/error.c)
all += $(O)/bin/provision-render
