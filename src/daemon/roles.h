/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * roles - what each process of `bulkhead run` is given, and nothing more
 *
 * Each function is the whole life of one process: it drops privileges first, then loops, and returns an exit status.
 */
#ifndef BH_DAEMON_ROLES_H
#define BH_DAEMON_ROLES_H

#include <bulkhead/capture.h>
#include <bulkhead/gadget.h>
#include <bulkhead/watch.h>
#include "daemon/keep.h"
#include "daemon/shm.h"

struct bh_listen {
	struct bh_addr addr;
	uint16_t port; /* 0 = nowhere */
};
struct bh_run_opts {
	const struct bh_policy *policy;
	const struct bh_watch *watch;
	const struct bh_ouis *ouis; /* may be NULL */
	const char *const *ifaces;
	size_t n_ifaces;
	unsigned workers;
	int mode; /* -1 = the policy's */
	const char *eve_path, *socket_path, *host;
	const char *state_dir, *base_sha256; /* NULL = nothing is kept over a restart; base: of the policy file given */
	bool strict, no_enforcer, share_table, bridge;
	bool new_inventory; /* the file there is moved aside */
	struct bh_listen usb_listen, log_listen;
	const struct bh_usb_keys *usb_keys; /* with usb_listen */
	bool usb_own; /* this machine's own ports, even when nobody is listened to */
};

/* src/daemon/run.c: the supervisor; returns the exit code */
int bh_run(const struct bh_run_opts *opts);

struct bh_sensor_in {
	struct bh_shm *shm;
	int bell; /* eventfd */
	const struct bh_live_set *set;
	const int *fds; /* one a worker */
	unsigned workers;
	uint64_t seed;
};
int bh_role_sensor(const struct bh_sensor_in *in);

struct bh_core_in {
	struct bh_shm *shm;
	int bell, api, enforcer, reporter, supervisor; /* supervisor: new enforcer sockets arrive here */
	int store; /* -1: nothing is kept */
	int prober; /* -1: nothing is asked */
	const struct bh_run_opts *opts;
	const struct bh_addr *self;
	size_t n_self;
	uint64_t seed;
	bool sensor_gap;
	struct bh_keep *keep;
};
int bh_role_core(const struct bh_core_in *in);

struct bh_reporter_in {
	struct bh_shm *shm;
	int in; /* EVE lines from the core */
	const char *path;
};
int bh_role_reporter(const struct bh_reporter_in *in);

#define BH_STORE_MESSAGE 65536u /* the longest between the core and the store */
struct bh_store_in {
	struct bh_shm *shm;
	int fd; /* to and from the core, whole messages */
	const char *dir;
};
int bh_role_store(const struct bh_store_in *in);

struct bh_intake_in {
	struct bh_shm *shm;
	int bell, usb, log, uevent; /* the last three: -1 = none */
	struct bh_usb_sender *senders; /* one a key, in memory that outlives the process */
	const struct bh_run_opts *opts;
	struct bh_addr self;
	uint64_t seed;
};
/* In the supervisor: sockets and memory. < 0 -errno, and it was said why. */
int bh_intake_open(const struct bh_run_opts *o, struct bh_intake_in *ret_in) BH_MUST;
int bh_role_intake(const struct bh_intake_in *in);

/* src/daemon/sandbox.c: no capabilities, no new privileges, a system call filter. extra: -1-terminated list. < 0 -errno */
int bh_sandbox(const int *extra) BH_MUST;

#endif
