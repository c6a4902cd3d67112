/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * smb.ransom.enc (I2) - over encrypted SMB a client writes back what it has just read, file after file, and renames it
 *
 * Only sizes are known. A file repeats another when a WRITE is as long as a READ of the same session up to 120 s before
 * (within 64 bytes or 1 %), or 16 to 4096 bytes longer (a key, a tag), or when the same holds for the totals of two handles.
 * Ten repeats in 60 s, half of them with a rename, a deletion or a name that grew, are a finding (W 3.5). Backups write
 * without reading, copies to another server read in another session.
 *
 * I2b: the names of 8 or more files grow by one number of characters, which is that of at least four in five: an appended
 * extension. That is hard (W 4.5). One more or less is the same number, as some clients pad a name to a multiple of four bytes.
 * When the grown name is a new file of exactly the same length it may be a copy into another folder with a longer name, and does
 * not count.
 */
#include <stdio.h>
#include <bulkhead/detect.h>

extern const struct bh_detector bh_detector_smb_ransom_enc;

#define RING 32
#define WINDOW BH_SEC(60)
#define AGAIN BH_SEC(120)
#define MATCHES 10
#define GROWN 8
#define GROWTH_MAX 40

struct seen_read {
	uint64_t bytes, session;
	bh_ns at;
	uint32_t len;
};
struct ransom_enc {
	bh_ns match[RING], done[RING]; /* repeats; renames, deletions and names that grew */
	struct {
		bh_ns at;
		int32_t by;
	} grown[RING];
	struct seen_read read[16]; /* handles that only read */
	uint64_t session;          /* of the counts: one session of one server */
	struct bh_addr server;
	uint8_t next_match, next_done, next_grown, next_read;
	uint32_t open_len;     /* of the handle opened last */
	uint32_t writes;       /* files written at all, repeats or not */
	bh_ns writes_since;
	char user[48];
};

static bool cares(const struct bh_sight *s)
{
	const struct bh_ev_smb *e = &s->ev->u.smb;

	return (e->flags & BH_SMB_F_ENCRYPTED) && e->op != BH_SMB_SESSION && e->op != BH_SMB_TREE && e->op != BH_SMB_PIPE;
}

static unsigned within(const bh_ns at[RING], bh_ns now)
{
	unsigned n = 0;

	for (unsigned i = 0; i < RING; i++)
		n += at[i] && now - at[i] <= WINDOW;
	return n;
}

static void grew(struct ransom_enc *m, uint32_t from, uint32_t to, bh_ns at)
{
	if (!from || !to || from == to)
		return;
	m->grown[m->next_grown % RING].at = at;
	m->grown[m->next_grown++ % RING].by = (int32_t)to - (int32_t)from;
}

/* how often the commonest growth was seen, and from what to what; 0 when it is not that of four in five */
static unsigned growth(const struct ransom_enc *m, bh_ns now, unsigned ret_by[2])
{
	uint8_t n[GROWTH_MAX + 1] = {0}; /* [0] stays 0 */
	unsigned all = 0, best = 0, most = 0;

	for (unsigned i = 0; i < RING; i++) {
		if (!m->grown[i].at || now - m->grown[i].at > WINDOW)
			continue;
		all++;
		if (m->grown[i].by > 0 && m->grown[i].by <= GROWTH_MAX)
			n[m->grown[i].by]++;
	}
	for (unsigned i = 1; i < GROWTH_MAX; i++) {
		unsigned sum = (unsigned)n[i - 1] + n[i] + n[i + 1];

		if (sum > most || (sum == most && n[i] > n[best])) {
			most = sum;
			best = i;
		}
	}
	if (!most || most * 5 < all * 4)
		return 0;
	ret_by[0] = n[best - 1] ? best - 1 : n[best] ? best : best + 1;
	ret_by[1] = n[best + 1] ? best + 1 : n[best] ? best : best - 1;
	return most;
}

static bool alike(uint64_t r, uint64_t w)
{
	uint64_t off = r > w ? r - w : w - r;

	return r && (off <= 64 || off <= r / 100 || (w > r && off <= 4096));
}

/* the handle whose content this one repeats; NULL = none */
static struct seen_read *original(struct ransom_enc *m, const struct bh_ev_smb *e, bh_ns at)
{
	for (unsigned k = 0; k < BH_COUNT(m->read); k++) {
		struct seen_read *r = &m->read[(m->next_read + 2 * BH_COUNT(m->read) - 1 - k) % BH_COUNT(m->read)];

		if (r->at && at - r->at <= AGAIN && r->session == e->session && alike(r->bytes, e->bytes_written))
			return r;
	}
	return NULL;
}

