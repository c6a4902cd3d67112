/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The companion's datagram: fixed places, strings padded with zeros, an Ed25519 signature over all that stands before it. There is
 * one way to write an event down, so nothing can be hidden in the padding and nothing signed twice in two forms.
 *
 *   0 "BHU" 1   4 key id, 8   12 boot, 8   20 sequence, 4   24 time, 8   32 op, classes, 2 zeros   36 vid, pid   40 MAC, 6   46 2 zeros
 *   48 host 32, port 24, iface 16, serial 32, vendor 32, product 48, user 32 = 216   264 six zeros   270 signature, 64   = 334
 *
 * A key's last datagram is remembered by boot, sequence and time. The counter grows within a boot; a datagram of another boot has to
 * be younger than the last of the one before, so what was recorded then is no news now.
 */
#include <sodium/crypto_sign.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <bulkhead/usb.h>

#define SIGNED (BH_USB_DATAGRAM - crypto_sign_BYTES)
_Static_assert(crypto_sign_BYTES == 64 && crypto_sign_SECRETKEYBYTES == sizeof(struct bh_usb_secret), "sizes of the wire");

static const uint8_t magic[4] = {'B', 'H', 'U', 1};

const char *bh_usb_verdict_name(unsigned verdict)
{
	static const char *const names[BH_USB_VERDICTS] = {"taken", "malformed", "unknown key", "from elsewhere", "bad signature", "clock off", "replayed"};

	return names[verdict < BH_USB_VERDICTS ? verdict : BH_USB_MALFORMED];
}

/* ---- writing ---- */
static uint8_t *put(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = bytes; i-- > 0; v >>= 8)
		p[i] = (uint8_t)v;
	return p + bytes;
}

static uint8_t *puts_padded(uint8_t *p, const char *s, size_t size)
{
	memset(p, 0, size);
	memcpy(p, s, strnlen(s, size - 1));
	return p + size;
}
#define PUTS(p, s) puts_padded((p), (s), sizeof(s))

static uint64_t id_of(const uint8_t key[32])
{
	struct bh_bytes b = bh_bytes(key, 32);

	return bh_be64(&b);
}

void bh_usb_sign(const struct bh_ev_usb *u, bh_ns at, const struct bh_usb_secret *secret, uint8_t ret_bytes[BH_USB_DATAGRAM])
{
	uint8_t *p = ret_bytes;

	memset(p, 0, BH_USB_DATAGRAM);
	memcpy(p, magic, sizeof magic);
	p = put(p + sizeof magic, id_of(secret->b + 32), 8);
	p = put(p, u->boot, 8);
	p = put(p, u->seq, 4);
	p = put(p, at, 8);
	p = put(p, u->op, 1);
	p = put(p, u->classes, 1) + 2;
	p = put(p, u->vid, 2);
	p = put(p, u->pid, 2);
	memcpy(p, u->mac.b, 6);
	p = PUTS(p + 8, u->host);
	p = PUTS(p, u->port);
	p = PUTS(p, u->iface);
	p = PUTS(p, u->serial);
	p = PUTS(p, u->vendor);
	p = PUTS(p, u->product);
	(void)PUTS(p, u->user);
	crypto_sign_detached(ret_bytes + SIGNED, NULL, ret_bytes, SIGNED, secret->b);
}

/* ---- reading ---- */
/* a string that ends inside its place, and nothing behind its end */
static void take_string(struct bh_bytes *b, char *out, size_t size)
{
	const uint8_t *p = bh_take(b, size);
	size_t n = p ? strnlen((const char *)p, size) : 0;

	for (size_t i = n; p && i < size; i++)
		b->bad |= p[i] != 0;
	b->bad |= p && n == size;
	if (!b->bad)
		memcpy(out, p, size);
}
#define TAKE(b, s) take_string((b), (s), sizeof(s))

