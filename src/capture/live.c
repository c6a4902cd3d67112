/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Live frames come through TPACKET_V3 rings: the kernel fills blocks in memory shared with it and
 * hands each over when it is full or retire_ms old, so the price of a system call is paid per block
 * at most, and only when there is nothing to do.
 *
 * Opening is in two halves. The privileged one makes sockets; because a socket hears everything
 * between bind and its place in the fanout group, each starts behind a filter that lets nothing
 * through, and bh_live_start lifts all filters once every member has joined. The other half only
 * maps and polls.
 *
 * A worker has one ring for all interfaces, behind a filter on the interface's number. One ring per
 * interface would tear conversations apart: a gateway sees the request on one side and the answer
 * on the other, and whichever block is handed over first would be read first. A block goes back to
 * the kernel on the call after its last frame was given out.
 *
 * The structs read here are the kernel's own, in memory it wrote: no packet bytes are read through
 * them.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "internal.h"

/* newer than some headers this builds with */
#define FANOUT_IGNORE_OUTGOING 0x4000
#define STATUS_GSO_TCP (1u << 8)
#define JUMBO_MAX 9234u /* the longest frame a wire carries */

struct ring {
	int fd;
	uint8_t *map;
	uint32_t block;                   /* the one being read, or the next */
	const struct tpacket3_hdr *frame; /* next to give out; NULL = no block in hand */
	uint32_t left;                    /* frames in it */
	bool done;                        /* all given out: return it on the next call */
};

struct live {
	struct bh_source src;
	struct bh_source_stats st;
	struct bh_live_conf conf;
	int ended;
	struct ring ring;
};

struct bh_live_conf bh_live_defaults(void)
{
	return (struct bh_live_conf){.block_bytes = 512u << 10, .blocks = 32, .retire_ms = 4};
}

/* ---- the privileged half ---- */

static int explain(char ret_text[256], const char *ifname, const char *what, int e)
{
	const char *hint = "";

	if (e == EPERM || e == EACCES)
		hint = "; live capture needs CAP_NET_RAW";
	else if (e == ENODEV || e == ENXIO)
		hint = "; \"ip link\" lists the interfaces there are";
	else if (e == ENETDOWN)
		hint = "; set the interface up first";
	else if (e == ENOMEM || e == EINVAL)
		hint = "; try smaller rings";
	snprintf(ret_text, 256, "%s: %s: %s%s", ifname, what, strerror(e), hint);
	return -e;
}

static const char *set_ring(int fd, const struct bh_live_conf *conf)
{
	struct sock_filter none = {.code = BPF_RET | BPF_K, .k = 0};
	struct sock_fprog deaf = {.len = 1, .filter = &none};
	int version = TPACKET_V3, one = 1;
	struct tpacket_req3 rq = {.tp_block_size = conf->block_bytes,
		.tp_block_nr = conf->blocks,
		.tp_frame_size = 2048,
		.tp_frame_nr = conf->block_bytes / 2048 * conf->blocks,
		.tp_retire_blk_tov = conf->retire_ms};

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &deaf, sizeof deaf) < 0)
		return "filter";
	if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) < 0)
		return "TPACKET_V3";
	if (setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &rq, sizeof rq) < 0)
		return "ring";
	/* a kernel that does not know it marks such frames, and they are left out when read */
	(void)setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one);
	return NULL;
}

/* *io_group: 0 = make a group and say which. */
static int join(int fd, unsigned *io_group)
{
	unsigned mode = PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_DEFRAG,
		 ignore = FANOUT_IGNORE_OUTGOING;
	unsigned fresh = *io_group ? 0 : PACKET_FANOUT_FLAG_UNIQUEID;
	unsigned arg = (*io_group & 0xffff) | (mode | ignore | fresh) << 16;
	socklen_t len = sizeof arg;

	if (*io_group)
		arg = *io_group;
	if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &arg, sizeof arg) < 0) {
		if (*io_group || errno != EINVAL)
			return -errno;
		arg = (mode | fresh) << 16; /* the kernel is older than FANOUT_IGNORE_OUTGOING */
		if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &arg, sizeof arg) < 0)
			return -errno;
		ignore = 0;
	}
	if (!*io_group) {
		if (getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &arg, &len) < 0)
			return -errno;
		*io_group = (arg & 0xffff) | (mode | ignore) << 16;
	}
	return 0;
}

