/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * smb.ransom (I1) - a client makes the files of a share unreadable, one after another
 *
 * A sequential test over files, per client, fading with 60 seconds. A file is bad when two of these hold:
 *   (a) content that is random where it was not: an existing file overwritten, or one read within 120 s whose successor is
 *       written; known compressed formats at offset 0 are exempt, and so is a host with role backup
 *       whole files of a known kind that became 16 KiB or more of nothing known show two at once
 *   (b) renamed, and one new extension covers at least 80 % of the last 5 or more renames
 *       (or: X was read, a new X.ext written and X deleted, one ext for at least 80 %, and no known compressed format)
 *   (c) deleted within 60 s of random content written, or after its X.ext was written
 *   (d) the client dropped a note: same name and size in 5 or more directories within 5 minutes
 *   (e) the client touched 20 or more directories within a minute
 * (d) and (e) are the client's, so they count for every file that already shows one of (a) to (c); they never make a file
 * bad by themselves. Content judged on less than 16 KiB counts half. So does an existing file that was written to, however
 * little, and renamed to its name plus the common extension (not a number: logs rotate): who encrypts 3 % of a file leaves
 * nothing else to see. p1 = .8, p0 = .02: a bad file adds 3.689 nats, a good
 * one takes 1.589, alarm at ln(.99/1e-6) = 13.8 and not before eight bad files.
 *
 * Who takes his time stays below that: 50 names that got an extension appended within a day are a finding of 2.5 bans,
 * which is not hard.
 */
#include <stdio.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_smb_ransom;

#define MNAT_BAD 3689
#define MNAT_GOOD 1589
#define MNAT_ALARM 13800
#define FLOOR 8
#define FILES 48
#define DIRS 64
#define READS 64
#define FADE BH_SEC(60)
#define SLOW 50 /* names extended in a day */
#define SLOW_WEIGHT 250

enum { M_RANDOM = 1, M_RENAMED = 2, M_DELETED = 4, M_SMALL = 8, M_DONE = 16, M_WRITTEN = 32, M_APPENDED = 64, M_COPIED = 128,
	M_MAGIC = 256 };

struct file {
	uint64_t key;  /* share and name without an appended extension, hashed */
	bh_ns at;
	uint32_t ext; /* extension it was renamed to, hashed; 0 = none */
	uint16_t marks;
	char name[28], after[40];
};
struct ransom {
	struct file file[FILES];
	uint16_t next, total_bad;
	bh_ns first_bad;
	struct {
		uint64_t key;
		bh_ns at;
	} read[READS]; /* names read lately */
	uint8_t next_read;
	struct {
		uint32_t dir;
		bh_ns at;
	} dir[DIRS];
	uint8_t next_dir;
	struct {
		uint64_t key; /* base name and size */
		uint32_t dirs[5];
		uint8_t n;
		bh_ns since;
	} note[4];
	bh_ns note_until, busy_until;
	uint32_t rename_ext[8];
	uint8_t n_renames;
	struct bh_rate changed;
	bool slow; /* and the last event was one of too many in a day */
	char ext[16], user[48], share[64];
};

/* ---- names ---- */
static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static uint64_t name_key(const struct bh_ev_smb *e, const char *name, size_t n)
{
	return bh_hash(name, n, bh_hash(e->share, strlen(e->share), 7));
}

static uint32_t dir_key(const char *path)
{
	return (uint32_t)bh_hash(path, (size_t)(base_of(path) - path), 3) | 1;
}

/* length of name without its last extension; the whole when it has none */
static size_t stem_len(const char *name)
{
	const char *dot = strrchr(base_of(name), '.');

	return dot && dot != base_of(name) ? (size_t)(dot - name) : strlen(name);
}

static struct file *find(struct ransom *m, uint64_t key)
{
	for (unsigned i = 0; i < FILES; i++)
		if (m->file[i].key == key && m->file[i].at)
			return &m->file[i];
	return NULL;
}

static struct file *touch(struct ransom *m, const struct bh_ev_smb *e, const char *name, size_t n, bh_ns at)
{
	uint64_t key = name_key(e, name, n);
	struct file *f = find(m, key);

	if (!f) {
		f = &m->file[m->next++ % FILES];
		memset(f, 0, sizeof *f);
		f->key = key;
		snprintf(f->name, sizeof f->name, "%.27s", base_of(name));
	}
	f->at = at;
	return f;
}

/* ---- what the client does as a whole ---- */
static void note_dir(struct ransom *m, const char *path, bh_ns at)
{
	uint32_t d = dir_key(path);
	unsigned n = 0;

	for (unsigned i = 0; i < DIRS; i++) {
		if (m->dir[i].dir == d) {
			m->dir[i].at = at;
			d = 0;
		}
		n += m->dir[i].dir && at - m->dir[i].at <= BH_MIN(1);
	}
	if (d) {
		m->dir[m->next_dir % DIRS].dir = d;
		m->dir[m->next_dir++ % DIRS].at = at;
		n++;
	}
	if (n >= 20)
		m->busy_until = at + BH_MIN(1);
}