static void zeros(struct bh_bytes *b, size_t n)
{
	const uint8_t *p = bh_take(b, n);

	for (size_t i = 0; p && i < n; i++)
		b->bad |= p[i] != 0;
}

int bh_usb_datagram_parse(const void *p, size_t len, struct bh_usb_datagram *ret_datagram)
{
	struct bh_usb_datagram d = {.usb.via = BH_USB_COMPANION};
	struct bh_bytes b = bh_bytes(p, len);
	const uint8_t *m = bh_take(&b, sizeof magic), *mac;

	if (len != BH_USB_DATAGRAM || !m || memcmp(m, magic, sizeof magic))
		return 1;
	d.key_id = bh_be64(&b);
	d.usb.boot = bh_be64(&b);
	d.usb.seq = bh_be32(&b);
	d.at = bh_be64(&b);
	d.usb.op = bh_u8(&b);
	d.usb.classes = bh_u8(&b);
	zeros(&b, 2);
	d.usb.vid = bh_be16(&b);
	d.usb.pid = bh_be16(&b);
	mac = bh_take(&b, 6);
	if (mac)
		memcpy(d.usb.mac.b, mac, 6);
	zeros(&b, 2);
	TAKE(&b, d.usb.host);
	TAKE(&b, d.usb.port);
	TAKE(&b, d.usb.iface);
	TAKE(&b, d.usb.serial);
	TAKE(&b, d.usb.vendor);
	TAKE(&b, d.usb.product);
	TAKE(&b, d.usb.user);
	zeros(&b, 6);
	if (b.bad || b.left != crypto_sign_BYTES || !d.usb.seq || d.usb.op == BH_USB_NONE || d.usb.op >= BH_USB_OPS)
		return 1;
	*ret_datagram = d;
	return 0;
}

const struct bh_usb_key *bh_usb_key_of(const struct bh_usb_keys *keys, uint64_t key_id)
{
	for (size_t i = 0; i < keys->n; i++)
		if (id_of(keys->key[i].key) == key_id)
			return &keys->key[i];
	return NULL;
}

enum bh_usb_verdict bh_usb_verify(
	const struct bh_usb_keys *keys, const void *p, const struct bh_usb_datagram *d, const struct bh_addr *from, const struct bh_usb_key **ret_key)
{
	const struct bh_usb_key *k = bh_usb_key_of(keys, d->key_id);

	if (!k)
		return BH_USB_UNKNOWN;
	if (!bh_addr_none(&k->from) && !bh_addr_eq(&k->from, from))
		return BH_USB_ELSEWHERE;
	if (crypto_sign_verify_detached((const uint8_t *)p + SIGNED, p, SIGNED, k->key))
		return BH_USB_FORGED;
	*ret_key = k;
	return BH_USB_OK;
}

enum bh_usb_verdict bh_usb_fresh(struct bh_usb_sender *s, const struct bh_usb_datagram *d, bh_ns now, uint32_t *ret_lost)
{
	bool heard = s->seq != 0, same = heard && s->boot == d->usb.boot;

	if ((d->at > now ? d->at - now : now - d->at) > BH_USB_SKEW)
		return BH_USB_SKEWED;
	if (same ? d->usb.seq <= s->seq : heard && d->at <= s->at)
		return BH_USB_REPLAYED;
	/* of the first one ever heard nobody knows what came before */
	*ret_lost = same ? d->usb.seq - s->seq - 1 : heard ? d->usb.seq - 1 : 0;
	*s = (struct bh_usb_sender){.boot = d->usb.boot, .seq = d->usb.seq, .at = d->at > s->at ? d->at : s->at};
	return BH_USB_OK;
}

/* ---- keys ---- */
void bh_usb_secret_make(const uint8_t seed[32], struct bh_usb_secret *ret_secret)
{
	uint8_t public[32];

	crypto_sign_seed_keypair(public, ret_secret->b, seed);
}

