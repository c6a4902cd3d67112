/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libnftables in this process, in the network namespace of the thread; -1 where it was not there to build with. */
#ifndef BENCH_PEER_NFTABLES_H
#define BENCH_PEER_NFTABLES_H

#ifdef HAVE_LIBNFTABLES
#include <nftables/libnftables.h>

static inline void *peer_open(void)
{
	struct nft_ctx *c = nft_ctx_new(NFT_CTX_DEFAULT);

	if (c)
		nft_ctx_buffer_error(c);
	return c;
}

static inline int peer_run(void *c, const char *text)
{
	return c && nft_run_cmd_from_buffer(c, text) == 0 ? 0 : -1;
}

static inline void peer_close(void *c)
{
	if (c)
		nft_ctx_free(c);
}
#else
static inline void *peer_open(void)
{
	return 0;
}

static inline int peer_run(void *c, const char *text)
{
	(void)c;
	(void)text;
	return -1;
}

static inline void peer_close(void *c)
{
	(void)c;
}
#endif

#endif
