/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "daemon/keep.h"

static int write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return w < 0 ? -errno : -EIO;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

int bh_keep_save(int dir, const char *name, const char *text, size_t len)
{
	char tmp[64];
	int fd, r;

	if (snprintf(tmp, sizeof tmp, ".%s.new", name) >= (int)sizeof tmp)
		return -ENAMETOOLONG;
	(void)!unlinkat(dir, tmp, 0); /* of a run that died inside */
	fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	r = write_all(fd, text, len);
	if (r == 0 && fsync(fd))
		r = -errno;
	close(fd);
	if (r == 0 && renameat(dir, tmp, dir, name))
		r = -errno;
	if (r < 0)
		(void)!unlinkat(dir, tmp, 0);
	else
		(void)!fsync(dir);
	return r;
}

int bh_keep_load(int dir, const char *name, size_t max, char **ret_text, size_t *ret_len)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	size_t len = 0;
	ssize_t n;
	char *p;
	int r = 0;

	if (fd < 0)
		return errno == ENOENT ? 1 : -errno;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		r = -EINVAL;
	else if ((uintmax_t)st.st_size > max)
		r = -EFBIG;
	p = r == 0 ? malloc((size_t)st.st_size + 1) : NULL;
	if (r == 0 && !p)
		r = -ENOMEM;
	while (r == 0 && len < (size_t)st.st_size && (n = read(fd, p + len, (size_t)st.st_size - len)) != 0) {
		if (n < 0 && errno != EINTR)
			r = -errno;
		else if (n > 0)
			len += (size_t)n;
	}
	close(fd);
	if (r < 0) {
		free(p);
		return r;
	}
	p[len] = '\0';
	*ret_text = p;
	*ret_len = len;
	return 0;
}

int bh_boot_wrap(const char *plan, size_t len, bh_ns at, char **ret_text, size_t *ret_len)
{
	char *p = malloc(len + 96);
	int n;

	if (!p)
		return -ENOMEM;
	n = snprintf(p, 96, "bulkhead-boot 1 at=%" PRIu64 " sum=%016" PRIx64 "\n", (uint64_t)at, bh_hash(plan, len, at));
	memcpy(p + n, plan, len);
	*ret_text = p;
	*ret_len = (size_t)n + len;
	return 0;
}

int bh_boot_unwrap(const char *text, size_t len, const char **ret_plan, size_t *ret_len, bh_ns *ret_at, char why[96])
{
	const char *nl = memchr(text, '\n', len < 96 ? len : 96);
	uint64_t at, sum;
	char head[97];
	int end = 0;

	bh_strcpy(why, 96, "not a boot plan of this program");
	if (!nl)
		return 1;
	memcpy(head, text, (size_t)(nl - text));
	head[nl - text] = '\0';
	if (sscanf(head, "bulkhead-boot 1 at=%20" SCNu64 " sum=%16" SCNx64 "%n", &at, &sum, &end) != 2 || head[end])
		return 1;
	len -= (size_t)(nl + 1 - text);
	if (bh_hash(nl + 1, len, at) != sum) {
		bh_strcpy(why, 96, "the checksum does not fit: the file is damaged or was edited");
		return 1;
	}
	*ret_plan = nl + 1;
	*ret_len = len;
	*ret_at = at;
	return 0;
}
