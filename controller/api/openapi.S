/* SPDX-License-Identifier: Apache-2.0 */
/* The description of the API, as it stands in openapi.json; its length follows it. */
	.section .rodata
	.global api_openapi
	.type api_openapi, %object
api_openapi:
	.incbin "controller/api/openapi.json"
.Lend:
	.size api_openapi, . - api_openapi
	.balign 4
	.global api_openapi_bytes
	.type api_openapi_bytes, %object
api_openapi_bytes:
	.4byte .Lend - api_openapi
	.size api_openapi_bytes, 4
	.section .note.GNU-stack, "", %progbits
