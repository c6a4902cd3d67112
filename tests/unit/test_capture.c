/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Capture files written by hand here and by libpcap, which is also the reference for what should be
 * read. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <pcap/pcap.h>
#include <bulkhead/capture.h>

struct file {
	char path[64];
	uint8_t b[1 << 16];
	size_t n;
	bool big;
};

static void u32(struct file *f, uint32_t v)
{
	v = f->big ? __builtin_bswap32(v) : v;
	memcpy(f->b + f->n, &v, 4);
	f->n += 4;
}
static void u16(struct file *f, uint16_t v)
{
	v = f->big ? __builtin_bswap16(v) : v;
	memcpy(f->b + f->n, &v, 2);
	f->n += 2;
}
static void bytes(struct file *f, const void *p, size_t n)
{
	memcpy(f->b + f->n, p, n);
	f->n += n;
	while (f->n % 4)
		f->b[f->n++] = 0;
}
static void save(struct file *f, size_t n)
{
	int fd;

	strcpy(f->path, "/tmp/bh-capture-XXXXXX");
	fd = mkstemp(f->path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, f->b, n), (ssize_t)n);
	close(fd);
}

static void classic_head(struct file *f, uint32_t magic, uint32_t link)
{
	u32(f, magic);
	u16(f, 2), u16(f, 4);
	u32(f, 0), u32(f, 0), u32(f, 65535), u32(f, link);
}
static void classic_packet(
	struct file *f, uint32_t s, uint32_t frac, const char *data, uint32_t len, uint32_t wire)
{
	u32(f, s), u32(f, frac), u32(f, len), u32(f, wire);
	memcpy(f->b + f->n, data, len);
	f->n += len;
}

/* body written by the caller between begin and end */
static size_t ng_begin(struct file *f, uint32_t type)
{
	size_t at = f->n;

	u32(f, type), u32(f, 0);
	return at;
}
static void ng_end(struct file *f, size_t at)
{
	uint32_t len = (uint32_t)(f->n + 4 - at), v = f->big ? __builtin_bswap32(len) : len;

	memcpy(f->b + at + 4, &v, 4);
	u32(f, len);
}
static void ng_section(struct file *f)
{
	size_t at = ng_begin(f, 0x0a0d0d0a);

	u32(f, 0x1a2b3c4d), u16(f, 1), u16(f, 0), u32(f, 0xffffffff), u32(f, 0xffffffff);
	ng_end(f, at);
}
static void ng_if(struct file *f, uint16_t link, int tsresol)
{
	size_t at = ng_begin(f, 1);
	uint8_t v = (uint8_t)tsresol;

	u16(f, link), u16(f, 0), u32(f, 0);
	if (tsresol >= 0) {
		u16(f, 9), u16(f, 1);
		bytes(f, &v, 1);
		u16(f, 0), u16(f, 0);
	}
	ng_end(f, at);
}
static void ng_packet(
	struct file *f, uint32_t ifn, uint64_t ts, const char *data, uint32_t len, uint32_t wire)
{
	size_t at = ng_begin(f, 6);

	u32(f, ifn), u32(f, (uint32_t)(ts >> 32)), u32(f, (uint32_t)ts), u32(f, len), u32(f, wire);
	bytes(f, data, len);
	ng_end(f, at);
}

/* Reads all; returns the outcome. Copies of the first few frames are kept. */
struct got {
	struct bh_frame f[64];
	uint8_t data[64][64];
	size_t n;
	int end;
	char text[256];
};
static struct got *drain(struct bh_source *s)
{
	struct got *g = calloc(1, sizeof *g);
	struct bh_frame fr[BH_BATCH];
	size_t n = 0;

	assert_non_null(g);
	while (!(g->end = bh_source_next(s, fr, BH_BATCH, 0, &n)))
		for (size_t i = 0; i < n; i++, g->n++)
			if (g->n < 64) {
				g->f[g->n] = fr[i];
				memcpy(g->data[g->n], fr[i].data,
					fr[i].caplen < 64 ? fr[i].caplen : 64);
			}
	assert_int_equal(n, 0);
	assert_int_equal(bh_source_next(s, fr, BH_BATCH, 0, &n), g->end); /* says so again */
	memcpy(g->text, bh_source_text(s), 256);
	return g;
}
static struct got *read_file(struct file *f, size_t n)
{
	struct bh_source *s = NULL;
	struct got *g;
	char text[256] = "";
	int r;

	save(f, n);
	r = bh_source_file(f->path, &s, text);
	if (r) {
		g = calloc(1, sizeof *g);
		assert_non_null(g);
		g->end = r;
		memcpy(g->text, text, 256);
	} else {
		g = drain(s);
		if (g->end == BH_SRC_END)
			assert_int_equal(bh_source_progress_ppm(s), 1000000);
		bh_source_close(s);
	}
	unlink(f->path);
	return g;
}

