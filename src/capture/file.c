/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files are read through one sliding window over a descriptor, so a plain file, a pipe and a
 * decompressor's output are the same thing. A mapping would save one copy of each byte but dies of
 * SIGBUS when a rotating capture shrinks under it.
 *
 * Frames of one batch point into the window, so the window moves only between batches: a record
 * that does not fit ends the batch early. An input that ends inside a record, or a record whose
 * lengths cannot be true, is an outcome given after all good frames; nothing already read is lost.
 *
 * pcap.c and pcapng.c know the formats; live.c is the kernel's ring.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "internal.h"

#define WINDOW (1u << 20)
#define READ (1u << 17) /* at once: what is copied in is still in the cache when it is decoded */

extern char **environ;

bool bh_capture_link(uint32_t raw, uint16_t *ret_link)
{
	/* 12 and 14 are what BSD and OpenBSD call raw IP in files written before the registry */
	uint32_t link = raw == 12 || raw == 14 ? 101 : raw;

	switch (link) {
	case 0:
	case 1:
	case 101:
	case 108:
	case 113:
	case 228:
	case 229:
	case 276:
		*ret_link = (uint16_t)link;
		return true;
	}
	return false;
}

int bh_capture_end(struct file *f, enum bh_src why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->src.text, sizeof f->src.text, fmt, ap);
	va_end(ap);
	f->ended = (int)why;
	return f->ended;
}

static int fill(struct file *f)
{
	ssize_t n;

	if (f->from) {
		memmove(f->buf, f->buf + f->from, f->to - f->from);
		f->to -= f->from;
		f->from = 0;
	}
	do {
		n = read(f->fd, f->buf + f->to, f->cap - f->to < READ ? f->cap - f->to : READ);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n == 0)
		f->eof = true;
	f->to += (size_t)n;
	f->taken += (uint64_t)n;
	return 0;
}

int bh_capture_need(struct file *f, size_t n)
{
	int r;

	if (n > f->cap)
		return 1;
	while (window_len(f) < n) {
		if (f->eof)
			return 1;
		r = fill(f);
		if (r < 0)
			return r;
	}
	return 0;
}

static int pass_over(struct file *f)
{
	while (f->skip) {
		size_t n = window_len(f) < f->skip ? window_len(f) : (size_t)f->skip;
		int r;

		f->from += n;
		f->skip -= n;
		if (!f->skip)
			break;
		if (f->eof)
			return 1;
		r = fill(f);
		if (r < 0)
			return r;
	}
	return 0;
}

/* What the decompressor says when its output stops; NULL = it is content. */
static const char *child_problem(struct file *f)
{
	int status = 0;
	pid_t pid;

	if (!f->child)
		return NULL;
	do {
		pid = waitpid(f->child, &status, 0);
	} while (pid < 0 && errno == EINTR);
	f->child = 0;
	if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return NULL;
	if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return "the decompressor is not installed";
	return "the compressed data is cut off or damaged";
}

static int at_end(struct file *f, bool inside)
{
	const char *problem = child_problem(f);

	if (inside || problem)
		return bh_capture_end(f, BH_SRC_TRUNCATED,
			"%s: ends inside a record after %llu packets%s%s; "
			"all of them were read",
			f->name, (unsigned long long)f->st.frames, problem ? ": " : "",
			problem ? problem : "");
	if (!f->st.frames && f->st.skipped)
		return bh_capture_end(f, BH_SRC_LINKTYPE,
			"%s: link type %u is not one that can be decoded "
			"(Ethernet, Linux cooked, raw IP, loopback)",
			f->name, f->first_unknown);
	if (f->st.skipped)
		return bh_capture_end(f, BH_SRC_END,
			"%s: read; %llu packets of link type %u left out", f->name,
			(unsigned long long)f->st.skipped, f->first_unknown);
	return bh_capture_end(f, BH_SRC_END, "%s: read", f->name);
}

static int file_next(
	struct bh_source *s, struct bh_frame *frames, size_t max, int timeout_ms, size_t *ret_n)
{
	struct file *f = (struct file *)s;
	size_t n = 0, need = 0;
	enum step step;
	int r;

