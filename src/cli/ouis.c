/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who made a network card, from Debian's ieee-data where it is installed, and the newer prefixes this program carries. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/cli.h"

static void add(struct bh_ouis *o, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t skipped = 0;
	struct stat st;
	size_t len = 0;
	ssize_t n;
	char *text;

	if (fd < 0)
		return;
	text = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size < 64 << 20 ? malloc((size_t)st.st_size + 1) : NULL;
	while (text && len < (size_t)st.st_size && (n = read(fd, text + len, (size_t)st.st_size - len)) > 0)
		len += (size_t)n;
	if (text)
		bh_ouis_add(o, text, len, &skipped);
	free(text);
	close(fd);
}

struct bh_ouis *bh_cli_load_ouis(void)
{
	static const char *const files[] = {"/usr/share/ieee-data/oui.csv", "/usr/share/ieee-data/mam.csv", "/usr/share/ieee-data/oui36.csv"};
	struct bh_ouis *o;
	uint64_t skipped = 0;
	const char *text;
	size_t len;

	if (bh_ouis_open(&o))
		return NULL;
	for (size_t i = 0; i < BH_COUNT(files); i++)
		add(o, files[i]);
	text = bh_ouis_builtin_text(&len);
	bh_ouis_add(o, text, len, &skipped);
	return o;
}
