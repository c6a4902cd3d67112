/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The process that holds the inventory's file. It speaks with the core in whole messages (SOCK_SEQPACKET): a core that dies
 * leaves no half one behind, and what it had said is still taken.
 *
 *   save\n<lines>           devices and events; one transaction
 *   load TOKEN              answered by "devices TOKEN\n<lines>" as often as it takes, then "end TOKEN on|unusable"
 *   history TOKEN MAC       answered by "events TOKEN\n<lines>", then "end TOKEN on|unusable"
 *
 * What the disk does not take is tried again each second, and nothing is read meanwhile: the socket fills, and the core keeps
 * in mind what it could not say. A file that is not usable stays as it is, and the core is told so.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "daemon/roles.h"
#include "daemon/store.h"

#define ROWS (BH_STORE_MESSAGE / 25) /* of one message: "device 02:00:00:00:00:01" and its newline are the shortest */
#define HISTORY 200

struct keeper {
	int fd;
	struct bh_shm *shm;
	struct bh_store *store; /* NULL: unusable */
	bool told;
	char in[BH_STORE_MESSAGE], out[BH_STORE_MESSAGE];
	struct bh_text t; /* over out */
	const char *head; /* of the answer being made */
	uint64_t token;
	struct bh_store_row rows[ROWS];
	char texts[ROWS][BH_STORY_TEXT];
};

/* ---- answers ---- */
static int send_out(struct keeper *k)
{
	ssize_t n;

	do
		n = send(k->fd, k->t.p, k->t.len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static void begin(struct keeper *k)
{
	k->t = bh_text(k->out, sizeof k->out);
	bh_putf(&k->t, "%s %" PRIu64 "\n", k->head, k->token);
}

static int flush(struct keeper *k)
{
	int r = memchr(k->out, '\n', k->t.len) == k->out + k->t.len - 1 ? 0 : send_out(k);

	begin(k);
	return r;
}

static int put_line(void *ctx, const char *line, size_t len)
{
	struct keeper *k = ctx;
	int r = k->t.len + len + 1 >= k->t.cap ? flush(k) : 0;

	bh_putn(&k->t, line, len);
	bh_put(&k->t, "\n");
	return r;
}

static int put_event(void *ctx, const struct bh_store_row *row)
{
	struct keeper *k = ctx;
	int r = k->t.len + 5 * BH_STORY_TEXT >= k->t.cap ? flush(k) : 0;

	bh_store_event_print(row, &k->t);
	return r;
}

static void answer(struct keeper *k, const char *line, size_t len, bool load)
{
	const char *p = line, *end = line + len;
	struct bh_word w[3] = {{line, 0}};
	struct bh_mac m;
	int r = 0;

	for (int i = 0; i < (load ? 2 : 3); i++)
		if (bh_word_next(&p, end, &w[i]))
			return;
	if (bh_word_u64(w[1], UINT64_MAX, &k->token) || (!load && bh_mac_parse(w[2].p, w[2].len, &m)))
		return;
	k->head = load ? "devices" : "events";
	begin(k);
	if (k->store)
		r = load ? bh_store_load(k->store, put_line, k) : bh_store_history(k->store, &m, HISTORY, put_event, k);
	if (r < 0)
		fprintf(stderr, "bulkhead: store: cannot read the inventory: %s\n", strerror(-r));
	(void)flush(k);
	k->t = bh_text(k->out, sizeof k->out);
	bh_putf(&k->t, "end %" PRIu64 " %s", k->token, k->store && r == 0 ? "on" : "unusable");
	(void)send_out(k);
}

/* ---- saving ---- */
static size_t rows_of(struct keeper *k, const char *p, const char *end)
{
	size_t n = 0;

	while (p < end && n < ROWS) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((nl ? nl : end) - p);

		if (len && bh_store_row_parse(p, len, &k->rows[n], k->texts[n]) == 0)
			n++;
		p = nl ? nl + 1 : end;
	}
	return n;
}

static void complain(struct keeper *k, int r)
{
	if (r && !k->told)
		fprintf(stderr, "bulkhead: store: cannot write the inventory: %s; it is tried again each second, the core keeps what it learns\n", strerror(-r));
	else if (!r && k->told)
		fprintf(stderr, "bulkhead: store: the inventory is written again\n");
	k->told = r != 0;
	atomic_store(&k->shm->store, r ? BH_SHM_STORE_FAILING : BH_SHM_STORE_ON);
}

static void save(struct keeper *k, const char *p, const char *end)
{
	size_t n = rows_of(k, p, end);
	int r;

	while ((r = bh_store_save(k->store, k->rows, n)) < 0) {
		complain(k, r);
		nanosleep(&(struct timespec){1, 0}, NULL);
	}
	complain(k, 0);
	atomic_fetch_add(&k->shm->store_rows, n);
}

static bool is(const char *p, size_t n, const char *word)
{
	return n >= strlen(word) && memcmp(p, word, strlen(word)) == 0;
}

static int open_store(struct keeper *k, const char *dir)
{
	char why[BH_STORE_WHY];
	int r = bh_store_open(dir, &k->store, why);

	if (r)
		fprintf(stderr, "bulkhead: store: %s; what is learned is not kept. It is left as it is: `bulkhead run --new-inventory` moves it aside and begins anew\n",
			why[0] ? why : strerror(-r));
	atomic_store(&k->shm->store, r ? BH_SHM_STORE_UNUSABLE : BH_SHM_STORE_ON);
	return r;
}

int bh_role_store(const struct bh_store_in *in)
{
	static const int extra[] = {SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(ftruncate), SCMP_SYS(access), -1};
	struct keeper *k = calloc(1, sizeof *k);

	prctl(PR_SET_NAME, "bh-store");
	signal(SIGPIPE, SIG_IGN);
	if (!k)
		return 1;
	k->fd = in->fd;
	k->shm = in->shm;
	(void)!open_store(k, in->dir);
	if (bh_sandbox(extra))
		return 1;
	for (;;) {
		ssize_t n = recv(k->fd, k->in, sizeof k->in, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		if (is(k->in, (size_t)n, "save\n")) {
			if (k->store)
				save(k, k->in + 5, k->in + n);
		} else if (is(k->in, (size_t)n, "load ")) {
			answer(k, k->in, (size_t)n, true);
		} else if (is(k->in, (size_t)n, "history ")) {
			answer(k, k->in, (size_t)n, false);
		}
	}
	bh_store_close(k->store);
	free(k);
	return 0;
}
