/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include "daemon/lines.h"

int bh_lines_open(struct bh_lines *l, int fd, size_t cap)
{
	memset(l, 0, sizeof *l);
	l->fd = fd;
	l->cap = cap;
	l->buf = malloc(cap);
	return l->buf ? 0 : -ENOMEM;
}

char *bh_lines_room(struct bh_lines *l, size_t max)
{
	if (l->fd < 0)
		return NULL;
	if (l->cap - l->len < max)
		(void)!bh_lines_flush(l);
	if (l->cap - l->len < max) {
		l->dropped++;
		return NULL;
	}
	return l->buf + l->len;
}

void bh_lines_commit(struct bh_lines *l, size_t n)
{
	l->len += n;
	l->lines += n != 0;
	l->dropped += n == 0;
}

int bh_lines_flush(struct bh_lines *l)
{
	size_t done = 0;

	while (l->fd >= 0 && done < l->len) {
		ssize_t n = write(l->fd, l->buf + done, l->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			l->error = -errno;
			break;
		}
		l->error = 0;
		done += (size_t)n;
	}
	memmove(l->buf, l->buf + done, l->len - done);
	l->len -= done;
	return l->len ? l->error : 0;
}

void bh_lines_close(struct bh_lines *l)
{
	if (l->buf)
		(void)!bh_lines_flush(l);
	free(l->buf);
	l->buf = NULL;
}
