/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The supervisor. It opens what needs privilege - packet sockets, the API socket, the shared rings - hands each role only
 * its own descriptors, and starts again what dies. It parses nothing from outside after the policy is loaded. It never
 * removes the ruleset: stopped, killed or crashed, the kernel keeps what it holds until the TTLs end.
 *
 *   sensor   dies: its sockets are opened anew, the core is told of the gap
 *   core     dies: its end of the enforcer's socket closes, so the enforcer ends too; both come back, the core adopts the cuts
 *   prober   dies: its sockets are opened anew; so they are when an address or an interface is another
 *   store    dies: what it had not read waits in its socket; the core says once more what it said last
 *   enforcer dies: a new socket pair; the core gets its end over the supervisor's socket and reconciles
 */
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <bulkhead/enforce.h>
#include "daemon/prober.h"
#include "daemon/roles.h"
#include "daemon/store.h"

static const char *const role_names[BH_PROCS] = {"sensor", "core", "enforcer", "reporter", "store", "intake", "prober"};

struct run {
	const struct bh_run_opts *o;
	struct bh_shm *shm;
	struct bh_keep *keep;
	int state; /* the state directory, or -1 */
	int bell, api, sigs;
	int lines[2];	   /* EVE lines: core writes [1], reporter reads [0] */
	int store[2];	   /* whole messages: the core has [1], the store [0]; -1 = nothing is kept */
	int ask[2];	   /* whole messages: the core has [1], the prober [0]; -1 = nothing is asked */
	struct bh_prober_iface asked[BH_LIVE_IFS];
	size_t n_asked;
	bh_ns look; /* when its addresses are looked at again */
	int super[2];	   /* supervisor writes [0], core reads [1] */
	int enf_core;	   /* the core's end while no core has it; -1 = with the core */
	int enf_enforcer;  /* the enforcer's end while no enforcer has it */
	struct bh_intake_in intake;
	bool hears; /* there is an intake */
	struct bh_live_set set;
	int live[BH_SHM_WORKERS]; /* packet sockets, one a worker */
	struct bh_addr self[64];
	size_t n_self;
	uint64_t seed;
	pid_t pid[BH_PROCS];
	bh_ns started[BH_PROCS], again[BH_PROCS]; /* again: when to start it, 0 = running */
	unsigned quick[BH_PROCS];	       /* deaths soon after the start, for the backoff */
	bool first;
};

static bh_ns mono(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return BH_SEC(t.tv_sec) + (bh_ns)t.tv_nsec;
}

static bh_ns wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return BH_SEC(t.tv_sec) + (bh_ns)t.tv_nsec;
}

/* ---- opening ---- */
/* A card that has no address yet goes by the one its MAC makes. */
static void self_mac(struct run *r, const struct ifaddrs *i)
{
	const struct sockaddr_ll *ll = (const void *)i->ifa_addr;
	struct bh_mac m;

	if (ll->sll_hatype != ARPHRD_ETHER || ll->sll_halen != sizeof m.b)
		return;
	memcpy(m.b, ll->sll_addr, sizeof m.b);
	for (size_t k = 0; k < r->o->n_ifaces; k++)
		if (!strcmp(r->o->ifaces[k], i->ifa_name) && r->n_self < BH_COUNT(r->self))
			r->self[r->n_self++] = bh_addr_of_mac(&m);
}

static void read_self(struct run *r)
{
	struct ifaddrs *list, *i;

	r->n_self = 0;
	if (getifaddrs(&list))
		return;
	for (i = list; i && r->n_self < BH_COUNT(r->self); i = i->ifa_next) {
		if (!i->ifa_addr)
			continue;
		if (i->ifa_addr->sa_family == AF_INET)
			r->self[r->n_self++] = bh_addr_v4((const uint8_t *)&((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr);
		else if (i->ifa_addr->sa_family == AF_INET6)
			r->self[r->n_self++] = bh_addr_v6((const uint8_t *)&((struct sockaddr_in6 *)(void *)i->ifa_addr)->sin6_addr);
	}
	for (i = list; i && r->n_self < BH_COUNT(r->self); i = i->ifa_next)
		if (i->ifa_addr && i->ifa_addr->sa_family == AF_PACKET)
			self_mac(r, i);
	freeifaddrs(list);
}

/* what the sensor's own ports are told under */
static struct bh_addr own_address(const struct run *r)
{
	static const struct bh_addr loopback = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}};

	for (size_t i = 0; i < r->n_self; i++)
		if (bh_addr_is4(&r->self[i]) && r->self[i].b[12] != 127)
			return r->self[i];
	return r->n_self ? r->self[0] : loopback;
}