	*ret_n = 0;
	if (f->ended)
		return f->ended;
	while (n < max) {
		if (f->skip && n)
			break;
		r = pass_over(f);
		if (r == 0) {
			step = f->ng ? bh_capture_ng_step(f, &frames[n], &need)
				     : bh_capture_pcap_step(f, &frames[n], &need);
			if (step == STEP_FRAME) {
				f->st.bytes += frames[n].wirelen;
				f->st.frames++;
				n++;
				continue;
			}
			if (step == STEP_SKIP)
				continue;
			if (n) /* an end is kept and told by the next call */
				break;
			if (step == STEP_END)
				return f->ended;
			r = bh_capture_need(f, need);
		}
		if (r < 0) {
			snprintf(s->text, sizeof s->text, "%s: read: %s", f->name, strerror(-r));
			f->ended = r;
			return r;
		}
		if (r > 0)
			return at_end(f, window_len(f) || f->skip);
	}
	*ret_n = n;
	return 0;
}

static void file_stats(struct bh_source *s, struct bh_source_stats *ret)
{
	*ret = ((struct file *)s)->st;
}

static unsigned file_progress(struct bh_source *s)
{
	struct file *f = (struct file *)s;
	uint64_t at = f->taken - window_len(f);
	off_t o;

	if (!f->size)
		return 0;
	if (f->origin >= 0) { /* the child reads through the same file offset */
		o = lseek(f->origin, 0, SEEK_CUR);
		at = o < 0 ? 0 : (uint64_t)o;
	}
	return at >= f->size ? 1000000 : (unsigned)((double)at * 1e6 / (double)f->size);
}

static void file_close(struct bh_source *s)
{
	struct file *f = (struct file *)s;

	if (f->child) {
		kill(f->child, SIGTERM);
		child_problem(f);
	}
	if (f->fd >= 0)
		close(f->fd);
	if (f->origin >= 0)
		close(f->origin);
	free(f->ifs);
	free(f->buf);
	free(f);
}

static const struct bh_source_ops file_ops = {
	.next = file_next, .stats = file_stats, .progress_ppm = file_progress, .close = file_close};

struct packer {
	uint8_t magic[6], n;
	const char *prog;
};
static const struct packer packers[] = {
	{{0x1f, 0x8b}, 2, "gzip"},
	{{0x28, 0xb5, 0x2f, 0xfd}, 4, "zstd"},
	{{0xfd, '7', 'z', 'X', 'Z', 0}, 6, "xz"},
};

static const struct packer *packed(const struct file *f)
{
	for (size_t i = 0; i < BH_COUNT(packers); i++)
		if (window_len(f) >= packers[i].n &&
			!memcmp(window(f), packers[i].magic, packers[i].n))
			return &packers[i];
	return NULL;
}

/* The window restarts on the child's output; the child reads the file from its start. */
static int unpack(struct file *f, const struct packer *k)
{
	char prog[8], opt[] = "-dcq";
	char *argv[] = {prog, opt, NULL};
	posix_spawn_file_actions_t fa;
	int p[2], r;

	bh_strcpy(prog, sizeof prog, k->prog);
	if (lseek(f->fd, 0, SEEK_SET) < 0)
		return bh_capture_end(f, BH_SRC_FOREIGN,
			"%s: is compressed by %s and cannot be read twice; "
			"put \"%s -dc\" in front of the pipe",
			f->name, prog, prog);
	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	r = posix_spawn_file_actions_init(&fa);
	if (!r) {
		posix_spawn_file_actions_adddup2(&fa, f->fd, 0);
		posix_spawn_file_actions_adddup2(&fa, p[1], 1);
		posix_spawn_file_actions_addopen(&fa, 2, "/dev/null", O_WRONLY, 0);
		r = posix_spawnp(&f->child, prog, &fa, NULL, argv, environ);
		posix_spawn_file_actions_destroy(&fa);
	}
	close(p[1]);
	if (r) {
		close(p[0]);
		f->child = 0;
		if (r == ENOENT)
			return bh_capture_end(f, BH_SRC_FOREIGN,
				"%s: is compressed by %s, which is not installed", f->name, prog);
		return -r;
	}
	f->origin = f->fd;
	f->fd = p[0];
	f->from = f->to = 0;
	f->taken = 0;
	f->eof = false;
	return 0;
}

