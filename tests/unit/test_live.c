/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Live capture over a veth pair in a network namespace of this test's own: frames go in at one end,
 * rings read the other. Needs root or user namespaces; skips with a reason otherwise.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include "daemon/worker.h"

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}
static bool run(const char *const argv[])
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}
#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})

/* NULL, or why there is no network to test in */
static const char *make_network(void)
{
	char map[64];
	unsigned uid = getuid(), gid = getgid();

	if (unshare(CLONE_NEWNET) < 0) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
			return "neither root nor user namespaces";
		write_file("/proc/self/setgroups", "deny");
		snprintf(map, sizeof map, "0 %u 1", uid);
		if (!write_file("/proc/self/uid_map", map))
			return "no user id map";
		snprintf(map, sizeof map, "0 %u 1", gid);
		write_file("/proc/self/gid_map", map);
	}
	write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1"); /* a silent wire */
	if (!RUN("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1") ||
		!RUN("ip", "link", "set", "v0", "up") || !RUN("ip", "link", "set", "v1", "up"))
		return "cannot make a veth pair (is iproute2 installed?)";
	return NULL;
}

static const char *reason;
static int need_network(void **state)
{
	if (reason)
		print_message("# skipped: %s\n", reason);
	return 0;
}

static int sender(int vnet_hdr)
{
	struct sockaddr_ll a = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex("v0")};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(
		setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &vnet_hdr, sizeof vnet_hdr), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	return fd;
}

static uint16_t ip_sum(const uint8_t *h)
{
	uint32_t s = 0;

	for (unsigned i = 0; i < 20; i += 2)
		s += (uint32_t)(h[i] << 8 | h[i + 1]);
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}
static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8), p[1] = (uint8_t)v;
}
/* Ethernet and IPv4 in front of body; answers exchange the ends of pair n. Returns the length. */
static size_t frame(uint8_t *p, unsigned n, bool answer, uint8_t proto, unsigned frag,
	const uint8_t *body, size_t len)
{
	memset(p, 0, 34);
	p[0] = p[6] = 2, p[12] = 8, p[14] = 0x45, p[22] = 64, p[23] = proto;
	put16(p + 16, (unsigned)(20 + len));
	put16(p + 18, n), put16(p + 20, frag);
	p[26] = p[30] = 10;
	put16(p + (answer ? 32 : 28), 1 + n % 50);
	put16(p + (answer ? 28 : 32), 1000 + n);
	put16(p + 24, ip_sum(p + 14));
	memcpy(p + 34, body, len);
	return 34 + len;
}
static void send_all(int fd, const uint8_t *p, size_t n)
{
	for (unsigned i = 0; i < 1000; i++) {
		if (send(fd, p, n, 0) == (ssize_t)n)
			return;
		if (errno != ENOBUFS && errno != EAGAIN)
			fail_msg("send: %s", strerror(errno));
		usleep(1000);
	}
	fail_msg("the wire stays full");
}
static void send_udp(int fd, unsigned n, bool answer)
{
	uint8_t p[64], body[12] = {0};

	put16(body + (answer ? 2 : 0), 2000 + n), put16(body + (answer ? 0 : 2), 7777),
		put16(body + 4, 12);
	send_all(fd, p, frame(p, n, answer, 17, 0, body, sizeof body));
}