static int open_shm(struct run *r)
{
	void *p = mmap(NULL, bh_shm_bytes(r->o->workers + 1), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	r->shm = p;
	r->keep = bh_keep_open();
	if (!r->keep)
		return -ENOMEM;
	for (unsigned i = 0; i <= r->o->workers; i++) /* the last is the intake's */
		bh_ring_init(bh_shm_ring(r->shm, i), BH_SHM_SLOTS, sizeof(struct bh_event));
	return 0;
}

/* A socket file nobody listens on is a dead daemon's; one that answers means we are already running. */
static int open_api(struct run *r)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat st;

	if (fd < 0 || strlen(r->o->socket_path) >= sizeof a.sun_path)
		return fd < 0 ? -errno : -ENAMETOOLONG;
	bh_strcpy(a.sun_path, sizeof a.sun_path, r->o->socket_path);
	if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0) {
		fprintf(stderr, "bulkhead: another daemon answers at %s; stop it first\n", a.sun_path);
		close(fd);
		return -EADDRINUSE;
	}
	close(fd);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (lstat(a.sun_path, &st) == 0 && S_ISSOCK(st.st_mode)) /* nothing else is ours to remove */
		(void)!unlink(a.sun_path);
	if (bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 16)) {
		int e = errno;

		if (e == ENOENT) { /* /run/bulkhead is made by the unit; by hand, make it here */
			char dir[sizeof a.sun_path];

			bh_strcpy(dir, sizeof dir, a.sun_path);
			if (strrchr(dir, '/'))
				*strrchr(dir, '/') = '\0';
			if (mkdir(dir, 0755) == 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 16) == 0)
				return r->api = fd, chmod(a.sun_path, 0666), 0;
		}
		fprintf(stderr, "bulkhead: cannot listen on %s: %s; name another with --socket\n", a.sun_path, strerror(e));
		close(fd);
		return -e;
	}
	/* anybody may read the status; only root may order, by SO_PEERCRED */
	(void)!chmod(a.sun_path, 0666);
	r->api = fd;
	return 0;
}

static int open_live(struct run *r)
{
	struct bh_live_conf conf = bh_live_defaults();
	char text[256];
	int e;

	for (unsigned i = 0; i < BH_SHM_WORKERS; i++)
		r->live[i] = -1;
	e = bh_live_open(r->o->ifaces, r->o->n_ifaces, &conf, r->o->workers, &r->set, r->live, text);
	if (e)
		fprintf(stderr, "bulkhead: %s\n", text);
	return e > 0 ? -EIO : e;
}

static void close_live(struct run *r)
{
	for (unsigned i = 0; i < BH_SHM_WORKERS; i++)
		if (r->live[i] >= 0) {
			close(r->live[i]);
			r->live[i] = -1;
		}
}

static int pair(int fd[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) ? -errno : 0;
}

/* The inventory's file is opened by its own process; here only what somebody asked for is moved out of its way. */
static int open_store(struct run *r)
{
	char name[64];
	int e;

	if (r->state < 0)
		return 0;
	e = r->o->new_inventory ? bh_store_aside(r->o->state_dir, wall(), name) : 1;
	if (e == 0)
		fprintf(stderr, "bulkhead: the inventory there was is now %s/%s\n", r->o->state_dir, name);
	if (e < 0) {
		fprintf(stderr, "bulkhead: cannot move the inventory in %s aside: %s\n", r->o->state_dir, strerror(-e));
		return e;
	}
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, r->store) ? -errno : 0;
}

static void reopen_prober(struct run *r)
{
	bh_prober_close(r->asked, r->n_asked);
	r->n_asked = bh_prober_open(r->o->policy, r->o->ifaces, r->o->n_ifaces, r->asked);
	r->look = mono() + BH_PROBER_LOOK;
}

/* No zone is asked: no socket, no process. */
static int open_prober(struct run *r)
{
	if (!bh_prober_wanted(r->o->policy))
		return 0;
	reopen_prober(r);
	if (!r->n_asked)
		fprintf(stderr, "bulkhead: zones have a probe, but none of their interfaces is listened on (--iface): nothing is asked\n");
	return r->n_asked && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, r->ask) ? -errno : 0;
}