static void note_drop(struct ransom *m, const struct bh_ev_smb *e, bh_ns at)
{
	const char *base = base_of(e->name);
	uint64_t key = bh_hash(base, strlen(base), e->bytes_written);
	uint32_t dir = dir_key(e->name);
	unsigned slot = 0;

	for (unsigned i = 0; i < BH_COUNT(m->note); i++) {
		if (m->note[i].key == key) {
			slot = i;
			break;
		}
		if (m->note[i].since < m->note[slot].since)
			slot = i;
	}
	if (m->note[slot].key != key || at - m->note[slot].since > BH_MIN(5)) {
		memset(&m->note[slot], 0, sizeof m->note[slot]);
		m->note[slot].key = key;
		m->note[slot].since = at;
	}
	for (unsigned i = 0; i < m->note[slot].n; i++)
		if (m->note[slot].dirs[i] == dir)
			return;
	if (m->note[slot].n < 5)
		m->note[slot].dirs[m->note[slot].n++] = dir;
	if (m->note[slot].n == 5)
		m->note_until = at + BH_MIN(5);
}

/* ---- single facts ---- */
static bool was_read(const struct ransom *m, uint64_t key, bh_ns at)
{
	for (unsigned i = 0; i < READS; i++)
		if (m->read[i].key == key && m->read[i].at && at - m->read[i].at <= BH_SEC(120))
			return true;
	return false;
}

static bool turned_random(const struct bh_ev_smb *e)
{
	if (e->rand_written < BH_RAND_SMALL || e->magic_written == BH_MAGIC_PACKED || e->magic_written == BH_MAGIC_IMAGE)
		return false;
	return e->rand_read < BH_RAND_WEAK || (e->magic_read != BH_MAGIC_NONE && e->magic_read != e->magic_written);
}

/* The file has a new extension, by a rename or as a new file: which one covers the last ones? */
static void extended(struct ransom *m, struct file *f, uint32_t ext, const char *dot)
{
	unsigned same = 0, n;

	f->ext = ext;
	m->rename_ext[m->n_renames++ % 8] = ext;
	n = m->n_renames < 8 ? m->n_renames : 8;
	for (unsigned i = 0; i < n; i++)
		same += m->rename_ext[i] == ext;
	if (m->n_renames >= 200)
		m->n_renames -= 128; /* keeps its place in the ring and stays above 8 */
	if (n < 5 || same * 5 < n * 4 || ext == 1)
		return;
	snprintf(m->ext, sizeof m->ext, "%.15s", dot);
	for (unsigned i = 0; i < FILES; i++)
		if (m->file[i].ext == ext)
			m->file[i].marks |= M_RENAMED;
}

static uint32_t ext_key(const char *dot)
{
	return (uint32_t)bh_hash(dot, strlen(dot), 5) | 1;
}

/* its old name is no more: too many of those in a day? */
static void gone(struct ransom *m, bh_ns at)
{
	m->slow = bh_rate_add(&m->changed, 1, at, BH_HOUR(24)) >= SLOW;
}

static void content(struct ransom *m, const struct bh_sight *s, const struct bh_ev_smb *e)
{
	size_t whole = strlen(e->name), stem = stem_len(e->name);
	bool backup = s->src && (s->src->roles & BH_ROLE_BIT(BH_ROLE_BACKUP));
	bh_ns at = s->ev->at;
	struct file *f;
	bool known, copy;

	note_dir(m, e->name, at);
	if (e->bytes_read) {
		m->read[m->next_read % READS].key = name_key(e, e->name, whole);
		m->read[m->next_read++ % READS].at = at;
	}
	if (!e->bytes_written)
		return;
	if (e->flags & BH_SMB_F_CREATED)
		note_drop(m, e, at);
	known = (e->flags & BH_SMB_F_EXISTED) || was_read(m, name_key(e, e->name, whole), at) ||
		was_read(m, name_key(e, e->name, stem), at);
	if (e->op == BH_SMB_WRITE && !known)
		return; /* judged again at close */
	/* X.lockd written after X was read is X's file */
	copy = !(e->flags & BH_SMB_F_EXISTED) && stem < whole && was_read(m, name_key(e, e->name, stem), at);
	f = touch(m, e, e->name, copy ? stem : whole, at);
	if (known && !backup && turned_random(e))
		f->marks |= M_RANDOM | (e->rand_written == BH_RAND_SMALL ? M_SMALL : 0);
	/* all of a known kind of file overwritten by nothing known */
	if (known && !backup && e->magic_read > BH_MAGIC_OTHER && e->magic_written == BH_MAGIC_OTHER && e->rand_written >= BH_RAND_WEAK &&
		e->bytes_written >= e->bytes_read / 10 * 9)
		f->marks |= M_MAGIC;
	if (known && !backup)
		f->marks |= M_WRITTEN;
	if (e->op != BH_SMB_CLOSE)
		return;
	f->marks |= M_DONE;
	if (!copy || e->magic_written == BH_MAGIC_PACKED)
		return;
	f->marks |= M_COPIED;
	snprintf(f->name, sizeof f->name, "%.*s", (int)(e->name + stem - base_of(e->name)), base_of(e->name));
	snprintf(f->after, sizeof f->after, "%.39s", base_of(e->name));
	extended(m, f, ext_key(e->name + stem), e->name + stem);
}