static int open_one(const char *ifname, const struct bh_live_set *set, const struct bh_live_conf *conf,
	unsigned *io_group, bool group, int *ret_fd, char ret_text[256])
{
	struct sockaddr_ll a = {.sll_family = AF_PACKET,
		.sll_protocol = __builtin_bswap16(ETH_P_ALL),
		.sll_ifindex = set->n == 1 ? (int)set->ifindex[0] : 0};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r;
	const char *step;

	if (fd < 0)
		return explain(ret_text, ifname, "socket", errno);
	step = set_ring(fd, conf);
	if (!step && bind(fd, (struct sockaddr *)&a, sizeof a) < 0)
		step = "bind";
	for (size_t i = 0; !step && i < set->n; i++) {
		struct packet_mreq all = {
			.mr_ifindex = (int)set->ifindex[i], .mr_type = PACKET_MR_PROMISC};

		if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all) < 0)
			step = "promiscuous mode";
	}
	if (step) {
		r = errno;
		close(fd);
		return explain(ret_text, ifname, step, r);
	}
	r = group ? join(fd, io_group) : 0;
	if (r < 0) {
		close(fd);
		return explain(ret_text, ifname, "fanout", -r);
	}
	*ret_fd = fd;
	return 0;
}

int bh_live_open(const char *const *ifnames, size_t n_ifs, const struct bh_live_conf *conf,
	unsigned n_workers, struct bh_live_set *ret_set, int *ret_fds, char ret_text[256])
{
	struct bh_live_set set = {.n = n_ifs};
	unsigned group = 0, i;

	if (n_ifs == 0 || n_ifs > BH_LIVE_IFS)
		return explain(ret_text, "live capture", "number of interfaces", E2BIG);
	for (i = 0; i < n_ifs; i++)
		if (!(set.ifindex[i] = if_nametoindex(ifnames[i])))
			return explain(ret_text, ifnames[i], "not found", ENODEV);
	for (i = 0; i < n_workers; i++) {
		int r = open_one(ifnames[0], &set, conf, &group, n_workers > 1, &ret_fds[i],
			ret_text);

		if (r < 0) {
			while (i--)
				close(ret_fds[i]);
			return r;
		}
	}
	*ret_set = set;
	return 0;
}

/* "is it from one of these?", one comparison an interface */
static int hear(int fd, const struct bh_live_set *set)
{
	struct sock_filter code[BH_LIVE_IFS + 3];
	struct sock_fprog prog = {.filter = code};
	unsigned n = 0;

	code[n++] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_IFINDEX));
	for (unsigned i = 0; i < set->n; i++)
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
			set->ifindex[i], (uint8_t)(set->n - i), 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	prog.len = (uint16_t)n;
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof prog) < 0 ? -errno : 0;
}