static int open_all(struct run *r)
{
	sigset_t set;
	int e;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	r->sigs = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	r->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->sigs < 0 || r->bell < 0)
		return -ENOMEM;
	e = open_shm(r);
	e = e ? e : open_live(r);
	e = e ? e : pair(r->lines);
	e = e ? e : pair(r->super);
	e = e ? e : open_api(r);
	e = e ? e : open_prober(r);
	e = e ? e : open_store(r); /* after it: another daemon's inventory is not moved */
	r->hears = r->o->usb_listen.port || r->o->log_listen.port || r->o->usb_own;
	if (e == 0 && r->hears)
		e = bh_intake_open(r->o, &r->intake);
	if (e == 0)
		fcntl(r->lines[1], F_SETFL, O_NONBLOCK); /* a stuck disk must not stop the core */
	return e;
}

/* ---- starting ---- */
/* closes every descriptor but 0-2 and those kept (sorted by nobody, few) */
static void keep_only(const int *keep, size_t n)
{
	struct rlimit lim;
	int max = getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur < 65536 ? (int)lim.rlim_cur : 65536;

	for (int fd = 3; fd < max; fd++) {
		bool kept = false;

		for (size_t i = 0; i < n; i++)
			kept |= keep[i] == fd;
		if (!kept)
			close(fd);
	}
}

static int child(struct run *r, unsigned role)
{
	struct bh_core_in core = {.shm = r->shm, .bell = r->bell, .api = r->api, .enforcer = r->enf_core, .reporter = r->lines[1], .supervisor = r->super[1], .store = r->store[1], .prober = r->ask[1],
		.opts = r->o, .self = r->self, .n_self = r->n_self, .seed = r->seed, .keep = r->keep};
	struct bh_sensor_in sensor = {r->shm, r->bell, &r->set, r->live, r->o->workers, r->seed};
	struct bh_reporter_in rep = {r->shm, r->lines[0], r->o->eve_path};
	struct bh_store_in store = {r->shm, r->store[0], r->o->state_dir};
	struct bh_prober_in prober = {r->ask[0], r->asked, r->n_asked};
	int keep[BH_SHM_WORKERS + BH_LIVE_IFS], n = 0;
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGINT, SIG_IGN); /* Ctrl-C is the supervisor's to hear */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	switch (role) {
	case BH_PROC_SENSOR:
		for (unsigned i = 0; i < r->o->workers; i++)
			keep[n++] = r->live[i];
		keep[n++] = r->bell;
		keep_only(keep, (size_t)n);
		return bh_role_sensor(&sensor);
	case BH_PROC_CORE:
		keep_only((int[]){r->bell, r->api, r->enf_core, r->lines[1], r->super[1], r->store[1], r->ask[1]}, 7);
		return bh_role_core(&core);
	case BH_PROC_ENFORCER:
		keep_only((int[]){r->enf_enforcer}, 1);
		prctl(PR_SET_NAME, "bh-enforcer");
		return bh_enforcer_serve(r->enf_enforcer,
			(r->o->share_table ? 0 : BH_ENF_OWN) | (r->o->bridge ? BH_ENF_BRIDGE : 0)) < 0;
	case BH_PROC_PROBER:
		for (size_t i = 0; i < r->n_asked; i++)
			keep[n++] = r->asked[i].fd;
		keep[n++] = r->ask[0];
		keep_only(keep, (size_t)n);
		return bh_role_prober(&prober);
	case BH_PROC_STORE:
		keep_only((int[]){r->store[0]}, 1);
		return bh_role_store(&store);
	case BH_PROC_INTAKE:
		keep_only((int[]){r->bell, r->intake.usb, r->intake.log, r->intake.uevent}, 4);
		return bh_role_intake(&r->intake);
	default:
		keep_only((int[]){r->lines[0]}, 1);
		return bh_role_reporter(&rep);
	}
}

static void start(struct run *r, unsigned role)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(child(r, role));
	if (pid < 0) {
		r->again[role] = mono() + BH_SEC(1);
		return;
	}
	r->pid[role] = pid;
	r->started[role] = mono();
	r->again[role] = 0;
	atomic_store(&r->shm->pids[role], pid);
}

