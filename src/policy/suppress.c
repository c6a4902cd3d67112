/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Findings somebody answers for. A suppression is scoped, has an owner and an end, and never deletes: what it matches is told as
 * info with its owner's name and weighs a tenth. Days are those of UTC, in the proleptic Gregorian calendar.
 */
#include <strings.h>
#include "policy/load.h"

#define DAY BH_HOUR(24)
#define LONGEST 180

/* days since 1970-01-01; years 1970 to 9999 */
static int64_t days_of(int64_t y, unsigned m, unsigned d)
{
	/* years begin in March, so that the leap day is the last of one */
	int64_t year = m <= 2 ? y - 1 : y, era = year / 400, of_era = year - era * 400;
	int64_t of_year = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_of(int64_t days, int64_t *ret_y, unsigned *ret_m, unsigned *ret_d)
{
	int64_t z = days + 719468, era = z / 146097, of_era = z - era * 146097;
	int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * y + y / 4 - y / 100), m = (5 * of_year + 2) / 153;

	*ret_d = (unsigned)(of_year - (153 * m + 2) / 5 + 1);
	*ret_m = (unsigned)(m < 10 ? m + 3 : m - 9);
	*ret_y = y + era * 400 + (*ret_m <= 2);
}

void bh_put_date(bh_ns day, struct bh_text *t)
{
	unsigned m, d;
	int64_t y;

	date_of((int64_t)(day / DAY), &y, &m, &d);
	bh_putf(t, "%04d-%02u-%02u", (int)y, m, d);
}

static void load_date(struct bh_load *l, const struct bh_field *f, const struct bh_node *v, void *base)
{
	uint64_t part[3] = {0};
	int64_t days, y;
	unsigned m, d;
	bool good = v->kind == BH_NODE_SCALAR && v->len == 10 && v->text[4] == '-' && v->text[7] == '-';

	good = good && !bh_word_u64((struct bh_word){v->text, 4}, 9999, &part[0]) && !bh_word_u64((struct bh_word){v->text + 5, 2}, 12, &part[1]) &&
	       !bh_word_u64((struct bh_word){v->text + 8, 2}, 31, &part[2]) && part[0] >= 1970 && part[0] < 2500 && part[1] && part[2];
	if (good) {
		days = days_of((int64_t)part[0], (unsigned)part[1], (unsigned)part[2]);
		date_of(days, &y, &m, &d); /* the 31st of a short month would be another day */
		good = m == part[1] && d == part[2];
	}
	if (!good) {
		bh_diag(l->d, BH_DIAG_ERROR, v->at, "'%s' is a day like 2026-11-28", f->key);
		return;
	}
	*(bh_ns *)base = (bh_ns)days * DAY;
}

static void schema_date(const struct bh_field *f, struct bh_text *t)
{
	bh_put(t, "\"type\": \"string\", \"pattern\": \"^[0-9]{4}-[0-9]{2}-[0-9]{2}$\"");
}

const struct bh_type bh_type_date = {load_date, schema_date};

void bh_end_suppress(struct bh_load *l, void *elem, const struct bh_node *at)
{
	struct bh_suppress *s = elem;

	if (!bh_node_get(at, "since") || !bh_node_get(at, "until"))
		return;
	if (!s->since || !s->until)
		; /* said already */
	else if (s->until < s->since)
		bh_diag(l->d, BH_DIAG_ERROR, bh_node_mark(at, "until"), "it ends before it begins");
	else if (s->until - s->since > LONGEST * DAY)
		bh_diag(l->d, BH_DIAG_ERROR, bh_node_mark(at, "until"), "a suppression lasts at most %d days; look at it again then", LONGEST);
	if (!bh_node_get(at, "source") && !bh_node_get(at, "target") && !bh_node_get(at, "account"))
		bh_diag(l->d, BH_DIAG_ERROR, at->at, "a suppression of everything '%s' finds; give it source, target or account", s->detector);
	if (s->approver[0] && strcasecmp(s->approver, s->owner) == 0)
		bh_diag(l->d, BH_DIAG_ERROR, bh_node_mark(at, "approved-by"), "the owner cannot be the second person");
}

static bool among(const struct bh_prefixes *s, const struct bh_addr *a)
{
	for (size_t i = 0; i < s->n; i++)
		if (bh_net_has(&s->v[i], a))
			return true;
	return s->n == 0;
}

bool bh_policy_dark(const struct bh_policy *p, const struct bh_addr *a)
{
	return p->dark.n && among(&p->dark, a);
}

const struct bh_suppress *bh_policy_suppressed(const struct bh_policy *p, const char *detector, const struct bh_addr *src, const struct bh_addr *dst,
					       const char *account, bh_ns at)
{
	for (size_t i = 0; i < p->n_suppresses; i++) {
		const struct bh_suppress *s = &p->suppresses[i];

		if (strcmp(s->detector, detector) == 0 && at >= s->since && at < s->until + DAY && among(&s->source, src) && among(&s->target, dst) &&
			(!s->account[0] || strcasecmp(s->account, account) == 0))
			return s;
	}
	return NULL;
}
