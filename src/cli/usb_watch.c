/* SPDX-License-Identifier: GPL-3.0-or-later */
/* usb-watch: the companion on an endpoint, and its key. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/cli.h"
#include "daemon/usb_watch.h"

static const char more[] =
	"       --to HOST:PORT   the sensor, `bulkhead run --usb-listen`; [ADDRESS]:PORT for IPv6\n"
	"       --key FILE       the secret key that its datagrams are signed with; nobody else may read the file\n"
	"       --name NAME      what this machine calls itself (default: its host name up to the first dot)\n"
	"       --sysfs DIR      (default /sys)\n"
	"       --once           tells what is plugged in now, and ends\n"
	"       --make-key FILE  writes a new secret key (mode 0600) and prints the line for the sensor's key file\n";

struct args {
	struct bh_usb_watch_opts o;
	const char *key, *make;
	char name[32], host[256], port[8];
};

/* "sensor:7788", "[::1]:7788" */
static int split(const char *s, struct args *a)
{
	const char *colon = strrchr(s, ':');
	size_t n = colon ? (size_t)(colon - s) : 0;

	if (!colon || !n || n >= sizeof a->host || !colon[1] || strlen(colon + 1) > 5 || colon[1 + strspn(colon + 1, "0123456789")])
		return 1;
	if (s[0] == '[' && n > 2 && colon[-1] == ']') {
		s++;
		n -= 2;
	} else if (memchr(s, ':', n)) {
		return 1;
	}
	memcpy(a->host, s, n);
	a->host[n] = '\0';
	bh_strcpy(a->port, sizeof a->port, colon + 1);
	a->o.host = a->host;
	a->o.port = a->port;
	return 0;
}

static int make_key(const char *path, const char *name)
{
	struct bh_usb_secret secret;
	char text[48], line[BH_USB_KEY_TEXT];
	uint8_t seed[32];
	int fd;

	if (getrandom(seed, sizeof seed, 0) != sizeof seed)
		return BH_EXIT_FAILED;
	bh_usb_secret_make(seed, &secret);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || dprintf(fd, "%s\n", bh_usb_secret_print(&secret, text)) < 0 || fsync(fd) || close(fd)) {
		fprintf(stderr, "bulkhead: cannot write %s: %m%s\n", path, errno == EEXIST ? "; a key is not overwritten" : "");
		return BH_EXIT_FAILED;
	}
	printf("%s\n", bh_usb_key_print(name, &secret, line));
	return 0;
}

static int load_key(const char *path, struct bh_usb_secret *ret_secret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char text[64];
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) || (n = read(fd, text, sizeof text)) < 0) {
		fprintf(stderr, "bulkhead: cannot read the key %s: %m\n", path);
		if (fd >= 0)
			close(fd);
		return errno == EACCES ? BH_EXIT_DENIED : BH_EXIT_INVALID;
	}
	close(fd);
	if (st.st_mode & 077) {
		fprintf(stderr, "bulkhead: others may read the key %s: chmod 600, and make a new one if anybody did\n", path);
		return BH_EXIT_REFUSED;
	}
	if (bh_usb_secret_parse(text, (size_t)n, ret_secret)) {
		fprintf(stderr, "bulkhead: %s holds no key: `bulkhead usb-watch --make-key FILE` makes one\n", path);
		return BH_EXIT_INVALID;
	}
	return 0;
}

static void own_name(char name[32])
{
	char host[65] = "";

	(void)!gethostname(host, sizeof host - 1);
	host[strcspn(host, ".")] = '\0';
	bh_strcpy(name, 32, host);
}

static int parse(struct args *a, int argc, char **argv, bool *ret_help)
{
	static const struct option longs[] = {{"to", 1, 0, 't'}, {"key", 1, 0, 'k'}, {"name", 1, 0, 'n'}, {"sysfs", 1, 0, 's'}, {"once", 0, 0, 'o'}, {"make-key", 1, 0, 'm'},
		{"help", 0, 0, 'h'}, {0}};
	int c;

	*ret_help = false;
	optind = 1;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 't':
			if (split(optarg, a)) {
				fprintf(stderr, "bulkhead: --to takes HOST:PORT or [ADDRESS]:PORT, not '%s'\n", optarg);
				return BH_EXIT_USAGE;
			}
			break;
		case 'k':
			a->key = optarg;
			break;
		case 'n':
			a->o.name = optarg;
			break;
		case 's':
			a->o.sysfs = optarg;
			break;
		case 'o':
			a->o.once = true;
			break;
		case 'm':
			a->make = optarg;
			break;
		default:
			*ret_help = c == 'h';
			return bh_cli_usage("usb-watch", more, c == 'h' ? 0 : BH_EXIT_USAGE);
		}
	}
	if (optind != argc || (!a->make && (!a->o.host || !a->key)))
		return bh_cli_usage("usb-watch", more, BH_EXIT_USAGE);
	return 0;
}

int bh_cli_usb_watch(int argc, char **argv)
{
	struct args a = {.o = {.sysfs = "/sys"}};
	bool help;
	int r;

	own_name(a.name);
	a.o.name = a.name;
	r = parse(&a, argc, argv, &help);
	if (r || help)
		return r;
	if (!bh_usb_name_ok(a.o.name)) {
		fprintf(stderr, "bulkhead: '%s' is no name: 1 to 31 letters, digits, '-', '_' and '.'; give one with --name\n", a.o.name);
		return BH_EXIT_USAGE;
	}
	if (a.make)
		return make_key(a.make, a.o.name);
	r = load_key(a.key, &a.o.secret);
	return r ? r : bh_usb_watch(&a.o);
}