static void classic_files_of_all_four_kinds_are_read(void **state)
{
	static const struct {
		bool big;
		uint32_t magic;
		bh_ns at;
	} t[] = {{false, 0xa1b2c3d4, BH_SEC(7) + 5000}, {true, 0xa1b2c3d4, BH_SEC(7) + 5000},
		{false, 0xa1b23c4d, BH_SEC(7) + 5}, {true, 0xa1b23c4d, BH_SEC(7) + 5}};

	for (size_t i = 0; i < BH_COUNT(t); i++) {
		struct file f = {.big = t[i].big};
		struct got *g;

		classic_head(&f, t[i].magic, 1);
		classic_packet(&f, 7, 5, "abcdefg", 7, 90);
		classic_packet(&f, 8, 0, "xy", 2, 2);
		g = read_file(&f, f.n);
		assert_int_equal(g->end, BH_SRC_END);
		assert_int_equal(g->n, 2);
		assert_true(g->f[0].at == t[i].at);
		assert_int_equal(g->f[0].caplen, 7);
		assert_int_equal(g->f[0].wirelen, 90);
		assert_int_equal(g->f[0].link, 1);
		assert_memory_equal(g->data[0], "abcdefg", 7);
		assert_memory_equal(g->data[1], "xy", 2);
		free(g);
	}
}

static void a_file_cut_anywhere_yields_its_whole_packets_and_says_so(void **state)
{
	for (int ng = 0; ng < 2; ng++) {
		struct file f = {0};
		size_t ends[16], n_ends = 0, head;

		if (ng)
			ng_section(&f), ng_if(&f, 1, -1);
		else
			classic_head(&f, 0xa1b2c3d4, 1);
		head = f.n;
		for (unsigned i = 0; i < 5; i++) {
			if (ng)
				ng_packet(&f, 0, i, "0123456789", 10, 10);
			else
				classic_packet(&f, i, 0, "0123456789", 10, 10);
			ends[n_ends++] = f.n;
		}
		for (size_t cut = head; cut <= f.n; cut++) {
			struct file c = f;
			struct got *g = read_file(&c, cut);
			size_t want = 0;
			bool whole = cut == head;

			for (size_t i = 0; i < n_ends; i++) {
				want += ends[i] <= cut;
				whole |= ends[i] == cut;
			}
			assert_int_equal(g->n, want);
			assert_int_equal(g->end, whole ? BH_SRC_END : BH_SRC_TRUNCATED);
			if (!whole)
				assert_non_null(strstr(g->text, "ends inside a record"));
			free(g);
		}
	}
}

static void pcapng_interfaces_have_their_own_clock_and_link_type(void **state)
{
	struct file f = {0};
	struct got *g;
	size_t at;

	ng_section(&f);
	ng_if(&f, 1, -1);
	ng_if(&f, 101, 9);
	ng_if(&f, 113, 0x80 | 10);
	ng_if(&f, 147, 6);    /* nothing here reads that */
	at = ng_begin(&f, 5); /* statistics: passed over */
	u32(&f, 0), u32(&f, 0), u32(&f, 0);
	ng_end(&f, at);
	ng_packet(&f, 0, 3000001, "a", 1, 1);
	ng_packet(&f, 1, 3000000001ull, "b", 1, 1);
	ng_packet(&f, 2, 3 << 10, "c", 1, 1);
	ng_packet(&f, 3, 1, "d", 1, 1);
	at = ng_begin(&f, 3); /* simple packet */
	u32(&f, 60);
	bytes(&f, "efgh", 4);
	ng_end(&f, at);
	at = ng_begin(&f, 2); /* the obsolete form */
	u16(&f, 1), u16(&f, 0), u32(&f, 0), u32(&f, 9), u32(&f, 2), u32(&f, 2);
	bytes(&f, "ij", 2);
	ng_end(&f, at);
	f.big = true; /* a second section in the other byte order starts its interfaces again */
	ng_section(&f);
	ng_if(&f, 276, 3);
	ng_packet(&f, 0, 4000, "k", 1, 77);
	g = read_file(&f, f.n);
	assert_int_equal(g->end, BH_SRC_END);
	assert_non_null(strstr(g->text, "1 packets of link type 147 left out"));
	assert_int_equal(g->n, 6);
	assert_true(g->f[0].at == 3000001000ull && g->f[0].link == 1);
	assert_true(g->f[1].at == 3000000001ull && g->f[1].link == 101 && g->f[1].ifindex == 1);
	assert_true(g->f[2].at == BH_SEC(3) && g->f[2].link == 113);
	assert_int_equal(g->f[3].caplen, 4);
	assert_int_equal(g->f[3].wirelen, 60);
	assert_true(g->f[4].at == 9 && g->f[4].link == 101 && g->f[4].caplen == 2);
	assert_true(g->f[5].at == BH_SEC(4) && g->f[5].link == 276 && g->f[5].wirelen == 77);
	free(g);
}

