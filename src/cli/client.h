/* SPDX-License-Identifier: GPL-3.0-or-later */
/* client - one request to the daemon, one JSON object back */
#ifndef BH_CLI_CLIENT_H
#define BH_CLI_CLIENT_H

#include <jansson.h>
#include <bulkhead/control.h>

/* Complains on stderr. 0 with the object and its text (malloc'ed), or the exit code. */
int bh_cli_ask_body(const char *socket_path, const struct bh_api_request *q, const char *body, json_t **ret_object, char **ret_text); /* q->bytes of it */
int bh_cli_ask(const char *socket_path, const struct bh_api_request *q, json_t **ret_object, char **ret_text);

/* Of an answer: "" or 0 when it lacks the key. */
const char *bh_cli_str(json_t *o, const char *key);
long long bh_cli_num(json_t *o, const char *key);
void bh_cli_service(json_t *o, char buf[32]); /* its proto and dport: "tcp/445", "icmp" */

#endif
