/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Paths with wildcards. The set of places in the pattern that the name may have reached so far is
 * kept while the name is read once, so that no name, however made, takes long.
 */
#include "policy/load.h"

size_t bh_glob_tidy(char *path)
{
	size_t from = 0, to = 0, wild = 0;

	while (path[from] == '/' || path[from] == '\\')
		from++;
	for (; path[from]; from++, to++) {
		path[to] = path[from] == '\\' ? '/' : path[from];
		wild += path[to] == '*' || path[to] == '?';
	}
	path[to] = '\0';
	return wild;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* what may be passed over without a character: stars */
static void skip(const char *g, size_t n, bool *at)
{
	for (size_t i = 0; i < n; i++)
		if (at[i] && g[i] == '*')
			at[i + 1] = true;
}

bool bh_glob_fits(const char *glob, const char *name)
{
	bool now[BH_GLOB + 1] = {true}, next[BH_GLOB + 1];
	size_t n = strlen(glob);

	if (n >= BH_GLOB)
		return false;
	skip(glob, n, now);
	for (; *name; name++) {
		memset(next, 0, sizeof next);
		for (size_t i = 0; i < n; i++) {
			bool deep = glob[i] == '*' && (glob[i + 1] == '*' || (i && glob[i - 1] == '*'));

			if (!now[i])
				continue;
			if (glob[i] == '*' && (*name != '/' || deep))
				next[i] = true;
			else if (glob[i] == '?' ? *name != '/'
						: lower(glob[i]) == lower(*name))
				next[i + 1] = true;
		}
		skip(glob, n, next);
		memcpy(now, next, sizeof now);
	}
	return now[n];
}

/* "a.docx::$DATA" is a.docx, and another stream of it is part of it */
static const char *file_of(const char *path, char *buf, size_t size)
{
	const char *slash = strrchr(path, '/'), *colon = strchr(slash ? slash : path, ':');

	if (!colon || (size_t)(colon - path) >= size)
		return path;
	memcpy(buf, path, (size_t)(colon - path));
	buf[colon - path] = 0;
	return buf;
}

const struct bh_canary *bh_policy_canary_of(const struct bh_policy *p, const struct bh_addr *server,
	const char *share, const char *path)
{
	char buf[256];

	path = file_of(path, buf, sizeof buf);
	for (size_t i = 0; i < p->n_canaries; i++) {
		const struct bh_canary *c = &p->canaries[i];

		if (strcasecmp(c->share, share) == 0 &&
			(!c->hosts.n || bh_nets_have(&c->hosts, server)) &&
			bh_glob_fits(c->path, path))
			return c;
	}
	return NULL;
}
