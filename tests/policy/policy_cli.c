/* SPDX-License-Identifier: GPL-3.0-or-later */
/* "bulkhead policy" alone */
#include "cli/cli.h"

int main(int argc, char **argv)
{
	return bh_cli_policy(argc, argv);
}
