/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What parses as a datagram is written again to the same bytes before the signature; the same bytes as a key file are read strictly. */
#include <stdlib.h>
#include <bulkhead/usb.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bh_usb_keys keys;
	const struct bh_usb_key *key;
	struct bh_addr from = {{0}};
	struct bh_usb_sender sender = {0};
	struct bh_usb_secret secret;
	struct bh_usb_datagram d;
	struct bh_usb_error e;
	uint8_t again[BH_USB_DATAGRAM], seed[32] = {1};
	uint32_t lost;

	(void)!bh_usb_keys_parse((const char *)data, size, &keys, &e);
	(void)!bh_usb_secret_parse((const char *)data, size, &secret);
	if (bh_usb_datagram_parse(data, size, &d))
		return 0;
	bh_usb_secret_make(seed, &secret);
	memcpy(secret.b + 32, data + 4, 8);
	bh_usb_sign(&d.usb, d.at, &secret, again);
	if (memcmp(data, again, BH_USB_DATAGRAM - 64))
		abort();
	keys.n = 1;
	memcpy(keys.key[0].key, data + 4, 32);
	memset(&keys.key[0].from, 0, sizeof from);
	(void)bh_usb_verify(&keys, data, &d, &from, &key);
	if (bh_usb_fresh(&sender, &d, d.at, &lost) != BH_USB_OK || bh_usb_fresh(&sender, &d, d.at, &lost) != BH_USB_REPLAYED)
		abort();
	return 0;
}
