/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Windows tells of devices in its event logs (Security 6416, UserPnp 20001 and 20003), and forwarders send those as syslog in forms of
 * their own: JSON (Winlogbeat, NXLog), structured data of RFC 5424 (NXLog), columns with tabs (Snare), the event's text. Each is read for
 * the same few fields and nothing else. What a device calls itself stands inside: in JSON and structured data it is escaped; in plain
 * text it could pretend to be the next field, so of the fields that follow it the last one counts and of those before it the first.
 */
#include <stdio.h>
#include <strings.h>
#include <bulkhead/usb.h>

#define LINE_MAX_BYTES 16384

struct found {
	unsigned id;
	char computer[32], device[200], cls[40], user[32], product[48];
};
struct scan {
	const char *p, *end;
};

static void keep(char *out, size_t size, const char *v, size_t n, bool again)
{
	if (!n || (out[0] && !again))
		return;
	n = n < size ? n : size - 1;
	memset(out, 0, size);
	memcpy(out, v, n);
}
#define KEEP(out, v, n) keep((out), sizeof(out), (v), (n), false)

static bool is(const char *s, size_t n, const char *word)
{
	return strlen(word) == n && strncasecmp(s, word, n) == 0;
}

static unsigned number(const char *s, size_t n)
{
	uint64_t v;

	return bh_word_u64((struct bh_word){s, n}, 99999, &v) ? 0 : (unsigned)v;
}

static void note(struct found *f, const char *key, size_t n, const char *v, size_t len)
{
	const char *dot = memrchr(key, '.', n);

	if (dot) { /* winlog.event_data.DeviceId */
		n -= (size_t)(dot + 1 - key);
		key = dot + 1;
	}
	if (is(key, n, "EventID") || is(key, n, "event_id"))
		f->id = f->id ? f->id : number(v, len);
	else if (is(key, n, "Computer") || is(key, n, "computer_name") || is(key, n, "Hostname"))
		KEEP(f->computer, v, len);
	else if (is(key, n, "DeviceId") || is(key, n, "DeviceInstanceId"))
		KEEP(f->device, v, len);
	else if (is(key, n, "ClassName") || is(key, n, "SetupClass"))
		KEEP(f->cls, v, len);
	else if (is(key, n, "SubjectUserName"))
		KEEP(f->user, v, len);
	else if (is(key, n, "DeviceDescription") || is(key, n, "DriverDescription"))
		KEEP(f->product, v, len);
}

/* ---- JSON: every member with a plain value, however deep it lies ---- */
/* The string that begins at p, a quote; cut to the buffer. What is not ASCII in \u form becomes '?'. */
static size_t json_string(struct scan *s, char *buf, size_t size)
{
	size_t n = 0;
	char c;

	for (s->p++; s->p < s->end && *s->p != '"'; s->p++) {
		c = *s->p;
		if (c == '\\') {
			if (++s->p == s->end)
				break;
			c = *s->p == 'n' || *s->p == 't' || *s->p == 'r' ? ' ' : *s->p;
			if (*s->p == 'u') {
				c = '?';
				if (s->end - s->p > 4 && !memcmp(s->p, "u00", 3)) /* &, ' and their like, which some encoders escape */
					c = s->p[3] == '2' && s->p[4] == '6' ? '&' : s->p[3] == '5' && (s->p[4] | 0x20) == 'c' ? '\\' : '?';
				s->p += s->end - s->p > 4 ? 4 : 0;
			}
		}
		if (n < size)
			buf[n++] = c;
	}
	s->p += s->p < s->end;
	return n;
}

static void blanks(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t'))
		s->p++;
}

static void json(struct scan s, struct found *f)
{
	char key[64], v[256];

	while ((s.p = memchr(s.p, '"', (size_t)(s.end - s.p)))) {
		size_t n = json_string(&s, key, sizeof key), len = 0;

		blanks(&s);
		if (s.p == s.end || *s.p != ':')
			continue;
		s.p++;
		blanks(&s);
		if (s.p < s.end && *s.p == '"') {
			len = json_string(&s, v, sizeof v);
		} else {
			while (s.p < s.end && *s.p >= '0' && *s.p <= '9' && len < sizeof v)
				v[len++] = *s.p++;
		}
		note(f, key, n, v, len);
	}
}

