/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <netinet/tcp.h>
#include <time.h>
#include <unistd.h>
#include "enforce_lab.h"

uint64_t lab_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void lab_sleep_ms(unsigned ms)
{
	struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

	nanosleep(&t, NULL);
}

int lab_enter(const struct lab *l, enum lab_host h)
{
	return setns(l->ns[h], CLONE_NEWNET);
}

int lab_run(const struct lab *l, enum lab_host h, char **output, const char *const argv[])
{
	int pipefd[2], status;
	size_t len = 0, cap = 1 << 16;
	char *buf = malloc(cap);
	pid_t pid;

	if (!buf || pipe2(pipefd, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		if (lab_enter(l, h) < 0)
			_exit(126);
		dup2(null, 0);
		dup2(output ? pipefd[1] : null, 1);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	close(pipefd[1]);
	for (;;) {
		ssize_t n = read(pipefd[0], buf + len, cap - len - 1);

		if (n <= 0)
			break;
		len += (size_t)n;
		if (cap - len < 4096) {
			char *v = realloc(buf, cap *= 2);

			if (!v)
				abort();
			buf = v;
		}
	}
	buf[len] = '\0';
	close(pipefd[0]);
	if (output)
		*output = buf;
	else
		free(buf);
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int lab_nft(const struct lab *l, const char *command, char **output)
{
	return lab_run(l, LAB_ROUTER, output, (const char *const[]){"nft", command, NULL});
}

int lab_nft_file(const struct lab *l, const char *text)
{
	char path[] = "/tmp/bh-enforce-XXXXXX";
	int fd = mkstemp(path), r;
	size_t n = strlen(text);

	if (fd < 0)
		return -1;
	while (n) {
		ssize_t w = write(fd, text, n);

		if (w <= 0)
			break;
		text += w;
		n -= (size_t)w;
	}
	close(fd);
	r = n ? -1 : lab_run(l, LAB_ROUTER, NULL, (const char *const[]){"nft", "-f", path, NULL});
	unlink(path);
	return r;
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = write(fd, text, strlen(text));
	close(fd);
	return n == (ssize_t)strlen(text) ? 0 : -1;
}

static int private_user(void)
{
	char map[64];
	unsigned uid = (unsigned)geteuid(), gid = (unsigned)getegid();

	if (uid == 0)
		return 0;
	if (unshare(CLONE_NEWUSER) < 0)
		return -1;
	snprintf(map, sizeof map, "0 %u 1", uid);
	if (write_file("/proc/self/setgroups", "deny") < 0 ||
		write_file("/proc/self/uid_map", map) < 0)
		return -1;
	snprintf(map, sizeof map, "0 %u 1", gid);
	return write_file("/proc/self/gid_map", map);
}

static int ip(const struct lab *l, enum lab_host h, const char *line)
{
	const char *argv[24] = {"ip"};
	char copy[256];
	char *save = NULL;
	int n = 1;

	snprintf(copy, sizeof copy, "%s", line);
	for (char *w = strtok_r(copy, " ", &save); w && n < 23; w = strtok_r(NULL, " ", &save))
		argv[n++] = w;
	return lab_run(l, h, NULL, argv);
}

static const struct {
	enum lab_host host;
	const char *line;
} wiring[] = {
	{LAB_ROUTER, "link set lo up"},
	{LAB_ROUTER, "addr add 10.1.0.1/24 dev c1"},
	{LAB_ROUTER, "addr add fd00:1::1/64 dev c1 nodad"},
	{LAB_ROUTER, "link set c1 up"},
	{LAB_ROUTER, "addr add 10.2.0.1/24 dev s1"},
	{LAB_ROUTER, "addr add fd00:2::1/64 dev s1 nodad"},
	{LAB_ROUTER, "link set s1 up"},
	{LAB_CLIENT, "link set lo up"},
	{LAB_CLIENT, "link set c0 address 52:54:00:00:01:02"},
	{LAB_CLIENT, "addr add 10.1.0.2/24 dev c0"},
	{LAB_CLIENT, "addr add 10.1.0.3/24 dev c0"},
	{LAB_CLIENT, "addr add fd00:1::2/64 dev c0 nodad"},
	{LAB_CLIENT, "addr add fd00:1::3/64 dev c0 nodad"},
	{LAB_CLIENT, "link set c0 up"},
	{LAB_CLIENT, "route add default via 10.1.0.1"},
	{LAB_CLIENT, "-6 route add default via fd00:1::1"},
	{LAB_SERVER, "link set lo up"},
	{LAB_SERVER, "addr add 10.2.0.2/24 dev s0"},
	{LAB_SERVER, "addr add fd00:2::2/64 dev s0 nodad"},
	{LAB_SERVER, "addr add 10.3.0.2/32 dev s0"},
	{LAB_SERVER, "addr add fd00:3::2/128 dev s0 nodad"},
	{LAB_SERVER, "link set s0 up"},
	{LAB_ROUTER, "route add 10.3.0.0/24 via 10.2.0.2"},
	{LAB_ROUTER, "-6 route add fd00:3::/64 via fd00:2::2"},
	{LAB_SERVER, "route add default via 10.2.0.1"},
	{LAB_SERVER, "-6 route add default via fd00:2::1"},
};

static int skip(const char *why)
{
	printf("# skipped: %s (%s)\n", why, strerror(errno));
	return 1;
}

/* ---- flows ---- */

struct endpoint {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} u;
	socklen_t len;
	int family;
};

static struct endpoint endpoint(const char *addr, uint16_t port)
{
	struct endpoint e;

	memset(&e, 0, sizeof e);
	if (inet_pton(AF_INET, addr, &e.u.in.sin_addr) == 1) {
		e.family = AF_INET;
		e.u.in.sin_family = AF_INET;
		e.u.in.sin_port = htons(port);
		e.len = sizeof e.u.in;
	} else {
		inet_pton(AF_INET6, addr, &e.u.in6.sin6_addr);
		e.family = AF_INET6;
		e.u.in6.sin6_family = AF_INET6;
		e.u.in6.sin6_port = htons(port);
		e.len = sizeof e.u.in6;
	}
	return e;
}

static int socket_in(const struct lab *l, enum lab_host h, const struct endpoint *local, bool tcp)
{
	int fd, one = 1;

	if (lab_enter(l, h) < 0)
		return -1;
	fd = socket(
		local->family, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (lab_enter(l, LAB_ROUTER) < 0)
		abort();
	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (tcp)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (bind(fd, &local->u.sa, local->len) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool wait_for(int fd, short events, int timeout_ms)
{
	struct pollfd p = {fd, events, 0};

	return poll(&p, 1, timeout_ms) == 1 && (p.revents & events);
}

static int open_udp(
	const struct lab *l, struct flow *f, const struct endpoint *c, const struct endpoint *s)
{
	struct endpoint name = *c;

	f->client = socket_in(l, LAB_CLIENT, c, false);
	f->server = socket_in(l, LAB_SERVER, s, false);
	if (f->client < 0 || f->server < 0 || connect(f->client, &s->u.sa, s->len) < 0 ||
		getsockname(f->client, &name.u.sa, &name.len) < 0 ||
		connect(f->server, &name.u.sa, name.len) < 0)
		return 1;
	return 0;
}

static int open_tcp(const struct lab *l, struct flow *f, const struct endpoint *c,
	const struct endpoint *s, int timeout_ms)
{
	int ls = socket_in(l, LAB_SERVER, s, true), error = 0, r = 1;
	socklen_t len = sizeof error;
	struct linger hard = {1, 0};

	f->client = socket_in(l, LAB_CLIENT, c, true);
	if (ls < 0 || f->client < 0 || listen(ls, 8) < 0)
		goto out;
	(void)setsockopt(f->client, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
	if (connect(f->client, &s->u.sa, s->len) < 0 && errno != EINPROGRESS)
		goto out;
	if (!wait_for(f->client, POLLOUT, timeout_ms) ||
		getsockopt(f->client, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error ||
		!wait_for(ls, POLLIN, timeout_ms))
		goto out;
	f->server = accept4(ls, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (f->server >= 0) {
		int one = 1;

		(void)setsockopt(f->server, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
		(void)setsockopt(f->server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		r = 0;
	}
out:
	if (ls >= 0)
		close(ls);
	return r;
}

int flow_open(const struct lab *l, struct flow *f, const char *from, const char *to, uint16_t port,
	bool tcp, int timeout_ms)
{
	const char *server = to ? to : strchr(from, ':') ? "fd00:2::2" : "10.2.0.2";
	struct endpoint c = endpoint(from, 0), s = endpoint(server, port);
	int r;

	*f = (struct flow){-1, -1, tcp};
	r = tcp ? open_tcp(l, f, &c, &s, timeout_ms) : open_udp(l, f, &c, &s);
	if (r == 0 && !flow_ping(f, timeout_ms))
		r = 1;
	if (r)
		flow_close(f);
	return r;
}

static bool pass(int from, int to, int timeout_ms)
{
	char buf[64] = "ping";
	int error;
	socklen_t len = sizeof error;

	/* a reject met earlier waits on the socket: it is not about this message */
	(void)getsockopt(from, SOL_SOCKET, SO_ERROR, &error, &len);
	(void)getsockopt(to, SOL_SOCKET, SO_ERROR, &error, &len);
	if (send(from, buf, 4, MSG_NOSIGNAL) != 4)
		return false;
	return wait_for(to, POLLIN, timeout_ms) && recv(to, buf, sizeof buf, 0) > 0;
}

bool flow_ping(struct flow *f, int timeout_ms)
{
	return pass(f->client, f->server, timeout_ms) && pass(f->server, f->client, timeout_ms);
}

bool flow_push(struct flow *f, int timeout_ms)
{
	return pass(f->server, f->client, timeout_ms);
}

void flow_close(struct flow *f)
{
	if (f->client >= 0)
		close(f->client);
	if (f->server >= 0)
		close(f->server);
	f->client = f->server = -1;
}

/* link-local addresses are tentative for a second or two: until then IPv6 neighbours do not find
 * each other */
static int settle(const struct lab *l)
{
	static const char *const from[] = {"10.1.0.2", "10.1.0.3", "fd00:1::2", "fd00:1::3"};

	for (size_t i = 0; i < sizeof from / sizeof from[0]; i++) {
		struct flow f;
		int tries = 0;

		while (flow_open(l, &f, from[i], NULL, 5000, false, 200)) {
			errno = 0;
			if (++tries == 40)
				return skip("the namespaces do not reach each other");
			lab_sleep_ms(50);
		}
		flow_close(&f);
	}
	return 0;
}

int lab_make(struct lab *l)
{
	char line[256];

	if (private_user() < 0)
		return skip("no user namespace");
	for (int h = LAB_HOSTS - 1; h >= 0; h--) { /* the router last: it stays the current one */
		if (unshare(CLONE_NEWNET) < 0)
			return skip("no network namespace");
		l->ns[h] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
		if (l->ns[h] < 0)
			return skip("no /proc/self/ns/net");
	}
	for (int h = LAB_CLIENT; h < LAB_HOSTS; h++) {
		char c = h == LAB_CLIENT ? 'c' : 's';

		snprintf(line, sizeof line,
			"link add %c1 type veth peer name %c0 netns /proc/%d/fd/%d", c, c,
			(int)getpid(), l->ns[h]);
		if (ip(l, LAB_ROUTER, line) != 0)
			return skip("no veth pair, or no ip program");
	}
	if (write_file("/proc/sys/net/ipv4/ip_forward", "1") < 0 ||
		write_file("/proc/sys/net/ipv6/conf/all/forwarding", "1") < 0)
		return skip("forwarding cannot be switched on");
	for (size_t i = 0; i < sizeof wiring / sizeof wiring[0]; i++)
		if (ip(l, wiring[i].host, wiring[i].line) != 0) {
			errno = 0;
			return skip(wiring[i].line);
		}
	return settle(l);
}