static void files_that_make_no_sense_say_what_to_do(void **state)
{
	static const char text[] = "From: a\nTo: b\n\nhello";
	struct file f = {0};
	struct got *g = read_file(&f, 0);
	struct bh_source *s;
	char why[256];

	assert_int_equal(g->end, BH_SRC_FOREIGN);
	assert_non_null(strstr(g->text, "is empty"));
	free(g);
	bytes(&f, text, sizeof text);
	g = read_file(&f, f.n);
	assert_int_equal(g->end, BH_SRC_FOREIGN);
	assert_non_null(strstr(g->text, "editcap"));
	free(g);
	f = (struct file){0};
	classic_head(&f, 0xa1b2c3d4, 147);
	g = read_file(&f, f.n);
	assert_int_equal(g->end, BH_SRC_LINKTYPE);
	assert_non_null(strstr(g->text, "147"));
	free(g);
	/* damage after a good packet: the packet first, then the news */
	f = (struct file){0};
	classic_head(&f, 0xa1b2c3d4, 1);
	classic_packet(&f, 7, 5, "abcdefg", 7, 90);
	u32(&f, 0), u32(&f, 0), u32(&f, 0x7fffffff), u32(&f, 0);
	g = read_file(&f, f.n);
	assert_int_equal(g->n, 1);
	assert_int_equal(g->end, BH_SRC_DAMAGED);
	free(g);
	/* a packet block that names no interface, a block of length 8 */
	f = (struct file){0};
	ng_section(&f);
	ng_packet(&f, 0, 1, "a", 1, 1);
	g = read_file(&f, f.n);
	assert_int_equal(g->end, BH_SRC_DAMAGED);
	free(g);
	f = (struct file){0};
	ng_section(&f);
	u32(&f, 6), u32(&f, 8), u32(&f, 8);
	g = read_file(&f, f.n);
	assert_int_equal(g->end, BH_SRC_DAMAGED);
	free(g);
	assert_int_equal(bh_source_file("/nonexistent/x.pcap", &s, why), -ENOENT);
	assert_non_null(strstr(why, "/nonexistent/x.pcap"));
}

static void an_old_raw_link_type_is_read_as_raw(void **state)
{
	struct file f = {0};
	struct got *g;

	classic_head(&f, 0xa1b2c3d4, 12);
	classic_packet(&f, 1, 0, "E", 1, 1);
	g = read_file(&f, f.n);
	assert_int_equal(g->f[0].link, 101);
	free(g);
}

static bool run(const char *const argv[])
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, 2);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

static void compressed_files_are_read_through_their_tool(void **state)
{
	static const char *const tools[][2] = {{"gzip", ".gz"}, {"zstd", ".zst"}, {"xz", ".xz"}};
	unsigned tried = 0;

	for (size_t i = 0; i < BH_COUNT(tools); i++) {
		struct file f = {0};
		struct bh_source *s;
		struct got *g;
		char packed[80], text[256];

		classic_head(&f, 0xa1b2c3d4, 1);
		for (unsigned k = 0; k < 40; k++)
			classic_packet(&f, k, 0, "0123456789", 10, 10);
		save(&f, f.n);
		snprintf(packed, sizeof packed, "%s%s", f.path, tools[i][1]);
		if (!run((const char *const[]){tools[i][0], "-qkf", f.path, NULL})) {
			unlink(f.path);
			continue;
		}
		tried++;
		assert_int_equal(bh_source_file(packed, &s, text), 0);
		g = drain(s);
		assert_int_equal(g->end, BH_SRC_END);
		assert_int_equal(g->n, 40);
		free(g);
		bh_source_close(s);
		/* cut: what came out is read, and the reason is told */
		assert_int_equal(truncate(packed, 40), 0);
		if (bh_source_file(packed, &s, text) == 0) {
			g = drain(s);
			assert_int_equal(g->end, BH_SRC_TRUNCATED);
			free(g);
			bh_source_close(s);
		} else {
			assert_non_null(strstr(text, "ends inside"));
		}
		unlink(packed);
		unlink(f.path);
	}
	if (!tried)
		skip(); /* none of gzip, zstd and xz is installed */
}

