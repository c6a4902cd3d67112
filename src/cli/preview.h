/* SPDX-License-Identifier: GPL-3.0-or-later */
/* preview - what a cut would break, for a terminal; and where the person asking sits */
#ifndef BH_CLI_PREVIEW_H
#define BH_CLI_PREVIEW_H

#include "cli/client.h"

void bh_cli_preview_print(json_t *preview);
void bh_cli_session(struct bh_addr *ret_addr); /* none = at this machine, or not known */

#endif
