/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * policy - what a network engineer writes, loaded once, checked as a whole, then only asked.
 *
 * A load has five steps, each in its own file. yaml.c turns bytes into nodes under the strict
 * profile. bind.c walks the table of table.c over the nodes and fills the structs; types.c and
 * refs.c hold the types, refs.c those with addresses. check.c looks at the whole: overlaps,
 * shadows, pins nobody can carry. index.c builds what the questions need. Every step goes on after
 * a mistake as far as it makes sense, so one run tells all of them, sorted by place.
 *
 * The law is short. Between zones nothing passes unless a pin or a conduit says so; inside a zone
 * everything does, unless the zone denies it too. Pins are asked first because nothing may overrule them. A conduit speaks of who
 * opens the connection; answers follow.
 */
#include <errno.h>
#include <sodium/crypto_hash_sha256.h>
#include <stdlib.h>
#include "policy/load.h"

static const char builtin_text[] = "version: 1\n"
				   "site: built-in\n"
				   "zones:\n"
				   "  inside: {networks: [10.0.0.0/8, 172.16.0.0/12, "
				   "192.168.0.0/16, 169.254.0.0/16, 127.0.0.0/8,\n"
				   "    'fc00::/7', 'fe80::/10', '::1'], purdue: 4}\n"
				   "  outside: {networks: [0.0.0.0/0, '::/0'], purdue: 5}\n"
				   "conduits:\n"
				   "  - {name: outward, from: inside, to: outside, allow: [any]}\n"
				   "response: {mode: observe}\n";

static void hash_text(const char *text, size_t len, char out[65])
{
	static const char hex[] = "0123456789abcdef";
	unsigned char h[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(h, (const unsigned char *)text, len);
	for (size_t i = 0; i < sizeof h; i++) {
		out[2 * i] = hex[h[i] >> 4];
		out[2 * i + 1] = hex[h[i] & 15];
	}
	out[64] = '\0';
}

static struct bh_policy *new_policy(const char *file)
{
	struct bh_policy *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->index = bh_index_new();
	if (!p->index) {
		free(p);
		return NULL;
	}
	bh_strcpy(p->file, sizeof p->file, file);
	p->response = (struct bh_response){.mode = BH_MODE_OBSERVE,
		.profile = BH_PROFILE_BALANCED,
		.ttl_shield = BH_MIN(30),
		.ttl_contain = BH_MIN(60),
		.ttl_isolate = BH_HOUR(4),
		.burst = 3,
		.per_hour = 10,
		.share_zone_ppm = 50000,
		.share_role_ppm = 250000};
	return p;
}

static void load_fini(struct bh_load *l)
{
	for (size_t i = 0; i < l->n_services; i++)
		free(l->services[i].allow.v);
	free(l->services);
	free(l->zone_at);
	free(l->host_at);
	free(l->conduit_at);
	free(l->pin_at);
	free(l->refs);
	free(l->remedy.to.v);
	free(l->remedy.allow.v);
}

static int load_nodes(struct bh_load *l, const struct bh_node *root)
{
	struct bh_mark top = {{1, 1}, 1};

	if (!root || (root->kind == BH_NODE_SCALAR && !root->len)) {
		bh_diag(l->d, BH_DIAG_ERROR, top,
			"the policy is empty; it needs at least 'version: 1' and 'zones'");
		return 0;
	}
	bh_bind(l, &bh_root_shape, root, l->p);
	if (!l->error)
		l->error = bh_index_build(l->p);
	if (!l->error)
		bh_check(l, root);
	return l->error;
}

int bh_policy_load(const char *text, size_t len, const char *file, struct bh_diags *diags,
	struct bh_policy **ret_policy)
{
	struct bh_load l = {.p = new_policy(file), .d = diags};
	struct bh_arena arena = {0};
	struct bh_node *root = NULL;
	int r;

	if (!l.p)
		return -ENOMEM;
	r = bh_yaml_parse(text, len, diags, &arena, &root);
	if (r == 0)
		r = load_nodes(&l, root);
	if (r >= 0 && diags->errors)
		r = 1;
	if (r == 0) {
		hash_text(text, len, l.p->sha256);
		*ret_policy = l.p;
	} else {
		bh_policy_free(l.p);
	}
	bh_diags_sort(diags);
	load_fini(&l);
	bh_arena_fini(&arena);
	return r;
}

struct bh_policy *bh_policy_builtin(void)
{
	struct bh_diags d = {0};
	struct bh_policy *p = NULL;
	int r = bh_policy_load(builtin_text, sizeof builtin_text - 1, "built-in", &d, &p);

	bh_diags_fini(&d);
	if (r != 0)
		return NULL;
	p->sha256[0] = '\0';
	for (size_t i = 0; i < p->n_zones; i++)
		p->zones[i].pos = (struct bh_pos){0, 0};
	for (size_t i = 0; i < p->n_conduits; i++)
		p->conduits[i].pos = (struct bh_pos){0, 0};
	return p;
}

void bh_policy_free(struct bh_policy *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n_zones; i++) {
		free(p->zones[i].nets.v);
		free(p->zones[i].interfaces);
	}
	for (size_t i = 0; i < p->n_hosts; i++)
		free(p->hosts[i].addrs);
	for (size_t i = 0; i < p->n_conduits; i++) {
		free(p->conduits[i].allow.v);
		free(p->conduits[i].apps);
		free(p->conduits[i].from_hosts.v);
		free(p->conduits[i].to_hosts.v);
	}
	for (size_t i = 0; i < p->n_pins; i++) {
		free(p->pins[i].from.v);
		free(p->pins[i].to.v);
		free(p->pins[i].allow.v);
	}
	for (size_t i = 0; i < p->n_remedies; i++)
		free(p->remedies[i].allow.v);
	for (size_t i = 0; i < p->n_suppresses; i++) {
		free(p->suppresses[i].source.v);
		free(p->suppresses[i].target.v);
	}
	free(p->suppresses);
	free(p->dark.v);
	for (size_t i = 0; i < p->n_canaries; i++)
		free(p->canaries[i].hosts.v);
	free(p->management.from.v);
	free(p->management.allow.v);
	free(p->zones);
	free(p->hosts);
	free(p->conduits);
	free(p->pins);
	free(p->remedies);
	free(p->canaries);
	bh_index_free(p->index);
	free(p);
}

const char *bh_mode_name(unsigned mode)
{
	static const char *const name[BH_MODE_COUNT] = {"observe", "ask", "auto"};

	return mode < BH_MODE_COUNT ? name[mode] : "?";
}

const char *bh_profile_name(unsigned profile)
{
	static const char *const name[BH_PROFILE_COUNT] = {"shield-only", "balanced", "aggressive"};

	return profile < BH_PROFILE_COUNT ? name[profile] : "?";
}

const char *bh_role_name(unsigned role)
{
	static const char *const name[BH_ROLE_COUNT] = {
#define X(id, text) [BH_ROLE_##id] = text,
		BH_ROLES(X)
#undef X
	};

	return role < BH_ROLE_COUNT ? name[role] : "?";
}