static void closing_early_leaves_no_child_behind(void **state)
{
	struct file f = {0};
	struct bh_source *s;
	char packed[80], text[256];

	classic_head(&f, 0xa1b2c3d4, 1);
	classic_packet(&f, 1, 0, "0123456789", 10, 10);
	save(&f, f.n);
	snprintf(packed, sizeof packed, "%s.gz", f.path);
	if (!run((const char *const[]){"gzip", "-qkf", f.path, NULL}))
		skip();
	assert_int_equal(bh_source_file(packed, &s, text), 0);
	bh_source_close(s);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	unlink(packed);
	unlink(f.path);
}

static void a_pipe_is_read_like_a_file(void **state)
{
	struct file f = {0};
	struct bh_source *s;
	struct got *g;
	char text[256];
	int p[2];

	classic_head(&f, 0xa1b2c3d4, 1);
	for (unsigned k = 0; k < 100; k++)
		classic_packet(&f, k, 0, "0123456789", 10, 10);
	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], f.b, f.n), (ssize_t)f.n);
	close(p[1]);
	assert_int_equal(bh_source_fd_take(p[0], "a pipe", &s, text), 0);
	assert_int_equal(bh_source_progress_ppm(s), 0);
	g = drain(s);
	assert_int_equal(g->n, 100);
	assert_int_equal(g->end, BH_SRC_END);
	free(g);
	bh_source_close(s);
}

/* BH_CAPTURE_LIST names a file listing captures: each is read frame by frame beside libpcap. */
static void agree_on(const char *path)
{
	char err[PCAP_ERRBUF_SIZE], text[256];
	pcap_t *pc = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, err);
	struct bh_source *s;
	struct bh_frame fr[BH_BATCH];
	size_t n, frames = 0;
	bool refused = false;

	if (!pc)
		return;
	if (bh_source_file(path, &s, text)) {
		pcap_close(pc);
		return;
	}
	while (!refused && !bh_source_next(s, fr, BH_BATCH, 0, &n))
		for (size_t i = 0; i < n; i++, frames++) {
			struct pcap_pkthdr *h;
			const u_char *data;
			int r = pcap_next_ex(pc, &h, &data);

			/* it takes no pcapng file whose interfaces differ; here they may */
			refused = r == PCAP_ERROR && strstr(pcap_geterr(pc), "different from");
			if (refused)
				break;
			if (r != 1)
				fail_msg("%s: libpcap ended at %zu: %s", path, frames,
					pcap_geterr(pc));
			assert_int_equal(h->caplen, fr[i].caplen);
			if (h->len >= h->caplen)
				assert_int_equal(h->len, fr[i].wirelen);
			assert_true(BH_SEC(h->ts.tv_sec) + (bh_ns)h->ts.tv_usec == fr[i].at);
			assert_memory_equal(data, fr[i].data, fr[i].caplen);
		}
	bh_source_close(s);
	pcap_close(pc);
}

static void our_reader_and_libpcap_agree(void **state)
{
	char path[] = "/tmp/bh-libpcap-XXXXXX", line[4096];
	const char *list = getenv("BH_CAPTURE_LIST");
	int fd = mkstemp(path);
	pcap_t *dead =
		pcap_open_dead_with_tstamp_precision(DLT_EN10MB, 65535, PCAP_TSTAMP_PRECISION_NANO);
	pcap_dumper_t *d = pcap_dump_open(dead, path);
	FILE *find;

	assert_non_null(d);
	close(fd);
	for (unsigned i = 0; i < 5000; i++) { /* longer than one window */
		u_char data[1500];
		struct pcap_pkthdr h = {
			.ts = {1700000000 + i, i}, .caplen = 1 + i % 1500, .len = 1500};

		memset(data, (int)i, sizeof data);
		pcap_dump((u_char *)d, &h, data);
	}
	pcap_dump_close(d);
	pcap_close(dead);
	agree_on(path);
	unlink(path);
	if (!list)
		return;
	find = fopen(list, "r");
	while (find && fgets(line, sizeof line, find)) {
		line[strcspn(line, "\n")] = '\0';
		agree_on(line);
	}
	if (find)
		fclose(find);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classic_files_of_all_four_kinds_are_read),
		cmocka_unit_test(a_file_cut_anywhere_yields_its_whole_packets_and_says_so),
		cmocka_unit_test(pcapng_interfaces_have_their_own_clock_and_link_type),
		cmocka_unit_test(files_that_make_no_sense_say_what_to_do),
		cmocka_unit_test(an_old_raw_link_type_is_read_as_raw),
		cmocka_unit_test(compressed_files_are_read_through_their_tool),
		cmocka_unit_test(closing_early_leaves_no_child_behind),
		cmocka_unit_test(a_pipe_is_read_like_a_file),
		cmocka_unit_test(our_reader_and_libpcap_agree),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