static int classic_header(struct file *f)
{
	const uint8_t *h = window(f);
	uint32_t raw;

	if (bh_capture_need(f, 24) != 0)
		return bh_capture_end(f, BH_SRC_TRUNCATED,
			"%s: ends inside the file header; capture it again", f->name);
	h = window(f);
	memcpy(&raw, h + 20, 4);
	raw = (f->big ? __builtin_bswap32(raw) : raw) &
	      0xffff; /* the upper half describes frame checks */
	if (!bh_capture_link(raw, &f->link))
		return bh_capture_end(f, BH_SRC_LINKTYPE,
			"%s: link type %u is not one that can be decoded "
			"(Ethernet, Linux cooked, raw IP, loopback); capture on another interface",
			f->name, raw);
	f->from += 24;
	return 0;
}

/* Reads the first bytes and decides what they are. 0, an outcome, or an error. */
static int identify(struct file *f)
{
	const struct packer *k;
	uint32_t magic;
	int r;

	for (unsigned round = 0;; round++) {
		r = bh_capture_need(f, 6);
		if (r < 0)
			return r;
		if (r > 0 && round)
			return at_end(f, true);
		if (r > 0)
			return bh_capture_end(f, BH_SRC_FOREIGN,
				"%s: %s; a pcap or pcapng file was expected", f->name,
				window_len(f) ? "is too short to be a capture" : "is empty");
		k = packed(f);
		if (!k || round)
			break;
		r = unpack(f, k);
		if (r)
			return r;
	}
	memcpy(&magic, window(f), 4);
	if (magic == 0x0a0d0d0a) {
		f->ng = true;
		return 0;
	}
	f->big = magic == 0xd4c3b2a1 || magic == 0x4d3cb2a1;
	f->nano = magic == 0xa1b23c4d || magic == 0x4d3cb2a1;
	if (f->big || f->nano || magic == 0xa1b2c3d4)
		return classic_header(f);
	return bh_capture_end(f, BH_SRC_FOREIGN,
		"%s: is not a pcap or pcapng file (it starts with %02x%02x%02x%02x);"
		" tools such as editcap convert other formats",
		f->name, window(f)[0], window(f)[1], window(f)[2], window(f)[3]);
}

int bh_source_fd_take(int fd, const char *name, struct bh_source **ret_source, char ret_text[256])
{
	struct file *f = calloc(1, sizeof *f);
	struct stat st;
	int r;

	if (f) {
		f->fd = fd;
		f->origin = -1;
		f->cap = WINDOW;
		f->src.ops = &file_ops;
		f->buf = malloc(f->cap);
		bh_strcpy(f->name, sizeof f->name, name);
	}
	if (!f || !f->buf) {
		snprintf(ret_text, 256, "%s: out of memory", name);
		if (f)
			file_close(&f->src);
		else
			close(fd);
		return -ENOMEM;
	}
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		f->size = (uint64_t)st.st_size;
	r = identify(f);
	if (r) {
		if (r < 0)
			snprintf(ret_text, 256, "%s: %s", f->name, strerror(-r));
		else
			memcpy(ret_text, f->src.text, 256);
		file_close(&f->src);
		return r;
	}
	*ret_source = &f->src;
	return 0;
}

int bh_source_file(const char *path, struct bh_source **ret_source, char ret_text[256])
{
	bool std = !strcmp(path, "-");
	int fd = std ? fcntl(0, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		int e = errno;

		snprintf(ret_text, 256, "%s: %s", path, strerror(e));
		return -e;
	}
	return bh_source_fd_take(fd, std ? "standard input" : path, ret_source, ret_text);
}