#define WORKERS 4
struct live {
	struct bh_source *src[WORKERS];
	unsigned n;
};
static void live_up(struct live *l, unsigned n)
{
	struct bh_live_conf conf = bh_live_defaults();
	struct bh_live_set set;
	int fds[WORKERS];
	char text[256];

	l->n = n;
	if (bh_live_open((const char *[]){"v1"}, 1, &conf, n, &set, fds, text) < 0)
		fail_msg("%s", text);
	assert_int_equal(bh_live_start(&set, fds, n), 0);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(bh_source_live_take(fds[i], &conf, &l->src[i], text), 0);
}
static void live_down(struct live *l)
{
	for (unsigned i = 0; i < l->n; i++)
		bh_source_close(l->src[i]);
}
/* Reads every worker until none has anything for a while; each(frame, worker). */
static size_t read_all(struct live *l,
	void (*each)(void *ctx, const struct bh_frame *f, unsigned worker), void *ctx)
{
	size_t total = 0;

	for (unsigned idle = 0; idle < 10;) {
		size_t n, got = 0;

		for (unsigned w = 0; w < l->n; w++) {
			struct bh_frame fr[BH_BATCH];

			do {
				assert_int_equal(bh_source_next(l->src[w], fr, BH_BATCH, 5, &n), 0);
				for (size_t i = 0; i < n; i++)
					each(ctx, &fr[i], w);
				got += n;
			} while (n);
		}
		total += got;
		idle = got ? 0 : idle + 1;
	}
	return total;
}
static uint64_t drops(struct live *l)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < l->n; i++) {
		struct bh_source_stats st;

		bh_source_stats(l->src[i], &st);
		assert_int_equal(st.kernel_packets, st.frames);
		sum += st.kernel_drops;
	}
	return sum;
}

#define FLOWS 400
struct seen {
	uint8_t worker[FLOWS], count[FLOWS];
	unsigned used[WORKERS], strayed;
};
static void see(void *ctx, const struct bh_frame *f, unsigned worker)
{
	struct seen *s = ctx;
	struct bh_packet p;
	unsigned n;

	bh_decode(&(struct bh_decode_in){.data = f->data,
			  .caplen = f->caplen,
			  .wirelen = f->wirelen,
			  .link = f->link},
		&p);
	if (p.what != BH_WHAT_UDP)
		return;
	n = (p.dport == 7777 ? p.sport : p.dport) - 2000u;
	assert_true(n < FLOWS);
	if (s->count[n] && s->worker[n] != worker)
		s->strayed++;
	s->worker[n] = (uint8_t)worker;
	s->count[n]++;
	s->used[worker]++;
}

static void flows_stay_whole(unsigned workers)
{
	static struct seen s;
	struct live l;
	int fd = sender(0);

	memset(&s, 0, sizeof s);
	live_up(&l, workers);
	for (unsigned round = 0; round < 5; round++)
		for (unsigned i = 0; i < FLOWS; i++) {
			send_udp(fd, i, false);
			send_udp(fd, i, true);
		}
	assert_int_equal(read_all(&l, see, &s), FLOWS * 10);
	assert_int_equal(s.strayed, 0);
	for (unsigned i = 0; i < FLOWS; i++)
		assert_int_equal(s.count[i], 10);
	for (unsigned w = 0; w < workers; w++)
		assert_true(s.used[w] > FLOWS * 10 / workers / 3);
	assert_int_equal(drops(&l), 0);
	live_down(&l);
	close(fd);
}

static void one_worker_sees_every_frame_once(void **state)
{
	if (reason)
		skip();
	flows_stay_whole(1);
}
static void both_directions_of_each_flow_reach_one_of_four_workers(void **state)
{
	if (reason)
		skip();
	flows_stay_whole(WORKERS);
}

static void note_frag(void *ctx, const struct bh_frame *f, unsigned worker)
{
	uint64_t *mask = ctx;
	struct bh_packet p;

	bh_decode(&(struct bh_decode_in){.data = f->data,
			  .caplen = f->caplen,
			  .wirelen = f->wirelen,
			  .link = f->link},
		&p);
	if (p.what == BH_WHAT_UDP && p.sport == 2000)
		mask[0] |= 1u << worker, mask[1] += p.payload_len;
	else if (p.what == BH_WHAT_IP)
		mask[2]++; /* a fragment that strayed */
}