/* ---- RFC 5424: [id key="value" …], several of them; s stands behind ---- */
static void structured(struct scan *s, struct found *f)
{
	char v[256];

	while (s->p < s->end && *s->p == '[') {
		while (s->p < s->end && *s->p != ']') {
			const char *key = s->p;
			size_t n, len = 0;

			while (s->p < s->end && *s->p != '=' && *s->p != ']' && *s->p != ' ')
				s->p++;
			n = (size_t)(s->p - key);
			if (s->end - s->p < 2 || s->p[0] != '=' || s->p[1] != '"') {
				s->p += s->p < s->end && *s->p != ']';
				continue;
			}
			for (s->p += 2; s->p < s->end && *s->p != '"'; s->p++) {
				if (*s->p == '\\' && s->end - s->p > 1 && (s->p[1] == '"' || s->p[1] == '\\' || s->p[1] == ']'))
					s->p++;
				if (len < sizeof v)
					v[len++] = *s->p;
			}
			s->p += s->p < s->end;
			note(f, key, n, v, len);
		}
		s->p += s->p < s->end;
	}
}

/* ---- the event's own text ---- */
/*
 * What stands behind a label up to the next blank that is one, or, of names with blanks in them, up to two blanks, a tab or the end. Of all
 * places of the label one counts, and only there the value is read: a line may hold nothing but labels.
 */
static void label(struct scan s, const char *name, char *out, size_t size, bool last)
{
	const char *at, *from = NULL;
	size_t n = strlen(name);

	while ((last || !from) && (at = memmem(s.p, (size_t)(s.end - s.p), name, n))) {
		struct scan v = {at + n, s.end};

		blanks(&v);
		if (v.p < v.end && *v.p != '\r' && *v.p != '\n')
			from = v.p;
		s.p = v.p;
	}
	if (!from)
		return;
	for (s.p = from; s.p < s.end && *s.p != '\t' && *s.p != '\r' && *s.p != '\n' && !(*s.p == ' ' && (s.end - s.p < 2 || s.p[1] == ' ')); s.p++)
		;
	keep(out, size, from, (size_t)(s.p - from), last);
}

static void first_word(char *s)
{
	s[strcspn(s, " ")] = '\0';
}

static void text(struct scan s, struct found *f)
{
	static const char says[] = "A new external device was recognized by the system";

	if (!f->id && memmem(s.p, (size_t)(s.end - s.p), says, sizeof says - 1))
		f->id = 6416;
	label(s, "Account Name:", f->user, sizeof f->user, false);
	label(s, "Device ID:", f->device, sizeof f->device, false);
	label(s, "Device Name:", f->product, sizeof f->product, false);
	label(s, "Class Name:", f->cls, sizeof f->cls, true);
	first_word(f->user);
	first_word(f->cls);
}

/* Snare: columns by their place; the sixth is the event, the eleventh the computer, the fourteenth the text */
static void snare(struct scan s, struct found *f)
{
	for (unsigned col = 1; s.p < s.end; col++) {
		const char *tab = memchr(s.p, '\t', (size_t)(s.end - s.p));
		size_t n = (size_t)((tab ? tab : s.end) - s.p);

		if (col == 6)
			f->id = number(s.p, n);
		else if (col == 11)
			KEEP(f->computer, s.p, n);
		else if (col == 14) {
			text(s, f);
			return;
		}
		s.p = tab ? tab + 1 : s.end;
	}
}

/* ---- a line ---- */
static void token(struct scan *s, char *out, size_t size)
{
	const char *from;

	while (s->p < s->end && *s->p == ' ')
		s->p++;
	from = s->p;
	while (s->p < s->end && *s->p != ' ')
		s->p++;
	if (out)
		keep(out, size, from, (size_t)(s->p - from), true);
}

/* the header; the name in it is whom the line is about, unless the event says otherwise */
static int header(struct scan *s, char host[32], bool *ret_new)
{
	const char *from = s->p;

	if (s->p < s->end && *s->p == '{')
		return *ret_new = false, 0;
	if (s->p == s->end || *s->p++ != '<')
		return 1;
	while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		s->p++;
	if (s->p - from < 2 || s->p - from > 4 || s->p == s->end || *s->p++ != '>')
		return 1;
	*ret_new = s->end - s->p > 2 && s->p[0] == '1' && s->p[1] == ' ';
	for (unsigned i = 0; i < (*ret_new ? 2u : 3u); i++)
		token(s, NULL, 0);
	token(s, host, 32);
	for (unsigned i = 0; *ret_new && i < 3; i++)
		token(s, NULL, 0);
	blanks(s);
	return 0;
}

