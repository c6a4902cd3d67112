/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * JSON, appended. Once something did not fit the text is spoilt and stays so: the caller drops the whole record, never a
 * part of it. Strings are copied in runs of plain bytes; only quotes, backslashes, controls and broken UTF-8 stop a run.
 * What we make ourselves (numbers, addresses, times) is known to be plain and not looked at again.
 */
#include <bulkhead/report.h>

struct bh_json bh_json(char *buf, size_t cap)
{
	return (struct bh_json){.p = buf, .cap = cap, .first = {true}};
}

/* where n bytes go, or NULL: did not fit */
static char *room(struct bh_json *j, size_t n)
{
	char *p = j->p + j->len;

	if (j->truncated || n > j->cap - j->len) {
		j->truncated = true;
		return NULL;
	}
	j->len += n;
	return p;
}

/* keys and words are short: two overlapping moves instead of a call */
static void copy(char *p, const char *s, size_t n)
{
	uint64_t a, b;
	uint32_t c, d;

	if (n > 16) {
		memcpy(p, s, n);
	} else if (n >= 8) {
		memcpy(&a, s, 8);
		memcpy(&b, s + n - 8, 8);
		memcpy(p, &a, 8);
		memcpy(p + n - 8, &b, 8);
	} else if (n >= 4) {
		memcpy(&c, s, 4);
		memcpy(&d, s + n - 4, 4);
		memcpy(p, &c, 4);
		memcpy(p + n - 4, &d, 4);
	} else {
		for (size_t i = 0; i < n; i++)
			p[i] = s[i];
	}
}

static void raw(struct bh_json *j, const char *s, size_t n)
{
	char *p = room(j, n);

	if (p)
		copy(p, s, n);
}

static void byte(struct bh_json *j, char c)
{
	char *p = room(j, 1);

	if (p)
		*p = c;
}

