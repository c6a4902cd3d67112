/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "enforce_segment.h"

void segment_sh(enum lab_host h, const char *line)
{
	const char *const argv[] = {"sh", "-c", line, NULL};

	if (lab_run(&lab, h, NULL, argv) != 0)
		fail_msg("%s", line);
}

void segment_netfilter(bool on)
{
	segment_sh(LAB_ROUTER, on ? "for f in /proc/sys/net/bridge/bridge-nf-call-ip*; do echo 1 > $f; done"
				  : "for f in /proc/sys/net/bridge/bridge-nf-call-*; do [ ! -e $f ] || echo 0 > $f; done");
}

int segment_make(void **state)
{
	static const struct {
		enum lab_host host;
		char c;
		int low;
	} ends[] = {{LAB_CLIENT, 'p', 2}, {LAB_SERVER, 'q', 3}};
	char line[512];

	segment_sh(LAB_ROUTER, "ip link add br5 type bridge && ip link set br5 up");
	for (size_t i = 0; i < 2; i++) {
		snprintf(line, sizeof line, "ip link add %c5 type veth peer name b5 netns /proc/%d/fd/%d && ip link set %c5 master br5 up",
			ends[i].c, (int)getpid(), lab.ns[ends[i].host], ends[i].c);
		segment_sh(LAB_ROUTER, line);
		snprintf(line, sizeof line,
			"ip link set b5 address 52:54:00:05:00:0%d && ip addr add 10.5.0.%d/24 dev b5 && ip addr add 10.5.0.1%d/24 dev b5 && "
			"ip addr add fd00:5::%d/64 dev b5 nodad && ip addr add fd00:5::1%d/64 dev b5 nodad && ip link set b5 up",
			ends[i].low, ends[i].low, ends[i].low, ends[i].low, ends[i].low);
		segment_sh(ends[i].host, line);
	}
	segment_netfilter(false);
	lab_sleep_ms(2500); /* link-local addresses, IPv6 */
	return 0;
}

void segment_forget(void)
{
	segment_sh(LAB_CLIENT, "ip neigh flush dev b5; ip -6 neigh flush dev b5");
	segment_sh(LAB_SERVER, "ip neigh flush dev b5; ip -6 neigh flush dev b5");
}

static const char *peer_of(const char *from)
{
	return strchr(from, ':') ? from[strlen(from) - 2] == '1' ? "fd00:5::13" : "fd00:5::3"
	       : strlen(from) == 9 ? "10.5.0.13"
				   : "10.5.0.3";
}

void segment_up(struct flow *f, const char *from, uint16_t port, bool tcp)
{
	if (flow_open(&lab, f, from, peer_of(from), port, tcp, 1500))
		fail_msg("no flow from %s to port %u", from, port);
}

void segment_closed(const char *from, uint16_t port, bool tcp)
{
	struct flow f;

	if (flow_open(&lab, &f, from, peer_of(from), port, tcp, 250) == 0) {
		flow_close(&f);
		fail_msg("a flow from %s to port %u came up", from, port);
	}
}

int segment_packets(enum lab_host h)
{
	struct sockaddr_ll ll = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int fd;

	assert_int_equal(lab_enter(&lab, h), 0);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	ll.sll_ifindex = (int)if_nametoindex("b5");
	assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&ll, sizeof ll) == 0);
	assert_int_equal(lab_enter(&lab, LAB_ROUTER), 0);
	return fd;
}