static void fragments_arrive_whole_at_the_worker_of_their_flow(void **state)
{
	uint8_t p[600], body[512] = {0};
	uint64_t got[3] = {0};
	struct live l;
	int fd;

	if (reason)
		skip();
	fd = sender(0);
	live_up(&l, WORKERS);
	put16(body, 2000), put16(body + 2, 7777), put16(body + 4, 512);
	send_udp(fd, 0, false);
	send_all(fd, p, frame(p, 0, false, 17, 0x2000, body, 256));
	send_all(fd, p, frame(p, 0, false, 17, 256 / 8, body + 256, 256));
	read_all(&l, note_frag, got);
	assert_int_equal(__builtin_popcountll(got[0]), 1);
	assert_int_equal(got[1], 4 + 504);
	assert_int_equal(got[2], 0);
	live_down(&l);
	close(fd);
}

static void keep_last(void *ctx, const struct bh_frame *f, unsigned worker)
{
	struct bh_frame *last = ctx;

	if (f->caplen > last->caplen)
		*last = *f; /* numbers only: the bytes go back to the kernel */
}

static void an_uncut_segment_is_one_long_frame(void **state)
{
	static uint8_t p[10 + 34 + 20 + 30000];
	struct virtio_net_hdr h = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = 54,
		.gso_size = 1448,
		.csum_start = 34,
		.csum_offset = 16};
	static uint8_t body[20 + 30000];
	struct bh_frame last = {0};
	struct live l;
	int fd;

	if (reason)
		skip();
	fd = sender(1);
	live_up(&l, 1);
	put16(body, 40000), put16(body + 2, 445);
	body[12] = 0x50, body[13] = 0x10;
	memcpy(p, &h, sizeof h);
	send_all(fd, p, sizeof h + frame(p + sizeof h, 1, false, 6, 0, body, sizeof body));
	read_all(&l, keep_last, &last);
	assert_int_equal(last.wirelen, 34 + 20 + 30000);
	assert_int_equal(last.caplen, last.wirelen);
	assert_true(last.flags & BH_FRAME_NOCSUM);
	live_down(&l);
	close(fd);
}

static void note_vlan(void *ctx, const struct bh_frame *f, unsigned worker)
{
	struct bh_packet p;

	bh_decode(&(struct bh_decode_in){.data = f->data,
			  .caplen = f->caplen,
			  .wirelen = f->wirelen,
			  .link = f->link,
			  .vlan = f->vlan},
		&p);
	if (p.what == BH_WHAT_UDP)
		*(unsigned *)ctx = p.vlan << 16 | p.vlan2;
}

static void a_tag_the_kernel_took_off_is_put_back(void **state)
{
	uint8_t p[80], body[12] = {0}, tagged[80];
	unsigned got = 0;
	struct live l;
	size_t n;
	int fd;

	if (reason)
		skip();
	fd = sender(0);
	live_up(&l, 1);
	put16(body, 2000), put16(body + 2, 7777), put16(body + 4, 12);
	n = frame(p, 1, false, 17, 0, body, sizeof body);
	memcpy(tagged, p, 12);
	memcpy(tagged + 12, "\x81\x00\x00\x63\x81\x00\x00\x07", 8);
	memcpy(tagged + 20, p + 12, n - 12);
	send_all(fd, tagged, n + 8);
	read_all(&l, note_vlan, &got);
	assert_int_equal(got, 99 << 16 | 7);
	live_down(&l);
	close(fd);
}

static void frames_this_host_sends_are_left_out(void **state)
{
	struct bh_live_conf conf = bh_live_defaults();
	struct bh_live_set set;
	int fd[2];
	struct live l = {.n = 1};
	uint64_t got[3] = {0};
	char text[256];
	int out;

	if (reason)
		skip();
	for (unsigned workers = 1; workers <= 2; workers++) {
		assert_int_equal(
			bh_live_open((const char *[]){"v0"}, 1, &conf, workers, &set, fd, text),
			0); /* the sending end */
		assert_int_equal(bh_live_start(&set, fd, workers), 0);
		l.n = workers;
		for (unsigned i = 0; i < workers; i++)
			assert_int_equal(bh_source_live_take(fd[i], &conf, &l.src[i], text), 0);
		out = sender(0);
		for (unsigned i = 0; i < 50; i++)
			send_udp(out, i, false);
		assert_int_equal(read_all(&l, note_frag, got), 0);
		close(out);
		live_down(&l);
	}
}