static void give_core(struct run *r, char what, int fd)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int))];
	} ctl = {0};
	struct iovec iov = {&what, 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		m.msg_control = &ctl;
		m.msg_controllen = sizeof ctl;
		ctl.h = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&ctl.h), &fd, sizeof fd);
	}
	(void)!sendmsg(r->super[0], &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void start_role(struct run *r, unsigned role)
{
	int fd[2];

	switch (role) {
	case BH_PROC_SENSOR:
		if (!r->first && (close_live(r), open_live(r) < 0)) {
			r->again[role] = mono() + BH_SEC(1);
			return;
		}
		start(r, role);
		if (!r->first)
			give_core(r, 's', -1);
		return;
	case BH_PROC_ENFORCER:
		if (r->o->no_enforcer)
			return;
		if (pair(fd)) {
			r->again[role] = mono() + BH_SEC(1);
			return;
		}
		r->enf_enforcer = fd[1];
		start(r, role);
		close(fd[1]);
		r->enf_enforcer = -1;
		if (r->pid[BH_PROC_CORE]) {
			give_core(r, 'e', fd[0]);
			close(fd[0]);
		} else {
			if (r->enf_core >= 0)
				close(r->enf_core);
			r->enf_core = fd[0];
		}
		return;
	case BH_PROC_CORE:
		start(r, role);
		if (r->enf_core >= 0)
			close(r->enf_core);
		r->enf_core = -1;
		return;
	case BH_PROC_PROBER:
		if (r->ask[0] < 0)
			return;
		if (!r->first)
			reopen_prober(r);
		start(r, role);
		return;
	case BH_PROC_STORE:
		if (r->store[0] < 0)
			return;
		start(r, role);
		if (!r->first)
			give_core(r, 't', -1);
		return;
	case BH_PROC_INTAKE:
		if (r->hears)
			start(r, role);
		return;
	default:
		start(r, role);
	}
}

/* ---- keeping ---- */
/* The core says what it wrote for the next one, and for the next boot. Only bytes are moved here, nothing is read. */
static void keep(struct run *r)
{
	char what, *text;
	size_t len;

	while (recv(r->super[0], &what, 1, MSG_DONTWAIT) == 1) {
		bool plan = what == 'b';
		int e;

		if (r->state < 0 || (what != 'p' && what != 'b') || bh_keep_read(r->keep, plan ? BH_KEEP_THE_PLAN : BH_KEEP_THE_POLICY, NULL, &text, &len))
			continue;
		e = bh_keep_save(r->state, plan ? "boot.plan" : "policy.yaml", text, len);
		if (e == 0 && !plan)
			e = bh_keep_save(r->state, "policy.base", r->o->base_sha256, strlen(r->o->base_sha256));
		if (e < 0)
			fprintf(stderr, "bulkhead: cannot keep the %s in %s: %s\n", plan ? "plan for the next boot" : "confirmed policy", r->o->state_dir, strerror(-e));
		free(text);
	}
}

/* ---- living ---- */
static void reap(struct run *r, bool stopping)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (unsigned i = 0; i < BH_PROCS; i++) {
			if (r->pid[i] != pid)
				continue;
			r->pid[i] = 0;
			atomic_store(&r->shm->pids[i], 0);
			if (stopping)
				continue;
			r->quick[i] = mono() - r->started[i] < BH_SEC(5) ? r->quick[i] + 1 : 0;
			r->again[i] = mono() + (r->quick[i] == 0 ? 0 : BH_MS(100) << (r->quick[i] < 6 ? r->quick[i] : 6));
			atomic_fetch_add(&r->shm->restarts[i], 1);
			fprintf(stderr, "bulkhead: %s (pid %d) %s %d; starting it again; the kernel's ruleset stands\n", role_names[i], pid,
				WIFSIGNALED(status) ? "was killed by signal" : "ended with", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		}
}

static void stop(struct run *r)
{
	bh_ns end = mono() + BH_SEC(3);
	bool any = true;

	/* the core first: its end closes the enforcer and, over their sockets, reporter and store, which drain and end */
	if (r->pid[BH_PROC_CORE])
		kill(r->pid[BH_PROC_CORE], SIGTERM);
	if (r->pid[BH_PROC_INTAKE])
		kill(r->pid[BH_PROC_INTAKE], SIGTERM);
	if (r->pid[BH_PROC_SENSOR])
		kill(r->pid[BH_PROC_SENSOR], SIGTERM);
	close(r->lines[1]);
	if (r->ask[1] >= 0)
		close(r->ask[1]);
	if (r->store[1] >= 0)
		close(r->store[1]);
	while (any && mono() < end) {
		struct timespec nap = {0, 5000000};

		nanosleep(&nap, NULL);
		reap(r, true);
		any = false;
		for (unsigned i = 0; i < BH_PROCS; i++)
			any |= r->pid[i] != 0;
	}
	for (unsigned i = 0; i < BH_PROCS; i++)
		if (r->pid[i])
			kill(r->pid[i], SIGKILL);
	(void)!unlink(r->o->socket_path);
}

/* The prober knows the addresses it was started with; where they are others now it is started again. */
static void look_at_prober(struct run *r)
{
	if (!r->pid[BH_PROC_PROBER] || mono() < r->look)
		return;
	r->look = mono() + BH_PROBER_LOOK;
	if (bh_prober_stale(r->o->policy, r->o->ifaces, r->o->n_ifaces, r->asked, r->n_asked))
		kill(r->pid[BH_PROC_PROBER], SIGKILL);
}

static void loop(struct run *r)
{
	for (;;) {
		struct pollfd p[2] = {{r->sigs, POLLIN, 0}, {r->super[0], POLLIN, 0}};
		struct signalfd_siginfo si;
		int wait = r->ask[0] >= 0 ? (int)(BH_PROBER_LOOK / BH_MS(1)) : -1;

		for (unsigned i = 0; i < BH_PROCS; i++) {
			if (r->again[i] && r->again[i] <= mono())
				start_role(r, i);
			if (r->again[i])
				wait = 50;
		}
		(void)!poll(p, 2, wait);
		if (p[1].revents & POLLIN)
			keep(r);
		while (read(r->sigs, &si, sizeof si) == sizeof si) {
			if (si.ssi_signo == SIGTERM || si.ssi_signo == SIGINT)
				return;
			if (si.ssi_signo == SIGHUP && r->pid[BH_PROC_REPORTER])
				kill(r->pid[BH_PROC_REPORTER], SIGHUP);
		}
		look_at_prober(r);
		reap(r, false);
	}
}

int bh_run(const struct bh_run_opts *opts)
{
	/* the reporter, the store and the enforcer before the core that needs them, the sensor last: nothing is seen before it can be acted on */
	static const uint8_t order[BH_PROCS] = {BH_PROC_REPORTER, BH_PROC_STORE, BH_PROC_ENFORCER, BH_PROC_CORE, BH_PROC_INTAKE, BH_PROC_PROBER, BH_PROC_SENSOR};
	struct run r = {.o = opts, .enf_core = -1, .enf_enforcer = -1, .first = true, .state = -1, .store = {-1, -1}, .ask = {-1, -1}};
	int e;

	if (opts->state_dir && (r.state = open(opts->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
		fprintf(stderr, "bulkhead: state directory %s: %s\n", opts->state_dir, strerror(errno));
		return 1;
	}
	e = open_all(&r);

	if (e == -EPERM || e == -EACCES)
		return 5;
	if (e < 0)
		return 1;
	if (getrandom(&r.seed, sizeof r.seed, 0) != sizeof r.seed)
		r.seed = (uint64_t)mono() ^ (uint64_t)getpid() << 32;
	read_self(&r);
	r.intake.shm = r.shm;
	r.intake.bell = r.bell;
	r.intake.opts = opts;
	r.intake.self = own_address(&r);
	r.intake.seed = r.seed;
	for (unsigned i = 0; i < BH_PROCS; i++)
		start_role(&r, order[i]);
	r.first = false;
	for (size_t i = 0; i < opts->policy->n_zones && !opts->bridge; i++)
		if (opts->policy->zones[i].vlans.n)
			fprintf(stderr, "bulkhead: zone %s has VLANs: they are looked at with --bridge only\n",
				opts->policy->zones[i].name);
	fprintf(stderr, "bulkhead: running on %zu interface(s), mode %s, API at %s\n", opts->n_ifaces,
		bh_mode_name(opts->mode >= 0 ? (unsigned)opts->mode : opts->policy->response.mode), opts->socket_path);
	loop(&r);
	stop(&r);
	keep(&r); /* what the core said last */
	fprintf(stderr, "bulkhead: stopped; the ruleset stays until its TTLs end (remove it with `bulkhead disarm --yes`)\n");
	return 0;
}
