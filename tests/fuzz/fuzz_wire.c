/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames between core and enforcer, read by either side: what decodes as a reply encodes to the
 * same meaning again. */
#include <stdlib.h>
#include <string.h>
#include <enforce/wire.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_request(const char *p, size_t n)
{
	unsigned request;
	const char *body;
	char *frame;
	uint32_t seq;
	size_t len, frame_len;

	if (bh_request_decode(p, n, &request, &seq, &body, &len))
		return;
	if (request >= BH_ENF_REQUESTS || seq == 0 || body < p || len > n || body + len != p + n)
		abort();
	if (bh_enf_encode(request, seq, body, len, &frame, &frame_len))
		abort();
	free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bh_enf_reply r, again;
	char *frame;
	size_t len;

	as_request((const char *)data, size);
	if (bh_enf_decode((const char *)data, size, &r))
		return 0;
	if (bh_reply_encode(&r, &frame, &len))
		abort();
	if (bh_enf_decode(frame + 4, len - 4, &again))
		abort();
	if (r.seq != again.seq || r.status != again.status || r.body_len != again.body_len ||
		strcmp(r.text, again.text) || strcmp(r.drift.text, again.drift.text) ||
		strcmp(r.refused.text, again.refused.text))
		abort();
	free(frame);
	free(r.body);
	free(again.body);
	return 0;
}
