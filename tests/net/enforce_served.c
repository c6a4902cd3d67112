/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "enforce_served.h"

static struct served start(bool own)
{
	struct served s = {.seq = 1};
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	s.pid = fork();
	assert_true(s.pid >= 0);
	if (s.pid == 0) {
		int r;

		close(pair[0]);
		r = bh_enforcer_serve(pair[1], own ? BH_ENF_OWN : 0);
		_exit(r == 0 ? 0 : 1);
	}
	close(pair[1]);
	s.fd = pair[0];
	return s;
}

struct served serve(void)
{
	return start(false);
}

struct served serve_owner(void)
{
	return start(true);
}

int stop(struct served *s)
{
	int status = -1;

	close(s->fd);
	assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
	return status;
}

static bool read_all(int fd, void *p, size_t n, int timeout_ms)
{
	while (n) {
		struct pollfd pfd = {fd, POLLIN, 0};
		ssize_t r;

		if (poll(&pfd, 1, timeout_ms) != 1)
			return false;
		r = read(fd, p, n);
		if (r <= 0)
			return false;
		p = (char *)p + r;
		n -= (size_t)r;
	}
	return true;
}

bool next_reply(struct served *s, struct bh_enf_reply *ret, int timeout_ms)
{
	uint8_t head[4];
	size_t len;
	char *p;

	if (!read_all(s->fd, head, 4, timeout_ms))
		return false;
	len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
	p = malloc(len);
	assert_true(read_all(s->fd, p, len, 5000));
	assert_int_equal(bh_enf_decode(p, len, ret), 0);
	free(p);
	return true;
}

void ask(struct served *s, unsigned request, const char *text)
{
	char *frame;
	size_t len;

	assert_int_equal(
		bh_enf_encode(request, s->seq++, text, text ? strlen(text) : 0, &frame, &len), 0);
	assert_int_equal(send(s->fd, frame, len, MSG_NOSIGNAL), len);
	free(frame);
}

struct bh_enf_reply answer(struct served *s)
{
	struct bh_enf_reply r;

	do
		assert_true(next_reply(s, &r, 5000));
	while (r.seq == 0);
	assert_int_equal(r.seq, s->seq - 1);
	return r;
}

int status_of(struct served *s, unsigned request, const char *text)
{
	struct bh_enf_reply r;

	ask(s, request, text);
	r = answer(s);
	free(r.body);
	if (r.status)
		print_message("# %d: %s\n", r.status, r.text);
	return r.status;
}

struct bh_drift notice(struct served *s)
{
	struct bh_enf_reply r;

	do
		if (!next_reply(s, &r, 3000))
			fail_msg("no notice came");
	while (r.seq != 0);
	return r.drift;
}
