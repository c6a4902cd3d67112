/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * shm - the only memory two processes share: event rings from the sensor's workers and the intake to the core, and counters
 *
 * Shape   One anonymous shared mapping made before the first fork: a header, then one ring a worker, then the intake's.
 * Purity  Sensor and intake write rings, watermarks and counters; the core reads them, and treats every byte as hostile.
 */
#ifndef BH_DAEMON_SHM_H
#define BH_DAEMON_SHM_H

#include <bulkhead/event.h>
#include <bulkhead/usb.h>

#define BH_SHM_WORKERS 16
#define BH_SHM_SLOTS 16384u

enum bh_role_proc { BH_PROC_SENSOR, BH_PROC_CORE, BH_PROC_ENFORCER, BH_PROC_REPORTER, BH_PROC_STORE, BH_PROC_INTAKE, BH_PROC_PROBER, BH_PROCS };
enum bh_shm_store { BH_SHM_STORE_OFF, BH_SHM_STORE_ON, BH_SHM_STORE_FAILING, BH_SHM_STORE_UNUSABLE };

/* plain numbers a worker publishes about once a second, each whole by itself */
struct bh_tap_counters {
	_Atomic uint64_t packets, bytes, malformed, kernel_packets, kernel_drops, flows_active, flows_new, flows_evicted, classified, guessed,
		facts, untrusted, parse_gaps, parse_evicted, table_bytes;
};
struct bh_tap {
	_Alignas(64) _Atomic uint64_t watermark; /* events still to come are at this or later */
	struct bh_tap_counters n;
};
struct bh_intake_counters { /* by the intake */
	_Atomic uint64_t verdict[BH_USB_VERDICTS]; /* datagrams; OK = taken */
	_Atomic uint64_t lost, limited, log, log_other, own;
};
struct bh_shm {
	_Atomic uint32_t core_sleeps; /* the core is about to poll: whoever pushes next rings the bell */
	_Atomic int32_t pids[BH_PROCS];
	_Atomic uint32_t restarts[BH_PROCS];
	_Atomic uint64_t eve_lines, eve_dropped; /* by the reporter */
	_Atomic uint32_t store;			 /* enum bh_shm_store, and rows written: by the store */
	_Atomic uint64_t store_rows;
	struct bh_intake_counters intake;
	struct bh_tap tap[BH_SHM_WORKERS];
};
/* Where a ring lies is arithmetic, not data: the sensor could write data. */
static inline size_t bh_shm_bytes(unsigned workers)
{
	return ((sizeof(struct bh_shm) + 63) & ~(size_t)63) + workers * bh_ring_bytes(BH_SHM_SLOTS, sizeof(struct bh_event));
}
static inline struct bh_ring *bh_shm_ring(struct bh_shm *s, unsigned worker)
{
	return (struct bh_ring *)((uint8_t *)s + bh_shm_bytes(worker));
}

#endif
