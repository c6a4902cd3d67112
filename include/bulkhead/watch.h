/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * watch - what detectors look for, as data: RPC operations by class, admin services, tools, names that run
 *
 * Why     A new coercion call or a new tool is a line in policies/watchlist.yaml, not a release.
 * Shape   struct bh_watch, loaded once, never changed. Interfaces and services are sorted for look-up.
 * Units   Ports in host order, sizes in bytes.
 * Errors  bh_watch_load: 0, 1 invalid (diags say why), < 0 -errno.
 * Purity  Pure: parses bytes in memory.
 * Source  detection.md 5.2 and 3.6; the open specifications named in the file.
 */
#ifndef BULKHEAD_WATCH_H
#define BULKHEAD_WATCH_H

#include <bulkhead/event.h>
#include <bulkhead/policy.h>

/* Admin service classes (detection.md 3.6): what an intruder moves through. */
#define BH_SVC_CLASSES(X)                                                                                 \
	X(NONE, "other") X(SMB, "smb") X(RPC, "msrpc") X(RDP, "rdp") X(WINRM, "winrm") X(SSH, "ssh")   \
	X(TELNET, "telnet") X(VNC, "vnc") X(DB, "database") X(IPMI, "ipmi") X(OT, "ot")
enum bh_svc_class {
#define X(id, name) BH_SVC_##id,
	BH_SVC_CLASSES(X)
#undef X
	BH_SVC_COUNT
};

/* What an RPC operation is for. */
#define BH_RPC_CLASSES(X)                                                                                 \
	X(NONE, "none") X(CONTEXT, "context") X(SVC_CREATE, "service-create") X(SVC_CHANGE, "service-change") \
	X(SVC_START, "service-start") X(SVC_STOP, "service-stop") X(SVC_DELETE, "service-delete")         \
	X(TASK_CREATE, "task-create") X(TASK_RUN, "task-run") X(TASK_DELETE, "task-delete")               \
	X(WMI_EXEC, "wmi-exec") X(WMI_QUERY, "wmi-query") X(ACTIVATE, "activate")                         \
	X(DCOM_NAMES, "dcom-names") X(DCOM_INVOKE, "dcom-invoke") X(REG_SAVE, "registry-save")            \
	X(REG_SET, "registry-set") X(SHUTDOWN, "shutdown") X(LOG_CLEAR, "log-clear") X(ENUM, "enumerate") \
	X(ENUM_ALL, "enumerate-all") X(SVC_OPEN, "service-open") X(EXPLOIT, "exploit") X(TOOL, "tool") X(SELF_SERVICE, "self-service") \
	X(ENUM_SESSIONS, "enumerate-sessions") X(REPLICATE, "replicate")                                  \
	X(REPLICA_CHANGE, "replica-change") X(NETLOGON_TRY, "netlogon-try") X(PASSWORD_SET, "password-set") \
	X(ACCOUNT_CHANGE, "account-change") X(SECRET_READ, "secret-read") X(COERCE, "coerce")             \
	X(COERCE_ALONE, "coerce-alone") X(PERSIST, "persist") X(DNS_PLUGIN, "dns-plugin")                 \
	X(CERT_REQUEST, "certificate-request") X(SHADOW_COPY, "shadow-copy") X(REG_OPEN, "registry-open")
enum bh_rpc_class {
#define X(id, name) BH_RPCC_##id,
	BH_RPC_CLASSES(X)
#undef X
	BH_RPCC_COUNT
};
const char *bh_rpc_class_name(unsigned cls);

struct bh_watch_call {
	uint16_t opnum;
	uint8_t cls; /* enum bh_rpc_class */
	char name[48];
};
struct bh_watch_iface {
	char name[40];
	struct bh_uuid uuid;
	uint8_t any; /* class of operations not listed, 0 = none */
	struct bh_watch_call *calls;
	size_t n, cap;
};
struct bh_watch_tool {
	char name[BH_NAME];
	uint32_t size;
};
struct bh_watch_svc {
	struct bh_svc svc;
	uint8_t cls; /* enum bh_svc_class */
};
struct bh_watch {
	struct bh_watch_iface *ifaces; /* by uuid */
	struct bh_watch_svc *services; /* by protocol and port; none share one */
	struct bh_watch_tool *tools;
	char (*executables)[8];
	uint16_t *remote; /* enum bh_app */
	size_t n_ifaces, n_services, n_tools, n_executables, n_remote;
};

int bh_watch_load(const char *text, size_t len, struct bh_diags *diags, struct bh_watch **ret_watch) BH_MUST;
struct bh_watch *bh_watch_builtin(void); /* policies/watchlist.yaml as it was at the build; NULL = no memory */
const char *bh_watch_builtin_text(size_t *ret_len);
void bh_watch_free(struct bh_watch *w);

/* The interface of a UUID, NULL = not watched. */
const struct bh_watch_iface *bh_watch_iface(const struct bh_watch *w, const struct bh_uuid *u);
/* The operation, NULL = not listed; *ret_cls: its class, BH_RPCC_NONE too. iface may be NULL. */
const struct bh_watch_call *bh_watch_call(const struct bh_watch_iface *iface, unsigned opnum, unsigned *ret_cls);
const struct bh_watch_tool *bh_watch_tool(const struct bh_watch *w, uint64_t size);
unsigned bh_watch_service(const struct bh_watch *w, uint8_t proto, uint16_t port); /* enum bh_svc_class */
bool bh_watch_runs(const struct bh_watch *w, const char *name); /* by its extension */
bool bh_watch_remote(const struct bh_watch *w, unsigned app);
const char *bh_class_name(unsigned cls); /* of enum bh_svc_class */

#endif
