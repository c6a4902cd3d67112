/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A file source: a window of bytes over a descriptor, and the two formats that read it. Private. */
#ifndef BH_CAPTURE_INTERNAL_H
#define BH_CAPTURE_INTERNAL_H

#include <sys/types.h>

#include <bulkhead/capture.h>

#define FRAME_MAX 262144u /* longest frame any capture program writes */
#define IFS_MAX 1024      /* pcapng interfaces per section */

struct ng_if {
	uint16_t link;
	bool known;
	uint8_t tsresol; /* as in the option: bit 7 = power of two */
	uint64_t offset_s;
};

struct file {
	struct bh_source src;
	struct bh_source_stats st;
	int fd, ended; /* ended: the outcome to repeat, 0 = still reading */
	int origin;    /* the compressed file, -1 = none */
	pid_t child;   /* the decompressor, 0 = none */
	uint64_t size, taken;
	char name[128];
	/* window */
	uint8_t *buf;
	size_t cap, from, to;
	uint64_t skip; /* bytes of a block nobody wants, still to pass over */
	bool eof;
	/* format */
	bool ng, big, nano;
	uint16_t link;
	struct ng_if *ifs;
	uint32_t n_ifs;
	uint32_t first_unknown;
};

/* At least n bytes at the window's front? Reads more when not. 0 yes, 1 the input ends before, < 0
 * error. */
int bh_capture_need(struct file *f, size_t n) BH_MUST;
int bh_capture_end(struct file *f, enum bh_src why, const char *fmt, ...) BH_PRINTF(3, 4);
/* One record from the window: a frame, passed over, needs ret_need bytes first, or no more (ended
 * is set). */
enum step { STEP_FRAME, STEP_WINDOW, STEP_SKIP, STEP_END };
enum step bh_capture_pcap_step(struct file *f, struct bh_frame *ret, size_t *ret_need);
enum step bh_capture_ng_step(struct file *f, struct bh_frame *ret, size_t *ret_need);

bool bh_capture_link(uint32_t raw, uint16_t *ret_link);

static inline const uint8_t *window(const struct file *f)
{
	return f->buf + f->from;
}
static inline size_t window_len(const struct file *f)
{
	return f->to - f->from;
}

#endif
