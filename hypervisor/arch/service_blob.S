/* SPDX-License-Identifier: Apache-2.0 */
/* The service's image, as it was linked: kept for good, copied for each instance. */
	.section .service, "a"
	.balign	4096
	.global	service_blob, service_blob_end, service_blob_sha256
service_blob:
	.incbin	"service.bin"
service_blob_end:
service_blob_sha256:
	.incbin	"service.sha256"
