/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Netlink transport. A batch is built in one buffer and sent with one sendto: the kernel applies
 * all of it or nothing, and has queued every answer when the call returns, so no waiting follows.
 * An acknowledgement of the last message proves nothing by itself (an earlier error lies in the
 * same queue and undoes all), so the whole queue is read.
 */
#include <errno.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <libnftnl/batch.h>
#include <libnftnl/common.h>
#include "nl.h"

static void set_buffers(int fd)
{
	int tx = 1 << 29, rx = 8 << 20, one = 1;
	struct timeval patience = {5, 0};

	/* FORCE needs the initial user namespace; elsewhere the system's limit must do and a large
	 * batch gets EMSGSIZE */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &tx, sizeof tx) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &tx, sizeof tx);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &rx, sizeof rx) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rx, sizeof rx);
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof one);
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
}

int bh_nl_open(struct nl *nl, int bus, unsigned groups)
{
	int r;

	*nl = (struct nl){.seq = 1, .family = NFPROTO_INET};
	nl->rx = malloc(NL_RX);
	if (!nl->rx)
		return -ENOMEM;
	nl->sock = mnl_socket_open2(bus, SOCK_CLOEXEC);
	if (!nl->sock || mnl_socket_bind(nl->sock, groups, MNL_SOCKET_AUTOPID) < 0) {
		r = -errno;
		bh_nl_close(nl);
		return r;
	}
	set_buffers(mnl_socket_get_fd(nl->sock));
	nl->portid = mnl_socket_get_portid(nl->sock);
	return 0;
}

void bh_nl_close(struct nl *nl)
{
	if (nl->sock)
		mnl_socket_close(nl->sock);
	free(nl->rx);
	*nl = (struct nl){0};
}

/* ---- batch ---- */

static bool batch_room(struct batch *b, size_t need)
{
	size_t cap = b->cap ? b->cap : 1 << 17;
	void *v;

	if (b->error)
		return false;
	while (cap - b->len < need)
		cap *= 2;
	if (cap != b->cap) {
		v = realloc(b->buf, cap);
		if (!v) {
			b->error = -ENOMEM;
			return false;
		}
		b->buf = v;
		b->cap = cap;
	}
	if (b->n == b->objects_cap) {
		size_t n = b->objects_cap ? b->objects_cap * 2 : 256;

		v = realloc(b->objects, n * sizeof *b->objects);
		if (!v) {
			b->error = -ENOMEM;
			return false;
		}
		b->objects = v;
		b->objects_cap = n;
	}
	return true;
}

void bh_batch_begin(struct batch *b, struct nl *nl)
{
	struct nlmsghdr *h;

	b->len = b->last = b->n = 0;
	b->family = NFPROTO_INET;
	b->error = 0;
	if (!batch_room(b, 1 << 12))
		return;
	b->seq = nl->seq;
	h = nftnl_batch_begin((char *)b->buf, b->seq);
	b->len = NLMSG_ALIGN(h->nlmsg_len);
}

struct nlmsghdr *bh_batch_msg(
	struct batch *b, uint16_t type, uint16_t flags, const char *kind, const char *name)
{
	struct nl_object *o;

	if (!batch_room(b, 1 << 17))
		return NULL;
	o = &b->objects[b->n++];
	o->kind = kind;
	bh_strcpy(o->name, sizeof o->name, name);
	b->last = b->len;
	return nftnl_nlmsg_build_hdr(
		(char *)b->buf + b->len, type, b->family, flags, b->seq + (uint32_t)b->n);
}

void bh_batch_msg_end(struct batch *b, struct nlmsghdr *h)
{
	b->len += NLMSG_ALIGN(h->nlmsg_len);
}

const char *bh_nl_hint(int error)
{
	switch (-error) {
	case EEXIST:
		return " (two overlapping ranges?)";
	case ENOENT:
		return " (not there any more, or a name used before its object)";
	case EPERM:
		return " (CAP_NET_ADMIN in this network namespace is needed, or another program "
		       "owns the table)";
	case EMSGSIZE:
		return " (batch larger than net.core.wmem_max allows in a user namespace)";
	case EOPNOTSUPP:
		return " (this kernel lacks the feature)";
	case ENOBUFS:
		return " (the kernel could not queue its answers)";
	}
	return "";
}

static void explain(const struct batch *b, uint32_t seq, int error, char why[NL_WHY])
{
	uint32_t at = seq - b->seq - 1;

	if (at < b->n)
		snprintf(why, NL_WHY, "%s %s: %s%s", b->objects[at].kind, b->objects[at].name,
			strerror(-error), bh_nl_hint(error));
	else
		snprintf(why, NL_WHY, "batch: %s%s", strerror(-error), bh_nl_hint(error));
}

/* the first error of the queue, or 0 with *ret_acked telling whether the last message was
 * acknowledged */
