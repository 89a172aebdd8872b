/* SPDX-License-Identifier: Apache-2.0 */
/* Of a request only what api/params.c links: the fuzzer gives it texts without one. */
#include "http/http.h"

const char *http_query(const struct http_request *request, const char *name)
{
	(void)request, (void)name;
	return NULL;
}

const char *http_header(const struct http_request *request, const char *name)
{
	(void)request, (void)name;
	return NULL;
}

bool http_query_u64(const struct http_request *request, const char *name, uint64_t least, uint64_t most,
		    uint64_t otherwise, uint64_t *value, struct fail *fail)
{
	(void)request, (void)name, (void)least, (void)most, (void)fail;
	*value = otherwise;
	return true;
}