/* length of the valid UTF-8 sequence at s, 0 = none (RFC 3629: no overlong form, no surrogate, at most U+10FFFF) */
static size_t utf8(const unsigned char *s, size_t left)
{
	unsigned c = s[0];

	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c <= 0xdf)
		return left >= 2 && (s[1] & 0xc0) == 0x80 ? 2 : 0;
	if ((c & 0xf0) == 0xe0) {
		if (left < 3 || (s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80)
			return 0;
		if ((c == 0xe0 && s[1] < 0xa0) || (c == 0xed && s[1] > 0x9f))
			return 0;
		return 3;
	}
	if (c >= 0xf0 && c <= 0xf4) {
		if (left < 4 || (s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80 || (s[3] & 0xc0) != 0x80)
			return 0;
		if ((c == 0xf0 && s[1] < 0x90) || (c == 0xf4 && s[1] > 0x8f))
			return 0;
		return 4;
	}
	return 0;
}

static void escape(struct bh_json *j, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char u[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

	switch (c) {
	case '"':
		raw(j, "\\\"", 2);
		break;
	case '\\':
		raw(j, "\\\\", 2);
		break;
	case '\n':
		raw(j, "\\n", 2);
		break;
	case '\r':
		raw(j, "\\r", 2);
		break;
	case '\t':
		raw(j, "\\t", 2);
		break;
	default:
		raw(j, u, 6);
	}
}

static bool plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

#define EACH(c) (0x0101010101010101ull * (c))
#define ZERO_IN(v) (((v) - EACH(1)) & ~(v))

/* Eight at once. Says no too often behind a byte that is not plain, never yes wrongly: then they are looked at one by one. */
static bool plain8(const unsigned char *p)
{
	uint64_t v, quote, slash, del;

	memcpy(&v, p, 8);
	quote = v ^ EACH('"');
	slash = v ^ EACH('\\');
	del = v ^ EACH(0x7f);
	return !((v | ((v - EACH(0x20)) & ~v) | ZERO_IN(quote) | ZERO_IN(slash) | ZERO_IN(del)) & EACH(0x80));
}

static void string(struct bh_json *j, const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t run = 0, i = 0;

	byte(j, '"');
	while (i < n) {
		size_t len;

		if (n - i >= 8 && plain8(p + i)) {
			i += 8;
			continue;
		}
		if (plain(p[i])) {
			i++;
			continue;
		}
		len = p[i] < 0x80 ? 0 : utf8(p + i, n - i);
		if (len) {
			i += len;
			continue;
		}
		raw(j, s + run, i - run);
		if (p[i] < 0x80)
			escape(j, p[i]);
		else
			raw(j, "\xef\xbf\xbd", 3);
		run = ++i;
	}
	raw(j, s + run, n - run);
	byte(j, '"');
}

/* the comma and the key before a value; keys are ours: plain words */
static void lead(struct bh_json *j, struct bh_key key)
{
	size_t n = key.n, comma = !j->first[j->depth];
	char *p = room(j, comma + (key.p ? n + 3 : 0));

	j->first[j->depth] = false;
	if (!p)
		return;
	if (comma)
		*p++ = ',';
	if (!key.p)
		return;
	*p++ = '"';
	copy(p, key.p, n);
	p[n] = '"';
	p[n + 1] = ':';
}

/* text of ours, known to be plain */
static void quoted(struct bh_json *j, struct bh_key key, const char *s, size_t n)
{
	char *p;

	lead(j, key);
	p = room(j, n + 2);
	if (!p)
		return;
	p[0] = p[n + 1] = '"';
	copy(p + 1, s, n);
}

void bh_json_key_open(struct bh_json *j, struct bh_key key, char bracket)
{
	lead(j, key);
	byte(j, bracket);
	if (j->depth + 1 == BH_JSON_DEPTH) {
		j->truncated = true;
		return;
	}
	j->first[++j->depth] = true;
}

void bh_json_close(struct bh_json *j, char bracket)
{
	byte(j, bracket);
	if (j->depth)
		j->depth--;
}

void bh_json_key_strn(struct bh_json *j, struct bh_key key, const char *s, size_t n)
{
	lead(j, key);
	string(j, s, n);
}

/* v < 100 */
static void two(char *p, unsigned v)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748"
				    "49505152535455565758596061626364656667686970717273747576777879808182838485868788899091929394959697"
				    "9899";

	memcpy(p, pairs + 2 * v, 2);
}

static size_t digits(char buf[20], uint64_t v)
{
	char rev[20], *p = rev + sizeof rev;
	size_t n;

	for (; v >= 100; v /= 100)
		two(p -= 2, (unsigned)(v % 100));
	if (v >= 10)
		two(p -= 2, (unsigned)v);
	else
		*--p = (char)('0' + v);
	n = (size_t)(rev + sizeof rev - p);
	memcpy(buf, p, n);
	return n;
}

void bh_json_key_u64(struct bh_json *j, struct bh_key key, uint64_t v)
{
	char buf[20];

	lead(j, key);
	raw(j, buf, digits(buf, v));
}

void bh_json_key_i64(struct bh_json *j, struct bh_key key, int64_t v)
{
	char buf[20];

	lead(j, key);
	if (v < 0)
		byte(j, '-');
	raw(j, buf, digits(buf, v < 0 ? 0 - (uint64_t)v : (uint64_t)v));
}

void bh_json_key_bool(struct bh_json *j, struct bh_key key, bool v)
{
	lead(j, key);
	raw(j, v ? "true" : "false", v ? 4 : 5);
}

static size_t octet(char *p, unsigned v)
{
	if (v < 10) {
		*p = (char)('0' + v);
		return 1;
	}
	if (v < 100) {
		two(p, v);
		return 2;
	}
	*p = (char)('0' + v / 100);
	two(p + 1, v % 100);
	return 3;
}

void bh_json_key_addr(struct bh_json *j, struct bh_key key, const struct bh_addr *a)
{
	char buf[BH_ADDR_TEXT];

	if (bh_addr_is4(a)) {
		size_t n = 0;

		for (int i = 12; i < 16; i++) {
			n += octet(buf + n, a->b[i]);
			buf[n++] = '.';
		}
		quoted(j, key, buf, n - 1);
		return;
	}
	bh_addr_print(a, buf);
	quoted(j, key, buf, strlen(buf));
}

void bh_json_key_mac(struct bh_json *j, struct bh_key key, const struct bh_mac *m)
{
	char buf[BH_MAC_TEXT];

	bh_mac_print(m, buf);
	quoted(j, key, buf, strlen(buf));
}

/* days since 1970 to civil date: Hinnant's algorithm, years 0-9999 */
static void civil(uint64_t days, unsigned *y, unsigned *m, unsigned *d)
{
	uint64_t z = days + 719468, era = z / 146097, doe = z - era * 146097;
	uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	*d = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
	*m = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
	*y = (unsigned)(yoe + era * 400 + (*m <= 2));
}

static void date(char *buf, uint64_t day)
{
	unsigned y, m, d;

	civil(day, &y, &m, &d);
	memcpy(buf, "YYYY-MM-DDThh:mm:ss.uuuuuu+hhmm", 31);
	two(buf, y / 100 % 100);
	two(buf + 2, y % 100);
	two(buf + 5, m);
	two(buf + 8, d);
}

void bh_json_key_time(struct bh_json *j, struct bh_key key, bh_ns at, int32_t offset_s)
{
	char *buf = j->time;
	int64_t secs = (int64_t)(at / BH_SEC(1)) + offset_s;
	uint64_t s = secs > 0 ? (uint64_t)secs : 0;
	unsigned in_day = (unsigned)(s % 86400), us = (unsigned)(at % BH_SEC(1) / 1000);
	unsigned off = (unsigned)(offset_s < 0 ? -offset_s : offset_s);

	if (!buf[0] || j->time_day != s / 86400) { /* the times of a record are mostly of one day */
		j->time_day = s / 86400;
		date(buf, j->time_day);
	}
	two(buf + 11, in_day / 3600);
	two(buf + 14, in_day / 60 % 60);
	two(buf + 17, in_day % 60);
	two(buf + 20, us / 10000);
	two(buf + 22, us / 100 % 100);
	two(buf + 24, us % 100);
	buf[26] = offset_s < 0 ? '-' : '+';
	two(buf + 27, off / 3600 % 100);
	two(buf + 29, off / 60 % 60);
	quoted(j, key, buf, sizeof j->time);
}

void bh_incident_print(char buf[24], bh_ns at, uint32_t incident)
{
	struct bh_text t = bh_text(buf, 24);
	unsigned y, m, d;

	civil(at / BH_SEC(86400), &y, &m, &d);
	bh_putf(&t, "BH-%04u-%04u", y, incident);
}
