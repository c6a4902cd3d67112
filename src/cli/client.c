/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include "cli/cli.h"
#include "cli/client.h"

#define REPLY_MAX (8u << 20)

static int unreachable(const char *path, int e)
{
	fprintf(stderr, "bulkhead: cannot reach the daemon at %s (%s)\n"
			"  Is it running?              bulkhead run --policy FILE --iface IF\n"
			"  Try it without a network:   bulkhead drill\n",
		path, strerror(e));
	return BH_EXIT_UNREACHABLE;
}

/* the strings of the parsed answer go to a terminal; the raw text, escaped as it came, is for programs */
static void plain(json_t *v)
{
	const char *key;
	json_t *child;
	size_t i;

	/* our own daemon's answers are three levels deep */
	if (json_is_string(v))
		bh_cli_plain((char *)(uintptr_t)json_string_value(v));
	json_object_foreach(v, key, child)
		plain(child);
	json_array_foreach(v, i, child)
		plain(child);
}

static bool send_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t w = send(fd, p, n, MSG_NOSIGNAL);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return false;
		p += w;
		n -= (size_t)w;
	}
	return true;
}

int bh_cli_ask(const char *socket_path, const struct bh_api_request *q, json_t **ret_object, char **ret_text)
{
	return bh_cli_ask_body(socket_path, q, NULL, ret_object, ret_text);
}

int bh_cli_ask_body(const char *socket_path, const struct bh_api_request *q, const char *body, json_t **ret_object, char **ret_text)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	bool law = q->verb == BH_API_BREAKER || q->verb == BH_API_DRAWBRIDGE || q->verb == BH_API_POLICY_CONFIRM || q->verb == BH_API_POLICY_ROLLBACK;
	struct timeval wait = {.tv_sec = body || law ? 30 : 10}; /* the daemon answers for a law within 20 s */
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char line[BH_API_LINE + 1], *buf;
	size_t n = bh_api_print(q, line), len = 0;
	json_error_t e;
	ssize_t got = -1;

	if (strlen(socket_path) >= sizeof a.sun_path || !socket_path[0]) {
		fprintf(stderr, "bulkhead: '%s' is no socket path of 1 to %zu bytes\n", socket_path, sizeof a.sun_path - 1);
		if (fd >= 0)
			close(fd);
		return BH_EXIT_USAGE;
	}
	bh_strcpy(a.sun_path, sizeof a.sun_path, socket_path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a)) {
		int err = errno;

		if (fd >= 0)
			close(fd);
		return unreachable(socket_path, err);
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	line[n++] = '\n';
	buf = malloc(REPLY_MAX + 1);
	if (buf && send_all(fd, line, n) && (!body || send_all(fd, body, q->bytes)))
		while (len < REPLY_MAX && (got = recv(fd, buf + len, REPLY_MAX - len, 0)) > 0)
			len += (size_t)got;
	close(fd);
	if (got < 0 || len == 0) {
		free(buf);
		fprintf(stderr, "bulkhead: the daemon %s\n", got < 0 ? "did not answer in time" : "closed the connection without an answer");
		return BH_EXIT_PARTIAL;
	}
	buf[len] = '\0';
	*ret_object = json_loadb(buf, len, 0, &e);
	if (!*ret_object) {
		fprintf(stderr, "bulkhead: the daemon's answer is no JSON (%s)\n", e.text);
		free(buf);
		return BH_EXIT_FAILED;
	}
	plain(*ret_object);
	*ret_text = buf;
	return 0;
}

const char *bh_cli_str(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

long long bh_cli_num(json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

void bh_cli_service(json_t *o, char buf[32])
{
	long long proto = bh_cli_num(o, "proto");

	if (proto == 6 || proto == 17)
		snprintf(buf, 32, "%s/%lld", proto == 6 ? "tcp" : "udp", bh_cli_num(o, "dport"));
	else if (proto == 1 || proto == 58)
		snprintf(buf, 32, "icmp");
	else
		snprintf(buf, 32, "protocol %lld", proto);
}