static void closed(struct ransom_enc *m, const struct bh_ev_smb *e, bh_ns at)
{
	struct seen_read *r = NULL;
	bool match = e->count > 0;

	if (e->bytes_read && !e->bytes_written) {
		m->read[m->next_read++ % BH_COUNT(m->read)] =
			(struct seen_read){.bytes = e->bytes_read, .session = e->session, .at = at, .len = e->name_len};
		return;
	}
	if (at - m->writes_since > WINDOW) {
		m->writes_since = at;
		m->writes = 0;
	}
	m->writes++;
	if (e->bytes_written && e->bytes_read)
		match |= alike(e->bytes_read, e->bytes_written);
	else if (e->bytes_written)
		r = original(m, e, at);
	if (!match && !r)
		return;
	m->match[m->next_match++ % RING] = at;
	if (!r)
		return;
	r->at = 0;
	if (r->len && e->name_len > r->len) {
		m->done[m->next_done++ % RING] = at;
		if (e->bytes_written != r->bytes)
			grew(m, r->len, e->name_len, at);
	}
}

static void start(struct ransom_enc *m, const struct bh_sight *s)
{
	const struct bh_ev_smb *e = &s->ev->u.smb;

	if (e->user[0])
		memcpy(m->user, e->user, sizeof m->user);
	if (m->session == e->session && bh_addr_eq(&m->server, &s->ev->dst))
		return;
	memset(m, 0, sizeof *m);
	memcpy(m->user, e->user, sizeof m->user);
	m->session = e->session;
	m->server = s->ev->dst;
}

static int judge(struct ransom_enc *m, const struct bh_sight *s, struct bh_finding *f)
{
	bh_ns at = s->ev->at;
	unsigned n = within(m->match, at), done = within(m->done, at), same;
	char a[BH_ADDR_TEXT];
	unsigned by[2] = {0, 0};
	struct bh_text t;
	bool hard;

	same = growth(m, at, by);
	hard = same >= GROWN && n >= GROWN;
	if (!hard && (n < MATCHES || done * 2 < n))
		return 0;
	bh_finding_init(f, &bh_detector_smb_ransom_enc, s);
	f->step = BH_STEP_ISOLATE;
	f->hard = hard;
	f->weight = hard ? 450 : f->weight;
	f->count = n;
	bh_strcpy(f->user, sizeof f->user, m->user);
	bh_finding_target(f, &s->ev->dst, s->ev->dport, BH_OUT_SUCCESS, at);
	t = bh_text(f->text, sizeof f->text);
	bh_putf(&t, "%s%s%s: %u of %u encrypted writes repeat the size just read, ", m->user, m->user[0] ? "@" : "",
		bh_addr_print(&s->ev->src, a), n, m->writes < n ? n : m->writes);
	if (same >= GROWN)
		bh_putf(&t, by[0] == by[1] ? "names grow by %u" : "names grow by %u to %u", by[0], by[1]);
	else
		bh_put(&t, "files are renamed or deleted");
	snprintf(f->detail, sizeof f->detail, "in 60 s: %u repeats, %u renames and deletions, %u names longer by %u to %u", n, done, same, by[0],
		by[1]);
	return 1;
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *ret_finding)
{
	const struct bh_ev_smb *e = &s->ev->u.smb;
	struct ransom_enc *m = mine;
	bh_ns at = s->ev->at;

	start(m, s);
	switch (e->op) {
	case BH_SMB_OPEN:
		m->open_len = e->name_len;
		return 0;
	case BH_SMB_CLOSE:
		closed(m, e, at);
		break;
	case BH_SMB_RENAME:
		m->done[m->next_done++ % RING] = at;
		grew(m, m->open_len, e->name_len, at);
		break;
	case BH_SMB_DELETE:
		m->done[m->next_done++ % RING] = at;
		break;
	default:
		return 0;
	}
	return judge(m, s, ret_finding);
}

const struct bh_detector bh_detector_smb_ransom_enc = {
	.name = "smb.ransom.enc",
	.title = "Ransomware on an encrypted share",
	.doc = "over encrypted SMB a client writes back files of the size it has just read and renames or deletes them",
	.attack = "T1486",
	.tactic = "TA0040",
	.why = "Encrypting a share has to read every file and write as much again, and appends an extension; sizes show both, "
	       "whatever the session's encryption hides.",
	.false_positives = "Editors and batch converters that rewrite many files in place, moves between shares of one server. "
			   "Only constant growth of the names makes it hard.",
	.sid = 9100020,
	.family = BH_FAM_I,
	.severity = BH_SEV_CRITICAL,
	.weight = 350,
	.quiet = BH_MIN(10),
	.wants = BH_WANTS(BH_EV_SMB),
	.host_size = sizeof(struct ransom_enc),
	.cares = cares,
	.observe = observe,
};