static void body(struct scan s, bool new, struct found *f)
{
	static const char tag[] = "MSWinEventLog\t";
	const char *at = memmem(s.p, (size_t)(s.end - s.p), tag, sizeof tag - 1);

	if (at) {
		snare((struct scan){at, s.end}, f);
		return;
	}
	if (new)
		structured(&s, f);
	at = memmem(s.p, (size_t)(s.end - s.p), "{\"", 2);
	if (at)
		json((struct scan){at, s.end}, f);
	else
		text(s, f);
}

/* ---- what it means ---- */
static uint8_t class_of(const char *name)
{
	static const struct {
		const char *name;
		uint8_t cls;
	} names[] = {{"Net", BH_USB_C_NET}, {"{4d36e972-e325-11ce-bfc1-08002be10318}", BH_USB_C_NET}, {"DiskDrive", BH_USB_C_STORAGE},
		{"{4d36e967-e325-11ce-bfc1-08002be10318}", BH_USB_C_STORAGE}, {"CDROM", BH_USB_C_STORAGE}, {"Volume", BH_USB_C_STORAGE}, {"WPD", BH_USB_C_STORAGE},
		{"{eec5ad98-8080-425f-922a-dabf3de3f69a}", BH_USB_C_STORAGE}, {"HIDClass", BH_USB_C_HID}, {"{745a17a0-74d3-11d0-b6fe-00a0c90f57da}", BH_USB_C_HID},
		{"Keyboard", BH_USB_C_HID}, {"{4d36e96b-e325-11ce-bfc1-08002be10318}", BH_USB_C_HID}, {"Mouse", BH_USB_C_HID},
		{"{4d36e96f-e325-11ce-bfc1-08002be10318}", BH_USB_C_HID}, {"Ports", BH_USB_C_SERIAL}, {"{4d36e978-e325-11ce-bfc1-08002be10318}", BH_USB_C_SERIAL},
		{"Modem", BH_USB_C_SERIAL}, {"Bluetooth", BH_USB_C_WIRELESS}, {"{e0cbf06c-cd8b-4647-bb8a-263b43f0f974}", BH_USB_C_WIRELESS}};

	for (size_t i = 0; i < BH_COUNT(names); i++)
		if (strcasecmp(names[i].name, name) == 0)
			return names[i].cls;
	return 0;
}

static bool hex16(const char *s, uint16_t *ret)
{
	unsigned v = 0;

	for (unsigned i = 0; i < 4; i++) {
		char c = s[i] >= 'A' && s[i] <= 'F' ? (char)(s[i] | 0x20) : s[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		v = v << 4 | (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	*ret = (uint16_t)v;
	return true;
}

/* USB\VID_1D6B&PID_0104\SERIAL; an instance with '&' in it is Windows' own invention */
static bool device(const char *id, struct bh_ev_usb *u)
{
	bool hid = strncasecmp(id, "HID\\", 4) == 0;
	const char *at = hid || strncasecmp(id, "USB\\", 4) == 0 ? id + 4 : NULL, *serial = strrchr(id, '\\');

	if (strncasecmp(id, "USBSTOR\\", 8) == 0)
		u->classes |= BH_USB_C_STORAGE;
	else if (at && strncasecmp(at, "ROOT_HUB", 8) == 0)
		u->classes |= BH_USB_C_HUB;
	else if (!at || strncasecmp(at, "VID_", 4) || !hex16(at + 4, &u->vid) || strncasecmp(at + 8, "&PID_", 5) || !hex16(at + 13, &u->pid))
		return false;
	u->classes |= hid ? BH_USB_C_HID : 0;
	if (serial && serial > id + 8 && !strchr(serial, '&'))
		bh_strcpy(u->serial, sizeof u->serial, serial + 1);
	return true;
}

int bh_usb_syslog(const char *line, size_t len, struct bh_ev_usb *ret_usb)
{
	struct bh_ev_usb u = {.op = BH_USB_ADD, .via = BH_USB_SYSLOG};
	struct scan s = {line, line + len};
	struct found f = {0};
	char host[32] = "";
	bool new;

	if (len > LINE_MAX_BYTES || memchr(line, '\0', len) || header(&s, host, &new))
		return 1;
	body(s, new, &f);
	if ((f.id != 6416 && f.id != 20001 && f.id != 20003) || !device(f.device, &u))
		return 1;
	u.classes |= class_of(f.cls);
	bh_strcpy(u.host, sizeof u.host, f.computer[0] ? f.computer : host);
	bh_strcpy(u.product, sizeof u.product, f.product);
	if (f.user[0] && f.user[strlen(f.user) - 1] != '$') /* the machine itself is nobody */
		bh_strcpy(u.user, sizeof u.user, f.user);
	*ret_usb = u;
	return 0;
}