static void a_small_ring_that_is_not_read_counts_its_drops(void **state)
{
	struct bh_live_conf conf = {.block_bytes = 4096, .blocks = 2, .retire_ms = 1};
	struct bh_source_stats st;
	struct bh_source *src;
	struct bh_live_set set;
	char text[256];
	int out, fd;

	if (reason)
		skip();
	assert_int_equal(bh_live_open((const char *[]){"v1"}, 1, &conf, 1, &set, &fd, text), 0);
	assert_int_equal(bh_live_start(&set, &fd, 1), 0);
	assert_int_equal(bh_source_live_take(fd, &conf, &src, text), 0);
	out = sender(0);
	for (unsigned i = 0; i < FLOWS; i++)
		send_udp(out, i, false);
	usleep(50000);
	bh_source_stats(src, &st);
	assert_int_equal(st.kernel_packets, FLOWS);
	assert_true(st.kernel_drops > FLOWS / 2);
	bh_source_close(src);
	close(out);
}

static void an_interface_that_is_not_there_is_named(void **state)
{
	struct bh_live_conf conf = bh_live_defaults();
	struct bh_live_set set;
	char text[256];
	int fd;

	assert_int_equal(bh_live_open((const char *[]){"bh-none"}, 1, &conf, 1, &set, &fd, text), -ENODEV);
	assert_non_null(strstr(text, "bh-none"));
	assert_non_null(strstr(text, "ip link"));
}

static void count_kind(void *ctx, const struct bh_event *ev)
{
	((unsigned *)ctx)[ev->kind]++;
}
static bh_ns realtime(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return BH_SEC(t.tv_sec) + (bh_ns)t.tv_nsec;
}

static void a_live_worker_tells_new_flows_answers_and_silence(void **state)
{
	unsigned kinds[BH_EV_KINDS] = {0};
	struct bh_worker *w;
	struct live l;
	bh_ns end;
	int fd;

	if (reason)
		skip();
	assert_int_equal(bh_worker_new(&(struct bh_worker_conf){.stage = BH_WORKER_ALL,
					       .max_flows = 1000,
					       .seed = 1,
					       .sink = {count_kind, kinds}},
				 &w),
		0);
	fd = sender(0);
	live_up(&l, 1);
	for (unsigned i = 0; i < 100; i++) {
		send_udp(fd, i, false);
		if (i < 60)
			send_udp(fd, i, true);
	}
	end = realtime() + BH_SEC(4);
	while (kinds[BH_EV_FLOW_OUTCOME] < 100 && realtime() < end) {
		size_t n;

		assert_int_equal(bh_worker_poll(w, l.src[0], 20, &n), 0);
		if (!n)
			bh_worker_idle(w, realtime());
	}
	assert_int_equal(kinds[BH_EV_FLOW_NEW], 100);
	assert_int_equal(kinds[BH_EV_FLOW_OUTCOME], 100);
	bh_worker_free(w);
	live_down(&l);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(one_worker_sees_every_frame_once, need_network),
		cmocka_unit_test(both_directions_of_each_flow_reach_one_of_four_workers),
		cmocka_unit_test(fragments_arrive_whole_at_the_worker_of_their_flow),
		cmocka_unit_test(an_uncut_segment_is_one_long_frame),
		cmocka_unit_test(a_tag_the_kernel_took_off_is_put_back),
		cmocka_unit_test(frames_this_host_sends_are_left_out),
		cmocka_unit_test(a_small_ring_that_is_not_read_counts_its_drops),
		cmocka_unit_test(an_interface_that_is_not_there_is_named),
		cmocka_unit_test(a_live_worker_tells_new_flows_answers_and_silence),
	};

	reason = make_network();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
