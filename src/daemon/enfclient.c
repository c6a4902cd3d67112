/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "daemon/enfclient.h"

#define SEND_MS 1000 /* an enforcer that takes nothing for so long is stopped or dead; detection goes on without it */

int bh_enfclient_open(struct bh_enfclient *c, int fd)
{
	memset(c, 0, sizeof *c);
	c->fd = fd;
	c->in_cap = 1 << 16;
	c->in = malloc(c->in_cap);
	return c->in ? 0 : -ENOMEM;
}

void bh_enfclient_close(struct bh_enfclient *c)
{
	if (c->fd >= 0)
		close(c->fd);
	free(c->in);
	memset(c, 0, sizeof *c);
	c->fd = -1;
}

static int send_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t w = send(fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		struct pollfd pfd = {fd, POLLOUT, 0};

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0 && errno == EAGAIN) {
			if (poll(&pfd, 1, SEND_MS) <= 0)
				return -ETIMEDOUT;
			continue;
		}
		if (w < 0)
			return -errno;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

int bh_enfclient_send(struct bh_enfclient *c, unsigned request, uint32_t order, const char *text, size_t len)
{
	char *frame;
	size_t n;
	int r;

	if (c->fd < 0)
		return -ENOTCONN;
	if (c->n_pending == BH_ENF_PENDING)
		return -ENOBUFS;
	if (++c->seq == 0)
		c->seq = 1; /* 0 marks notices */
	r = bh_enf_encode(request, c->seq, text, len, &frame, &n);
	if (r)
		return r < 0 ? r : -EINVAL;
	r = send_all(c->fd, frame, n);
	free(frame);
	if (r)
		return r;
	c->pending[c->n_pending].seq = c->seq;
	c->pending[c->n_pending].order = order;
	c->pending[c->n_pending++].request = (uint8_t)request;
	return 0;
}

int bh_enfclient_cuts(struct bh_enfclient *c, unsigned request, uint32_t order, const struct bh_cut *cuts, size_t n)
{
	char buf[16 * (BH_CUT_TEXT + 1)];
	struct bh_text t = bh_text(buf, sizeof buf);

	for (size_t i = 0; i < n; i++) {
		char line[BH_CUT_TEXT];

		bh_putn(&t, line, bh_cut_print(&cuts[i], line));
		bh_put(&t, "\n");
	}
	return t.truncated ? -EMSGSIZE : bh_enfclient_send(c, request, order, buf, t.len);
}

int bh_enfclient_read(struct bh_enfclient *c)
{
	ssize_t n;

	if (c->in_len == c->in_cap) {
		char *p = c->in_cap > BH_ENF_FRAME_MAX ? NULL : realloc(c->in, c->in_cap * 2);

		if (!p)
			return -ENOMEM;
		c->in = p;
		c->in_cap *= 2;
	}
	n = recv(c->fd, c->in + c->in_len, c->in_cap - c->in_len, MSG_DONTWAIT);
	if (n == 0)
		return -EPIPE;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	c->in_len += (size_t)n;
	return 0;
}

int bh_enfclient_next(struct bh_enfclient *c, struct bh_enf_reply *ret_reply, unsigned *ret_request, uint32_t *ret_order)
{
	struct bh_bytes b = bh_bytes(c->in, c->in_len);
	uint32_t len = bh_be32(&b);
	int r;

	if (b.bad)
		return 1;
	if (len > BH_ENF_FRAME_MAX)
		return -EPROTO;
	if (b.left < len)
		return 1;
	r = bh_enf_decode(c->in + 4, len, ret_reply);
	memmove(c->in, c->in + 4 + len, c->in_len - 4 - len);
	c->in_len -= 4 + len;
	if (r)
		return -EPROTO;
	*ret_order = 0;
	*ret_request = BH_ENF_REQUESTS;
	for (size_t i = 0; i < c->n_pending; i++)
		if (c->pending[i].seq == ret_reply->seq) {
			*ret_order = c->pending[i].order;
			*ret_request = c->pending[i].request;
			memmove(&c->pending[i], &c->pending[i + 1], (c->n_pending - i - 1) * sizeof c->pending[0]);
			c->n_pending--;
			break;
		}
	return 0;
}
