/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The process that holds the output file. Lines arrive whole on a stream socket; what the disk does not take waits in
 * memory up to a limit and is then dropped from the new end, counted, and said once. SIGHUP reopens the file (logrotate);
 * where that takes rights given up at the start, the process ends between two lines and the next one opens it. A line cut
 * in two by the death of a core or of a reporter is dropped, not written.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "daemon/lines.h"
#include "daemon/roles.h"

#define BUFFER (4u << 20)

static volatile sig_atomic_t reopen;

static void on_hup(int sig)
{
	reopen = 1;
}

static int open_file(const char *path)
{
	return !strcmp(path, "-") ? dup(STDOUT_FILENO) : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

static void complain(struct bh_lines *l, const char *path, bool *said)
{
	if (l->error && !*said)
		fprintf(stderr, "bulkhead: cannot write %s: %s; detection and enforcement go on, records wait in memory (%u MiB), "
				"then are dropped and counted\n", path, strerror(-l->error), BUFFER >> 20);
	else if (!l->error && *said)
		fprintf(stderr, "bulkhead: %s is written again; %llu records were lost\n", path, (unsigned long long)l->dropped);
	*said = l->error != 0;
}

/* every record begins like this and ends like that; the rest of one that somebody died inside does not */
static bool whole(const char *line, size_t n)
{
	static const char start[] = "{\"timestamp\":\"";

	return n > sizeof start && !memcmp(line, start, sizeof start - 1) && line[n - 2] == '}';
}

/* moves whole lines from the socket's buffer into the file's */
static void take(struct bh_lines *out, char *in, size_t *in_len)
{
	char *nl;

	while ((nl = memchr(in, '\n', *in_len))) {
		size_t n = (size_t)(nl - in) + 1;
		char *room = whole(in, n) ? bh_lines_room(out, n) : NULL;

		if (room) {
			memcpy(room, in, n);
			bh_lines_commit(out, n);
		} else if (n > 1 && !whole(in, n)) {
			out->dropped++;
		}
		memmove(in, in + n, *in_len - n);
		*in_len -= n;
	}
}

int bh_role_reporter(const struct bh_reporter_in *in)
{
	static const int extra[] = {SCMP_SYS(openat), SCMP_SYS(dup), -1};
	struct sigaction hup = {.sa_handler = on_hup};
	static char buf[1 << 18];
	struct bh_lines out;
	size_t len = 0;
	bool said = false;
	int fd = open_file(in->path);

	prctl(PR_SET_NAME, "bh-reporter");
	if (fd < 0)
		fprintf(stderr, "bulkhead: cannot write %s: %m; records are dropped until SIGHUP\n", in->path);
	if (bh_lines_open(&out, fd, BUFFER) || sigaction(SIGHUP, &hup, NULL) || bh_sandbox(extra))
		return 1;
	for (;;) {
		struct pollfd p = {in->in, POLLIN, 0};
		ssize_t n = 0;

		if (poll(&p, 1, 1000) > 0 && (n = read(in->in, buf + len, sizeof buf - len)) == 0)
			break;
		if (n > 0)
			len += (size_t)n;
		take(&out, buf, &len);
		if (len == sizeof buf) { /* no line is that long */
			len = 0;
			out.dropped++;
		}
		if (reopen && (fd = open_file(in->path)) >= 0) {
			reopen = 0;
			(void)!bh_lines_flush(&out);
			if (out.fd >= 0)
				close(out.fd);
			out.fd = fd;
		} else if (reopen && len == 0) {
			break;
		}
		(void)!bh_lines_flush(&out);
		complain(&out, in->path, &said);
		atomic_store(&in->shm->eve_lines, out.lines);
		atomic_store(&in->shm->eve_dropped, out.dropped);
	}
	bh_lines_close(&out);
	return 0;
}