static int read_acks(struct batch *b, struct nl *nl, char why[NL_WHY], bool *ret_acked)
{
	int first = 0;

	for (;;) {
		ssize_t n = recv(mnl_socket_get_fd(nl->sock), nl->rx, NL_RX, MSG_DONTWAIT);
		int len = (int)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == ENOBUFS) {
			if (!first)
				first = -ENOBUFS;
			continue;
		}
		if (n < 0)
			return errno == EAGAIN ? first : -errno;
		for (const struct nlmsghdr *h = (void *)nl->rx; mnl_nlmsg_ok(h, len);
			h = mnl_nlmsg_next(h, &len)) {
			const struct nlmsgerr *err = mnl_nlmsg_get_payload(h);

			if (h->nlmsg_type != NLMSG_ERROR ||
				mnl_nlmsg_get_payload_len(h) < sizeof *err)
				continue;
			if (err->error == 0 && h->nlmsg_seq == b->seq + (uint32_t)b->n)
				*ret_acked = true;
			if (err->error < 0 && !first) {
				first = err->error;
				explain(b, h->nlmsg_seq, first, why);
			}
		}
	}
}

int bh_batch_commit(struct batch *b, struct nl *nl, bool dry, char why[NL_WHY])
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct nlmsghdr *h;
	bool acked = false;
	ssize_t n;
	int r;

	if (!batch_room(b, 1 << 12) || b->error) {
		snprintf(why, NL_WHY, "batch: %s", strerror(-b->error));
		return b->error;
	}
	nl->seq = b->seq + (uint32_t)b->n + 2;
	if (b->n == 0)
		return 0;
	h = (struct nlmsghdr *)(b->buf + b->last);
	h->nlmsg_flags |= NLM_F_ACK;
	if (!dry) {
		h = nftnl_batch_end((char *)b->buf + b->len, b->seq + (uint32_t)b->n + 1);
		b->len += NLMSG_ALIGN(h->nlmsg_len);
	}
	do
		n = sendto(mnl_socket_get_fd(nl->sock), b->buf, b->len, 0,
			(struct sockaddr *)&kernel, sizeof kernel);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		r = -errno;
		snprintf(why, NL_WHY, "batch of %zu bytes: %s%s", b->len, strerror(-r),
			bh_nl_hint(r));
		return r;
	}
	snprintf(why, NL_WHY, "batch: no acknowledgement");
	r = read_acks(b, nl, why, &acked);
	if (r == 0 && !acked)
		r = -EIO;
	if (r == 0)
		why[0] = '\0';
	return r;
}

void bh_batch_fini(struct batch *b)
{
	free(b->buf);
	free(b->objects);
	*b = (struct batch){0};
}

/* ---- reading ---- */

struct nlmsghdr *bh_nl_request(struct nl *nl, char *buf, uint16_t type, uint16_t flags)
{
	return nftnl_nlmsg_build_hdr(buf, type, nl->family, flags, nl->seq++);
}

int bh_nl_ask(struct nl *nl, struct nlmsghdr *h, nl_each *fn, void *ctx)
{
	uint32_t seq = h->nlmsg_seq;
	bool torn = false;
	int r = 0;

	if (mnl_socket_sendto(nl->sock, h, h->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		ssize_t n = mnl_socket_recvfrom(nl->sock, nl->rx, NL_RX);
		int len = (int)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		for (const struct nlmsghdr *m = (void *)nl->rx; mnl_nlmsg_ok(m, len);
			m = mnl_nlmsg_next(m, &len)) {
			if (m->nlmsg_seq != seq)
				continue;
			torn |= (m->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
			if (m->nlmsg_type == NLMSG_DONE)
				return r < 0 ? r : torn ? -EINTR : 0;
			if (m->nlmsg_type == NLMSG_ERROR) {
				const struct nlmsgerr *err = mnl_nlmsg_get_payload(m);

				if (mnl_nlmsg_get_payload_len(m) < sizeof *err)
					return -EBADMSG;
				return err->error < 0 ? err->error : r;
			}
			if (r == 0) /* a dump is read to its end even when fn has given up */
				r = fn(m, ctx);
		}
	}
}

static int each_generation(const struct nlmsghdr *h, void *ctx)
{
	struct nlattr *a;

	if (h->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN))
		return 0;
	mnl_attr_for_each(a, h, sizeof(struct nfgenmsg)) if (mnl_attr_get_type(a) == NFTA_GEN_ID &&
							     mnl_attr_get_payload_len(a) >= 4)
		*(uint32_t *)ctx = ntohl(mnl_attr_get_u32(a));
	return 0;
}

uint32_t bh_generation(struct nl *nl)
{
	uint32_t g = 0;
	char buf[64];

	return bh_nl_ask(nl, bh_nl_request(nl, buf, NFT_MSG_GETGEN, NLM_F_ACK), each_generation, &g) < 0 ? 0 : g;
}