static int base64(const char *text, size_t len, uint8_t key[32])
{
	const char *end;
	size_t n;

	return sodium_base642bin(key, 32, text, len, NULL, &n, &end, sodium_base64_VARIANT_ORIGINAL) || n != 32 || end != text + len;
}

int bh_usb_secret_parse(const char *text, size_t len, struct bh_usb_secret *ret_secret)
{
	uint8_t seed[32];

	while (len && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	if (base64(text, len, seed))
		return 1;
	bh_usb_secret_make(seed, ret_secret);
	sodium_memzero(seed, sizeof seed);
	return 0;
}

const char *bh_usb_secret_print(const struct bh_usb_secret *secret, char buf[48])
{
	return sodium_bin2base64(buf, 48, secret->b, 32, sodium_base64_VARIANT_ORIGINAL);
}

const char *bh_usb_key_print(const char *name, const struct bh_usb_secret *secret, char buf[BH_USB_KEY_TEXT])
{
	char key[48];

	snprintf(buf, BH_USB_KEY_TEXT, "%.31s %s", name, sodium_bin2base64(key, sizeof key, secret->b + 32, 32, sodium_base64_VARIANT_ORIGINAL));
	return buf;
}

bool bh_usb_name_ok(const char *name)
{
	size_t n = strlen(name);

	return n && n < 32 && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == n;
}

struct line {
	const char *start, *p, *end;
	struct bh_usb_error *e;
};

static int wrong(const struct line *l, const char *at, const char *text)
{
	l->e->col = (unsigned)(at - l->start) + 1;
	bh_strcpy(l->e->text, sizeof l->e->text, text);
	return 1;
}

/* 0, or 1 at the end of the line or a comment */
static int word(struct line *l, struct bh_word *ret)
{
	while (l->p < l->end && (*l->p == ' ' || *l->p == '\t' || *l->p == '\r'))
		l->p++;
	ret->p = l->p;
	if (l->p == l->end || *l->p == '#')
		return 1;
	while (l->p < l->end && *l->p != ' ' && *l->p != '\t' && *l->p != '\r')
		l->p++;
	ret->len = (size_t)(l->p - ret->p);
	return 0;
}

static int key_line(struct line *l, struct bh_usb_keys *keys)
{
	struct bh_usb_key k = {0};
	struct bh_word name, key, from, more;

	if (word(l, &name))
		return 0;
	if (name.len < sizeof k.name)
		memcpy(k.name, name.p, name.len);
	if (!bh_usb_name_ok(k.name))
		return wrong(l, name.p, "a name has 1 to 31 letters, digits, '-', '_' and '.'");
	if (word(l, &key) || base64(key.p, key.len, k.key))
		return wrong(l, key.p, "a key is 32 bytes in Base64, 44 characters: the line `bulkhead usb-watch --make-key` prints");
	if (word(l, &from) == 0 && bh_addr_parse(from.p, from.len, &k.from))
		return wrong(l, from.p, "not an address");
	if (word(l, &more) == 0)
		return wrong(l, more.p, "a line is NAME KEY [ADDRESS]");
	if (keys->n == BH_USB_KEYS)
		return wrong(l, name.p, "more than 1024 keys");
	for (size_t i = 0; i < keys->n; i++) {
		if (strcmp(keys->key[i].name, k.name) == 0)
			return wrong(l, name.p, "this name has a key already");
		if (id_of(keys->key[i].key) == id_of(k.key))
			return wrong(l, key.p, "this key has a name already");
	}
	keys->key[keys->n++] = k;
	return 0;
}

int bh_usb_keys_parse(const char *text, size_t len, struct bh_usb_keys *ret_keys, struct bh_usb_error *ret_error)
{
	const char *p = text, *end = text + len;

	ret_keys->n = 0;
	*ret_error = (struct bh_usb_error){0};
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		struct line l = {p, p, nl ? nl : end, ret_error};

		ret_error->line++;
		if (key_line(&l, ret_keys))
			return 1;
		p = nl ? nl + 1 : end;
	}
	return 0;
}
