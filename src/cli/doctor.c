/* SPDX-License-Identifier: GPL-3.0-or-later */
/* doctor and disarm: the two commands that touch the kernel themselves, with the caller's own privileges. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#include <bulkhead/classify.h>
#include <bulkhead/enforce.h>
#include <bulkhead/report.h>
#include "cli/cli.h"

struct check {
	const char *name;
	int ok; /* 1 yes, 0 no, -1 unknown */
	const char *yes, *no;
};

static bool user_namespaces(void)
{
	int status = 1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(unshare(CLONE_NEWUSER | CLONE_NEWNET) ? 1 : 0);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static bool packet_socket(void)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool sysctl_is(const char *path, char value)
{
	char c = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && read(fd, &c, 1) != 1)
		c = 0;
	if (fd >= 0)
		close(fd);
	return c == value;
}

static size_t collect(struct check *c, char why[200])
{
	struct bh_kernel_features f = {0};
	struct bh_enforcer *e = NULL;
	int r = bh_enforcer_open(&e), have = 0;
	enum bh_segment segment;
	size_t n = 0;

	if (r == 0 && bh_enforcer_features(e, &f) == 0)
		have = 1;
	else
		snprintf(why, 200, "%.190s", e && bh_enforcer_why(e)[0] ? bh_enforcer_why(e) : strerror(r < 0 ? -r : EPERM));
	segment = bh_segment_of(&f);
#define F(field) (have ? f.field : -1)
	c[n++] = (struct check){"packet sockets", packet_socket(), "live capture works", "live capture needs CAP_NET_RAW: run as root, or use bulkhead replay"};
	c[n++] = (struct check){"user namespaces", user_namespaces(), "the drill runs without root", "the drill needs root: sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces"};
	c[n++] = (struct check){"nftables inet", F(inet), "enforcement works", "no enforcement: CONFIG_NF_TABLES_INET"};
	c[n++] = (struct check){"interval sets", F(concat_interval), "conduits and pins as one lookup", "policies cannot be loaded: kernel 5.6 or newer"};
	c[n++] = (struct check){"set timeouts", F(timeout), "isolations end in the kernel", "no isolation: it could not end by itself"};
	c[n++] = (struct check){"element counters", F(counter_elem), "drops are proved per host", "drops are only counted in sum: kernel 5.7 or newer"};
	c[n++] = (struct check){"conntrack", F(conntrack), "conduits by who opened the connection", "no conduits: CONFIG_NF_CONNTRACK"};
	c[n++] = (struct check){"ct mark", F(ct_mark), "judged once per connection and policy", "CONFIG_NF_CONNTRACK_MARK is missing"};
	c[n++] = (struct check){"reject inet", F(reject_inet), "healthy peers get a fast answer", "peers of an isolated host wait for time-outs: CONFIG_NFT_REJECT_INET"};
	c[n++] = (struct check){"rate meters", F(dynset_limit), "logs cannot be flooded", "no drop log"};
	c[n++] = (struct check){"nflog", F(nflog), "drops can be logged", "no drop log: CONFIG_NFT_LOG"};
	c[n++] = (struct check){"owner and persist", F(owner_persist), "while the daemon runs only it may change the table", "any root may change the table; changes are noticed and undone"};
	c[n++] = (struct check){"real-time", F(real_time), "isolations do not wait for busy programs", "the enforcer waits its turn on a busy machine: RLIMIT_RTPRIO=1 or CAP_SYS_NICE"};
	c[n++] = (struct check){"same segment", have ? segment != BH_SEGMENT_STATELESS : -1,
		segment == BH_SEGMENT_STATEFUL ? "--bridge: the whole law holds between two ports of a bridge, by its own conntrack"
					       : "--bridge: the whole law holds between two ports of a bridge, by br_netfilter (tagged frames: isolation alone)",
		"--bridge: between two ports of a bridge isolations alone hold, without state: no bridge conntrack, br_netfilter off"};
	c[n++] = (struct check){"no flowtables", have ? !f.offload[0] : -1, "no connection passes beside our rules", "a flowtable moves connections past our rules; they cannot be cut until they leave it (nft list flowtables)"};
	c[n++] = (struct check){"IPv4 forwarding", sysctl_is("/proc/sys/net/ipv4/ip_forward", '1'), "this box routes: it can cut between zones", "this box does not route IPv4: it sees, but cuts nothing between other hosts"};
	bh_enforcer_close(e);
	return n;
#undef F
}

int bh_cli_doctor(int argc, char **argv)
{
	struct bh_classify_conf cc = {0};
	struct bh_classify *cl = NULL;
	char why[200] = "", about[160] = "nDPI did not start", buf[8192];
	struct check c[32];
	struct utsname u;
	size_t n;
	bool json = argc > 1 && !strcmp(argv[1], "--json");

	if (argc > 1 && !strcmp(argv[1], "--help"))
		return bh_cli_usage("doctor", NULL, 0);
	if (argc > 2 || (argc == 2 && !json))
		return bh_cli_usage("doctor", NULL, BH_EXIT_USAGE);
	uname(&u);
	cc.pool = 64;
	if (bh_classify_new(&cc, &cl) == 0)
		bh_classify_about(cl, about, sizeof about);
	bh_classify_free(cl);
	n = collect(c, why);
	if (json) {
		struct bh_json j = bh_json(buf, sizeof buf);

		bh_json_open(&j, NULL, '{');
		bh_json_u64(&j, "v", 1);
		bh_json_str(&j, "kernel", u.release);
		bh_json_str(&j, "ndpi", about);
		bh_json_open(&j, "checks", '{');
		for (size_t i = 0; i < n; i++)
			bh_json_str(&j, c[i].name, c[i].ok > 0 ? "yes" : c[i].ok < 0 ? "unknown" : "no");
		bh_json_close(&j, '}');
		if (why[0])
			bh_json_str(&j, "why", why);
		bh_json_close(&j, '}');
		printf("%.*s\n", (int)j.len, buf);
		return 0;
	}
	printf("kernel %s · %s\n", u.release, about);
	for (size_t i = 0; i < n; i++)
		printf("  %-8s %-18s %s\n", c[i].ok > 0 ? "yes" : c[i].ok < 0 ? "unknown" : "NO", c[i].name, c[i].ok > 0 ? c[i].yes : c[i].ok < 0 ? "needs CAP_NET_ADMIN to find out: run as root" : c[i].no);
	if (why[0])
		printf("  netlink: %s\n", why);
	return 0;
}

int bh_cli_disarm(int argc, char **argv)
{
	struct bh_enforcer *e = NULL;
	int r;

	if (argc == 2 && !strcmp(argv[1], "--help"))
		return bh_cli_usage("disarm", NULL, 0);
	if (argc != 2 || strcmp(argv[1], "--yes"))
		return bh_cli_usage("disarm", "       Every isolation and every zone border ends at once; a running daemon owns the table: stop it first.\n", BH_EXIT_USAGE);
	r = bh_enforcer_open(&e);
	if (r == 0)
		r = bh_enforcer_disarm(e);
	if (r == -EPERM && e)
		fprintf(stderr, "bulkhead: cannot remove table inet bulkhead: a running daemon owns it (stop it first), or CAP_NET_ADMIN is missing\n");
	else if (r < 0)
		fprintf(stderr, "bulkhead: cannot remove table inet bulkhead: %s\n", e && bh_enforcer_why(e)[0] ? bh_enforcer_why(e) : strerror(-r));
	bh_enforcer_close(e);
	return r == -EPERM || r == -EACCES ? BH_EXIT_DENIED : r < 0 ? BH_EXIT_FAILED : 0;
}