int bh_live_start(const struct bh_live_set *set, const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r = hear(fds[i], set);

		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- the other half ---- */

static struct tpacket_block_desc *block(const struct live *l, const struct ring *r)
{
	return (struct tpacket_block_desc *)(void *)(r->map +
						     (size_t)r->block * l->conf.block_bytes);
}

/* Has a frame in hand, taking the next block if the kernel has given it. */
static bool ready(const struct live *l, struct ring *r)
{
	struct tpacket_block_desc *b;

	if (r->frame)
		return true;
	b = block(l, r);
	if (!(__atomic_load_n(&b->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
		return false;
	r->left = b->hdr.bh1.num_pkts;
	r->done = r->left == 0;
	if (r->left)
		r->frame = (const void *)((uint8_t *)b + b->hdr.bh1.offset_to_first_pkt);
	return r->left != 0;
}

static void give_back(const struct live *l, struct ring *r)
{
	if (!r->done)
		return;
	__atomic_store_n(&block(l, r)->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
	r->block = (r->block + 1) % l->conf.blocks;
	r->done = false;
}

static bh_ns stamp(const struct tpacket3_hdr *h)
{
	return BH_SEC(h->tp_sec) + h->tp_nsec;
}

static uint16_t link_of(unsigned hatype)
{
	switch (hatype) {
	case ARPHRD_ETHER:
	case ARPHRD_LOOPBACK:
		return 1;
	case ARPHRD_NONE:
	case ARPHRD_PPP:
		return 101;
	}
	return 0xffff; /* counted by decode as an unknown link type */
}

/* One frame, or none when it is this host's own. */
static size_t take_frame(struct live *l, struct ring *r, struct bh_frame *ret)
{
	const struct tpacket3_hdr *h = r->frame;
	const uint8_t *base = (const uint8_t *)h;
	const struct sockaddr_ll *sll = (const void *)(base + TPACKET_ALIGN(sizeof *h));
	bool own = sll->sll_pkttype == PACKET_OUTGOING;

	*ret = (struct bh_frame){.data = base + h->tp_mac,
		.caplen = h->tp_snaplen,
		.wirelen = h->tp_len,
		.at = stamp(h),
		.link = link_of(sll->sll_hatype),
		.ifindex = (uint32_t)sll->sll_ifindex};
	if (h->tp_status & TP_STATUS_VLAN_VALID)
		ret->vlan = h->hv1.tp_vlan_tci & 0xfff;
	if (h->tp_status & TP_STATUS_CSUMNOTREADY)
		ret->flags |= BH_FRAME_NOCSUM;
	if ((h->tp_status & STATUS_GSO_TCP) || h->tp_len > JUMBO_MAX)
		ret->flags |= BH_FRAME_GSO;
	if (--r->left)
		r->frame = (const void *)(base + h->tp_next_offset);
	else
		r->frame = NULL, r->done = true;
	if (own)
		return 0;
	l->st.frames++;
	l->st.bytes += ret->wirelen;
	return 1;
}

static size_t collect(struct live *l, struct bh_frame *frames, size_t max)
{
	size_t n = 0;

	give_back(l, &l->ring);
	while (n < max && !l->ring.done && ready(l, &l->ring))
		n += take_frame(l, &l->ring, &frames[n]);
	return n;
}

static int wait_for(struct live *l, int timeout_ms)
{
	struct pollfd p = {.fd = l->ring.fd, .events = POLLIN};
	int r = poll(&p, 1, timeout_ms), e = 0;
	socklen_t len = sizeof e;

	if (r < 0)
		return errno == EINTR ? 0 : -errno;
	if (r == 0 || !(p.revents & POLLERR))
		return 0;
	/* an interface set down or gone; the socket hears it again when it is back up */
	(void)getsockopt(p.fd, SOL_SOCKET, SO_ERROR, &e, &len);
	return e && e != ENETDOWN ? -e : 0;
}

static int live_next(
	struct bh_source *s, struct bh_frame *frames, size_t max, int timeout_ms, size_t *ret_n)
{
	struct live *l = (struct live *)s;
	int r = 0;

	*ret_n = 0;
	if (l->ended)
		return l->ended;
	*ret_n = collect(l, frames, max);
	if (*ret_n || !timeout_ms)
		return 0;
	r = wait_for(l, timeout_ms);
	if (r < 0) {
		snprintf(s->text, sizeof s->text, "live capture: %s", strerror(-r));
		l->ended = r;
		return r;
	}
	*ret_n = collect(l, frames, max);
	return 0;
}

static void live_stats(struct bh_source *s, struct bh_source_stats *ret)
{
	struct live *l = (struct live *)s;
	struct tpacket_stats_v3 st = {0};
	socklen_t len = sizeof st;

	/* reading clears it; tp_packets includes the dropped ones */
	if (getsockopt(l->ring.fd, SOL_PACKET, PACKET_STATISTICS, &st, &len) == 0) {
		l->st.kernel_packets += st.tp_packets;
		l->st.kernel_drops += st.tp_drops;
	}
	*ret = l->st;
}

static unsigned live_progress(struct bh_source *s)
{
	return 0;
}

static void live_close(struct bh_source *s)
{
	struct live *l = (struct live *)s;

	if (l->ring.map)
		munmap(l->ring.map, (size_t)l->conf.block_bytes * l->conf.blocks);
	close(l->ring.fd);
	free(l);
}

static const struct bh_source_ops live_ops = {
	.next = live_next, .stats = live_stats, .progress_ppm = live_progress, .close = live_close};

int bh_source_live_take(
	int fd, const struct bh_live_conf *conf, struct bh_source **ret_source, char ret_text[256])
{
	struct live *l = calloc(1, sizeof *l);
	void *m;

	if (!l) {
		close(fd);
		snprintf(ret_text, 256, "live capture: no memory");
		return -ENOMEM;
	}
	m = mmap(NULL, (size_t)conf->block_bytes * conf->blocks, PROT_READ | PROT_WRITE, MAP_SHARED,
		fd, 0);
	l->src.ops = &live_ops;
	l->conf = *conf;
	l->ring.fd = fd;
	if (m == MAP_FAILED) {
		int r = -errno;

		snprintf(ret_text, 256, "live capture: mapping a ring: %s", strerror(-r));
		live_close(&l->src);
		return r;
	}
	l->ring.map = m;
	bh_strcpy(l->src.text, sizeof l->src.text, "live capture: running");
	*ret_source = &l->src;
	return 0;
}
