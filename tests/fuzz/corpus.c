/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs a fuzz target over every file of its corpus folder, then over truncations and bit flips of each: an ordinary test. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t run_variants(const uint8_t *data, size_t size)
{
	/* exact-size heap copies, so ASan sees a read past the end */
	size_t runs = 0, step = size / 64 + 1;
	uint8_t *p;

	for (size_t n = 0; n <= size; n += (n + step <= size || n == size) ? step : size - n) {
		p = malloc(n ? n : 1);
		if (!p)
			abort();
		memcpy(p, data, n);
		LLVMFuzzerTestOneInput(p, n);
		if (n) {
			p[n - 1] ^= 0xff;
			LLVMFuzzerTestOneInput(p, n);
			p[(n * 7) / 11] ^= 0x55;
			LLVMFuzzerTestOneInput(p, n);
		}
		free(p);
		runs += n ? 3 : 1;
		if (n == size)
			break;
	}
	return runs;
}

int main(int argc, char **argv)
{
	size_t files = 0, runs = 0;
	struct dirent *e;
	DIR *d;

	if (argc != 2 || !(d = opendir(argv[1]))) {
		fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
		return 2;
	}
	while ((e = readdir(d))) {
		static uint8_t buf[1 << 20];
		char path[4096];
		size_t n;
		FILE *f;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s", argv[1], e->d_name);
		f = fopen(path, "rb");
		if (!f)
			continue;
		n = fread(buf, 1, sizeof buf, f);
		fclose(f);
		files++;
		runs += run_variants(buf, n);
	}
	closedir(d);
	printf("%zu seeds, %zu runs\n", files, runs);
	return files ? 0 : 1; /* an empty corpus tests nothing */
}
