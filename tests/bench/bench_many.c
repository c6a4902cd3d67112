/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Many at once. The enforcer's process is given a million hosts, part after part, while single
 * isolations are ordered and timed on the same socket; then singles alone, with the million
 * standing. What it takes of memory is read from /proc. Then 100,000 of them by the enforcer, by
 * nft and by libnftables, and a single one behind that.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <bulkhead/enforce.h>
#include "../net/enforce_lab.h"
#include "peer_nftables.h"

struct client {
	int fd;
	pid_t pid;
	uint32_t seq;
	char *out; /* of the bulk that is being sent */
	size_t out_at, out_len;
};

static const char law[] = "plan generation=3 mode=auto policy=\"bench\"\nlimit cuts=1048576 ttl=24h\n"
			  "zone all critical=0 10.0.0.0/8\nconduit c\n"
			  "permit all > 10.2.0.0/16 udp/5001 conduit=c\n";

static int read_all(struct client *c, void *p, size_t n)
{
	for (size_t got = 0; got < n;) {
		ssize_t r = recv(c->fd, (char *)p + got, n - got, 0);

		if (r <= 0)
			return -1;
		got += (size_t)r;
	}
	return 0;
}

static int receive(struct client *c, struct bh_enf_reply *ret)
{
	uint8_t head[4];
	size_t len;
	char *p;
	int r;

	if (read_all(c, head, 4))
		return -1;
	len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
	p = malloc(len ? len : 1);
	r = p && read_all(c, p, len) == 0 ? bh_enf_decode(p, len, ret) : -1;
	free(p);
	return r;
}

static int send_now(struct client *c, unsigned what, const char *text)
{
	char *frame;
	size_t len, at = 0;

	if (bh_enf_encode(what, c->seq++, text, strlen(text), &frame, &len))
		return -1;
	while (at < len) {
		ssize_t w = send(c->fd, frame + at, len - at, MSG_NOSIGNAL);

		if (w <= 0)
			return -1;
		at += (size_t)w;
	}
	free(frame);
	return 0;
}

static int request(struct client *c, unsigned what, const char *text)
{
	struct bh_enf_reply r;

	if (send_now(c, what, text))
		return -1;
	do {
		if (receive(c, &r))
			return -1;
		free(r.body);
		if (r.status)
			fprintf(stderr, "%s\n", r.text);
	} while (r.seq == 0);
	return r.status;
}

static int start(struct client *c)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	c->pid = fork();
	if (c->pid == 0) {
		close(pair[0]);
		_exit(bh_enforcer_serve(pair[1], BH_ENF_OWN) != 0);
	}
	close(pair[1]);
	c->fd = pair[0];
	c->seq = 1;
	return c->pid < 0 ? -1 : 0;
}

static size_t rss_kb(pid_t pid, const char *key)
{
	char path[64], line[256];
	size_t kb = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f))
		if (!strncmp(line, key, strlen(key)))
			kb = strtoul(line + strlen(key) + 1, NULL, 10);
	if (f)
		fclose(f);
	return kb;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void print_times(const char *what, double *v, size_t n)
{
	if (!n)
		return;
	qsort(v, n, sizeof *v, ascending);
	printf("%-52s p50 %8.0f us  p99 %8.0f us  max %8.0f us  (%zu)\n", what, v[(n - 1) / 2],
		v[(size_t)((double)(n - 1) * 0.99)], v[n - 1], n);
}

static char *part(size_t first, size_t n)
{
	char *p = malloc(n * 64 + 1);
	size_t len = 0;

	for (size_t i = first; p && i < first + n; i++)
		len += (size_t)sprintf(p + len, "cut isolate 10.%zu.%zu.%zu ttl=2h order=7 because=feed\n",
			16 + (i >> 16), i >> 8 & 255, i & 255);
	return p;
}

static int single(struct client *c, size_t i, double *ret_us)
{
	char line[128];
	uint64_t t;
	uint32_t seq = c->seq;
	struct bh_enf_reply r;

	snprintf(line, sizeof line, "cut isolate 10.9.%zu.%zu ttl=1h order=9 because=smb.ransom\n",
		i / 250 % 250, i % 250 + 1);
	t = lab_now_us();
	if (send_now(c, BH_ENF_CUT, line))
		return -1;
	do {
		if (receive(c, &r))
			return -1;
		free(r.body);
		if (r.seq && r.seq != seq)
			return -2; /* the bulk's answer: the caller is told, and asks again for ours */
	} while (r.seq != seq);
	*ret_us = (double)(lab_now_us() - t);
	return r.status;
}

/* ---- the same by others: a set like ours, n elements in one go ---- */

static char *elements(size_t n)
{
	char *p = malloc(n * 40 + 256);
	size_t len;

	if (!p)
		return NULL;
	len = (size_t)sprintf(p, "add table inet peer\nadd set inet peer iso4 { type ipv4_addr; flags timeout; counter; }\n"
				 "add element inet peer iso4 {");
	for (size_t i = 0; i < n; i++)
		len += (size_t)sprintf(p + len, "%s 10.%zu.%zu.%zu timeout 2h", i ? "," : "", 16 + (i >> 16),
			i >> 8 & 255, i & 255);
	sprintf(p + len, " }\n");
	return p;
}

