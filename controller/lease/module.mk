# SPDX-License-Identifier: Apache-2.0
$(call tool,aether-lease,controller/lease/lease.c)