static void renamed(struct ransom *m, const struct bh_ev_smb *e, bh_ns at)
{
	const char *dot = strrchr(base_of(e->name2), '.');
	size_t n1 = strlen(e->name);
	uint32_t ext = dot ? ext_key(dot) : 1;
	struct file *f = touch(m, e, e->name, n1, at);

	note_dir(m, e->name, at);
	/* the same extension as before is an ordinary rename */
	if (dot && n1 >= strlen(dot) && strcmp(e->name + n1 - strlen(dot), dot) == 0)
		ext = 1;
	f->marks |= M_DONE;
	f->key = name_key(e, e->name2, strlen(e->name2)); /* the same file from here on, whatever is written to it */
	snprintf(f->after, sizeof f->after, "%.39s", base_of(e->name2));
	if (dot && ext != 1 && dot == e->name2 + n1 && strncmp(e->name, e->name2, n1) == 0 &&
		strspn(dot + 1, "0123456789-_") != strlen(dot + 1))
		f->marks |= M_APPENDED;
	if (f->marks & M_APPENDED)
		gone(m, at);
	extended(m, f, ext, dot ? dot : "");
}

static void deleted(struct ransom *m, const struct bh_ev_smb *e, bh_ns at)
{
	struct file *f = find(m, name_key(e, e->name, strlen(e->name)));
	bool fresh = false;

	note_dir(m, e->name, at);
	for (unsigned i = 0; i < FILES; i++)
		fresh |= (m->file[i].marks & M_RANDOM) && at - m->file[i].at <= BH_MIN(1);
	if (!f && !fresh)
		return;
	if (!f)
		f = touch(m, e, e->name, strlen(e->name), at);
	f->at = at;
	if (f->marks & M_COPIED)
		gone(m, at);
	f->marks |= M_DONE | (fresh || (f->marks & M_COPIED) ? M_DELETED : 0);
}

/* ---- the test ---- */
static int32_t weigh(const struct ransom *m, bh_ns at, unsigned *ret_bad)
{
	bool all = at < m->note_until || at < m->busy_until;
	int64_t sum = 0;
	unsigned bad = 0;

	/* oldest first, so that the barrier at zero acts in the order of events */
	for (unsigned k = 0; k < FILES; k++) {
		const struct file *f = &m->file[(m->next + k) % FILES];
		unsigned marks = f->marks & (M_RANDOM | M_RENAMED | M_DELETED | M_MAGIC);
		bool little = (f->marks & M_WRITTEN) && (f->marks & M_RENAMED) && (f->marks & M_APPENDED);
		bh_ns age = at - f->at;
		bool two;
		int64_t v;

		if (!f->at || !(f->marks & M_DONE) || age > 4 * FADE)
			continue;
		if ((f->marks & (M_COPIED | M_DELETED)) == M_COPIED)
			marks &= ~(unsigned)M_RENAMED; /* the file itself is still there */
		two = marks && (unsigned)__builtin_popcount(marks) + all >= 2;
		if (two || little) {
			v = (f->marks & M_SMALL) || !two ? MNAT_BAD / 2 : MNAT_BAD;
			bad++;
		} else {
			v = -MNAT_GOOD;
		}
		/* linear fade over two minutes: half after 60 s */
		v = age >= 2 * FADE ? 0 : v * (int64_t)(2 * FADE - age) / (int64_t)(2 * FADE);
		sum += v;
		if (sum < 0)
			sum = 0;
	}
	*ret_bad = bad;
	return (int32_t)sum;
}

/* "a.docx -> *.lck", where * is what it was called before */
static void put_file(struct bh_text *t, const char *comma, const struct file *e)
{
	size_t n = strlen(e->name);
	bool longer = n && strncmp(e->after, e->name, n) == 0;

	bh_putf(t, "%s %.17s -> %s%.17s", comma, e->name, longer ? "*" : "",
		longer ? e->after + n : e->after[0] ? e->after : e->marks & M_DELETED ? "deleted" : "random");
}

