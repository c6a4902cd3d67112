/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * capture - frames in: a capture file, a pipe, or live interfaces, behind one interface
 *
 * Why     The pipeline must not know whether time is now or last year; replay and live run the same code.
 * Shape   struct bh_source is opened here, asked for batches, closed. Frames are borrowed: they stay valid
 *         until the next call of bh_source_next on the same source, and are never copied.
 * Units   at: ns since 1970 as the file or the kernel stamped it (not forced to rise). Lengths in bytes.
 * Errors  < 0 -errno. > 0 enum bh_src: why there are no more frames. bh_source_text says what happened and
 *         what to do about it, in one line, for both.
 * Purity  Shell: owns descriptors, mappings and at most one child process (a decompressor). No other layer
 *         below the daemon does.
 * Source  pcap and pcapng: draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng; packet(7) and
 *         Documentation/networking/packet_mmap.rst.
 */
#ifndef BULKHEAD_CAPTURE_H
#define BULKHEAD_CAPTURE_H

#include <bulkhead/base.h>

#define BH_BATCH 32 /* frames per call; enough to hide a memory access behind the others */

#define BH_FRAME_NOCSUM 0x01 /* the kernel had not filled in the checksums yet */
#define BH_FRAME_GSO 0x02    /* longer than a wire frame: the card would have cut it */

struct bh_frame {
	const uint8_t *data;
	uint32_t caplen, wirelen; /* wirelen >= caplen */
	bh_ns at;
	uint16_t link;	  /* registry number of tcpdump.org/linktypes; DLT 12 and 14 arrive as 101 */
	uint16_t vlan;	  /* id of a tag the kernel took off, 0 = none */
	uint32_t ifindex; /* live: kernel index; file: interface number in the file */
	uint8_t flags;
};

enum bh_src {
	BH_SRC_MORE,	  /* 0: ask again; live: nothing within the timeout */
	BH_SRC_END,	  /* every frame was read */
	BH_SRC_TRUNCATED, /* the file ends inside a record; all frames before it were delivered */
	BH_SRC_DAMAGED,	  /* a record makes no sense; all frames before it were delivered */
	BH_SRC_FOREIGN,	  /* not a capture file, or a form of it that is not read here */
	BH_SRC_LINKTYPE,  /* no frame has a link type that can be decoded */
};

struct bh_source_stats {
	uint64_t frames, bytes;	   /* delivered */
	uint64_t kernel_packets;   /* live: what the kernel counted for these rings */
	uint64_t kernel_drops;	   /* live: lost because a ring was full */
	uint64_t skipped;	   /* file: frames of an interface whose link type is unknown */
};

struct bh_source;
struct bh_source_ops {
	int (*next)(struct bh_source *s, struct bh_frame *frames, size_t max, int timeout_ms, size_t *ret_n);
	void (*stats)(struct bh_source *s, struct bh_source_stats *ret);
	unsigned (*progress_ppm)(struct bh_source *s);
	void (*close)(struct bh_source *s);
};
struct bh_source {
	const struct bh_source_ops *ops;
	char text[256];
};

/*
 * Up to max frames. 0 with *ret_n >= 0; an outcome or an error only once every frame before it was
 * delivered (*ret_n is then 0), and the same one on every later call. timeout_ms: live only; how long to
 * wait for the first frame, 0 = do not wait.
 */
static inline int bh_source_next(struct bh_source *s, struct bh_frame *frames, size_t max, int timeout_ms,
	size_t *ret_n)
{
	return s->ops->next(s, frames, max, timeout_ms, ret_n);
}
/* Cheap for files; one system call when live: ask about once a second. */
static inline void bh_source_stats(struct bh_source *s, struct bh_source_stats *ret)
{
	s->ops->stats(s, ret);
}
/* 0 to 1,000,000 of the input's bytes; 0 when its size is unknown (a pipe, live). */
static inline unsigned bh_source_progress_ppm(struct bh_source *s)
{
	return s->ops->progress_ppm(s);
}
static inline const char *bh_source_text(const struct bh_source *s)
{
	return s->text;
}
static inline void bh_source_close(struct bh_source *s)
{
	if (s)
		s->ops->close(s);
}

/*
 * pcap (microsecond and nanosecond, both byte orders) and pcapng, plain or through gzip, zstd or xz; "-" is
 * standard input. Starts the decompressor, so call it before giving up the right to execute programs.
 * ret_text is written on failure as bh_source_text would say it.
 */
int bh_source_file(const char *path, struct bh_source **ret_source, char ret_text[256]) BH_MUST;
/* The same over an open descriptor, which the source then owns. name is for messages. */
int bh_source_fd_take(int fd, const char *name, struct bh_source **ret_source, char ret_text[256]) BH_MUST;

/* ---- live: rings of AF_PACKET sockets ---- */

#define BH_LIVE_IFS 64 /* interfaces per source */
struct bh_live_conf {
	uint32_t block_bytes;	/* one block of a ring: a multiple of the page size */
	uint32_t blocks;	/* per ring */
	unsigned retire_ms;	/* a block that is not full is handed over after this long */
};
/* 512 KiB x 32 per ring, 4 ms: see docs/performance.md for what each costs. */
struct bh_live_conf bh_live_defaults(void);

struct bh_live_set { /* the interfaces a source hears */
	size_t n;
	uint32_t ifindex[BH_LIVE_IFS];
};
/*
 * The privileged half (CAP_NET_RAW): n_workers sockets, each hearing all the interfaces in the order frames
 * arrive, joined to one fanout group so both directions of a flow, and all fragments of a packet, reach one
 * worker. Frames this host sends are left out, so a forwarded frame is seen once. The sockets stay deaf
 * until bh_live_start, so no frame goes to a worker that another one should get. On failure nothing is open.
 */
int bh_live_open(const char *const *ifnames, size_t n_ifs, const struct bh_live_conf *conf,
	unsigned n_workers, struct bh_live_set *ret_set, int *ret_fds, char ret_text[256]) BH_MUST;
/* All sockets of all workers at once. */
int bh_live_start(const struct bh_live_set *set, const int *fds, size_t n) BH_MUST;
/*
 * The other half needs no privilege, only a descriptor, which the source then owns, and the same conf.
 */
int bh_source_live_take(
	int fd, const struct bh_live_conf *conf, struct bh_source **ret_source, char ret_text[256]) BH_MUST;

#endif