static int peers(const struct lab *l, struct client *c, size_t n)
{
	static const char *const drop = "delete table inet peer";
	void *lib = peer_open();
	char *text = elements(n);
	double own = 0;
	uint64_t t = lab_now_us();

	for (size_t at = 0; at < n; at += BH_ENF_BULK) {
		char *p = part(at, n - at < BH_ENF_BULK ? n - at : BH_ENF_BULK);

		if (!p || request(c, BH_ENF_CUT, p))
			return 1;
		free(p);
	}
	own = (double)(lab_now_us() - t) / 1e6;
	printf("%zu hosts: enforcer, over its socket %.2f s", n, own);
	t = lab_now_us();
	if (!text || lab_nft_file(l, text) || lab_nft(l, drop, NULL))
		return 1;
	printf("; nft -f %.2f s (%.1f times)", (double)(lab_now_us() - t) / 1e6, (double)(lab_now_us() - t) / 1e6 / own);
	t = lab_now_us();
	if (!lib)
		printf("; libnftables not available\n");
	else if (peer_run(lib, text) || peer_run(lib, drop))
		return 1;
	else
		printf("; libnftables %.2f s (%.1f times)\n", (double)(lab_now_us() - t) / 1e6,
			(double)(lab_now_us() - t) / 1e6 / own);
	peer_close(lib);
	free(text);
	return 0;
}

/* sends a part, then orders singles until it is answered */
static int load_part(struct client *c, size_t first, size_t n, double *us, size_t *ret_n, size_t cap)
{
	char *text = part(first, n), line[128];
	uint32_t bulk = c->seq;
	bool done = false;
	int status = -1;

	if (!text || send_now(c, BH_ENF_CUT, text))
		return -1;
	free(text);
	while (!done) {
		uint32_t seq = c->seq;
		size_t i = *ret_n;
		uint64_t t;

		snprintf(line, sizeof line, "cut isolate 10.9.%zu.%zu ttl=1h order=9 because=smb.ransom\n",
			i / 250 % 250, i % 250 + 1);
		t = lab_now_us();
		if (send_now(c, BH_ENF_CUT, line))
			return -1;
		for (bool mine = false; !mine;) {
			struct bh_enf_reply r;

			if (receive(c, &r))
				return -1;
			if (r.seq == bulk) {
				done = true;
				status = r.status;
				if (status)
					fprintf(stderr, "bulk: %d %s\n%s", status, r.text, r.body ? r.body : "");
			}
			mine = r.seq == seq;
			if (mine && r.status)
				fprintf(stderr, "single: %d %s %s\n", r.status, r.text, r.refused.text);
			free(r.body);
		}
		if (i < cap) {
			us[i] = (double)(lab_now_us() - t);
			(*ret_n)++;
		}
		usleep(3000); /* not in step with the chunks */
	}
	return status;
}

int main(int argc, char **argv)
{
	enum { CAP = 40000, ALONE = 2000 };
	size_t hosts = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 1000000, n = 0;
	double *us = calloc(CAP, sizeof *us);
	struct client c = {.fd = -1};
	struct lab lab;
	size_t before;
	uint64_t t;
	int r = 0;

	if (!us || hosts < 1 || hosts > 1000000)
		return 2;
	if (lab_make(&lab))
		return 77;
	if (start(&c) || request(&c, BH_ENF_APPLY, law))
		return 1;
	for (size_t i = 0; r == 0 && i < ALONE; i++)
		r = single(&c, i, &us[i]);
	if (r)
		return 1;
	print_times("single isolation, nothing else going on", us, ALONE);
	before = rss_kb(c.pid, "VmRSS:");
	t = lab_now_us();
	for (size_t at = 0; r == 0 && at < hosts; at += BH_ENF_BULK)
		r = load_part(&c, at, hosts - at < BH_ENF_BULK ? hosts - at : BH_ENF_BULK, us, &n, CAP);
	t = lab_now_us() - t;
	if (r)
		return 1;
	printf("%zu hosts isolated in %.2f s; enforcer %zu MB resident (%zu MB before, %zu MB at most)\n",
		hosts, (double)t / 1e6, rss_kb(c.pid, "VmRSS:") / 1024, before / 1024,
		rss_kb(c.pid, "VmHWM:") / 1024);
	print_times("single isolation while they load", us, n);
	for (size_t i = 0; r == 0 && i < ALONE; i++)
		r = single(&c, i, &us[i]);
	print_times("single isolation, renewed, with them standing", us, ALONE);
	t = lab_now_us();
	r = request(&c, BH_ENF_VERIFY, "");
	printf("verify: %d in %.1f s\n", r, (double)(lab_now_us() - t) / 1e6);
	t = lab_now_us();
	r = request(&c, BH_ENF_APPLY, law);
	printf("the law replaced with them standing: %d in %.1f s, %zu MB at most\n", r, (double)(lab_now_us() - t) / 1e6, rss_kb(c.pid, "VmHWM:") / 1024);
	close(c.fd);
	waitpid(c.pid, NULL, 0);
	if (r || lab_nft(&lab, "delete table inet bulkhead", NULL) || start(&c) || request(&c, BH_ENF_APPLY, law))
		return 1;
	r = peers(&lab, &c, 100000);
	close(c.fd);
	waitpid(c.pid, NULL, 0);
	return r != 0;
}