static void describe(struct bh_finding *f, const struct ransom *m, const struct bh_sight *s, unsigned bad, int32_t stat)
{
	struct bh_text d = bh_text(f->detail, sizeof f->detail);
	char a[BH_ADDR_TEXT];
	unsigned shown = 0;
	bh_ns oldest = s->ev->at;

	bh_putf(&d, "statistic %d.%02d/13.80%s%s; files:", stat / 1000, stat % 1000 / 10, m->ext[0] ? ", extension " : "", m->ext);
	for (unsigned k = 0; k < FILES; k++) {
		const struct file *e = &m->file[(m->next + k) % FILES];

		if (!(e->marks & (M_RANDOM | M_RENAMED | M_DELETED)))
			continue;
		if (e->at < oldest)
			oldest = e->at;
		if (shown++ < 10)
			put_file(&d, shown > 1 ? "," : "", e);
	}
	f->count = bad;
	bh_strcpy(f->user, sizeof f->user, m->user);
	f->step = BH_STEP_ISOLATE;
	snprintf(f->text, sizeof f->text, "%s%s%s turned %u files on share %.40s unreadable in %llu.%llu s", m->user[0] ? m->user : "",
		m->user[0] ? "@" : "", bh_addr_print(&s->ev->src, a), bad, m->share[0] ? m->share : "(unseen)",
		(unsigned long long)((s->ev->at - oldest) / BH_SEC(1)), (unsigned long long)((s->ev->at - oldest) / BH_MS(100) % 10));
}

static bool cares(const struct bh_sight *s)
{
	return s->ev->u.smb.name[0] && s->ev->u.smb.op >= BH_SMB_WRITE && s->ev->u.smb.op <= BH_SMB_DELETE;
}

static int slowly(struct bh_finding *f, const struct ransom *m, const struct bh_sight *s)
{
	char a[BH_ADDR_TEXT];

	bh_finding_init(f, &bh_detector_smb_ransom, s);
	f->hard = false;
	f->weight = SLOW_WEIGHT;
	f->severity = BH_SEV_HIGH;
	f->count = SLOW;
	bh_strcpy(f->user, sizeof f->user, m->user);
	snprintf(f->text, sizeof f->text, "%s%s%s gave %u or more files on share %.40s another extension within a day%s%s", m->user,
		m->user[0] ? "@" : "", bh_addr_print(&s->ev->src, a), SLOW, m->share[0] ? m->share : "(unseen)", m->ext[0] ? ", now " : "",
		m->ext);
	return 1;
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *ret_finding)
{
	const struct bh_ev_smb *e = &s->ev->u.smb;
	struct ransom *m = mine;
	unsigned bad;
	int32_t stat;

	if (e->user[0])
		memcpy(m->user, e->user, sizeof m->user);
	if (e->share[0])
		memcpy(m->share, e->share, sizeof m->share);
	if ((e->flags & BH_SMB_F_DIR) || !e->name[0])
		return 0;
	m->slow = false;
	switch (e->op) {
	case BH_SMB_WRITE:
	case BH_SMB_CLOSE:
		content(m, s, e);
		break;
	case BH_SMB_RENAME:
		renamed(m, e, s->ev->at);
		break;
	case BH_SMB_DELETE:
		deleted(m, e, s->ev->at);
		break;
	default:
		return 0;
	}
	stat = weigh(m, s->ev->at, &bad);
	if (stat < MNAT_ALARM || bad < FLOOR)
		return m->slow ? slowly(ret_finding, m, s) : 0;
	bh_finding_init(ret_finding, &bh_detector_smb_ransom, s);
	describe(ret_finding, m, s, bad, stat);
	return 1;
}

const struct bh_detector bh_detector_smb_ransom = {
	.name = "smb.ransom",
	.title = "Ransomware on a share",
	.doc = "a client makes 8 or more files of an SMB share unreadable, one after another",
	.attack = "T1486",
	.tactic = "TA0040",
	.why = "Encrypting a share has to overwrite or replace files with random content and usually renames or deletes them; "
	       "no ordinary job does two of these to file after file.",
	.false_positives = "Archiving or encrypting tools writing back onto the share, EFS or DRM conversions. A backup host is "
			   "relieved of the content rule by role backup.",
	.sid = 9100004,
	.family = BH_FAM_I,
	.severity = BH_SEV_CRITICAL,
	.hard = true,
	.weight = 550,
	.quiet = BH_MIN(10),
	.wants = BH_WANTS(BH_EV_SMB),
	.relief = 0,
	.host_size = sizeof(struct ransom),
	.hosts = 2048,
	.cares = cares,
	.observe = observe,
};
