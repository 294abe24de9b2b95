/* Addresses as the database keeps them. */
#include "db/address.h"

#include <arpa/inet.h>
#include <string.h>

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

void address_key(const struct ip_address *address, uint8_t version, uint8_t key[ADDRESS_KEY_SIZE])
{
	if (version == 4) {
		memcpy(key, mapped_prefix, sizeof(mapped_prefix));
		memcpy(key + sizeof(mapped_prefix), address->bytes, 4);
	} else {
		memcpy(key, address->bytes, ADDRESS_KEY_SIZE);
	}
}

void address_text(const struct ip_address *address, uint8_t version, char text[ADDRESS_TEXT_MAX])
{
	if (!inet_ntop(version == 4 ? AF_INET : AF_INET6, address->bytes, text, ADDRESS_TEXT_MAX))
		text[0] = '\0';
}

/* At most three digits, no sign, no space; -1 where it is no number. */
static int prefix_length_parse(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	int value = 0;

	if (digits == 0 || digits > 3 || text[digits] != '\0')
		return -1;
	for (size_t i = 0; i < digits; i++)
		value = value * 10 + (text[i] - '0');
	return value;
}

bool address_range_parse(const char *text, struct address_range *range)
{
	char address_part[ADDRESS_TEXT_MAX];
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	struct ip_address address = {0};
	int bits, fixed;

	if (length >= sizeof(address_part))
		return false;
	memcpy(address_part, text, length);
	address_part[length] = '\0';
	if (inet_pton(AF_INET, address_part, address.bytes) == 1)
		range->version = 4;
	else if (inet_pton(AF_INET6, address_part, address.bytes) == 1)
		range->version = 6;
	else
		return false;

	bits = range->version == 4 ? 32 : 128;
	fixed = slash ? prefix_length_parse(slash + 1) : bits;
	if (fixed < 0 || fixed > bits)
		return false;
	fixed += 128 - bits;

	address_key(&address, range->version, range->low);
	memcpy(range->high, range->low, ADDRESS_KEY_SIZE);
	for (int bit = fixed; bit < 128; bit++) {
		uint8_t mask = (uint8_t)(0x80 >> (bit % 8));

		range->low[bit / 8] = (uint8_t)(range->low[bit / 8] & ~mask);
		range->high[bit / 8] |= mask;
	}
	return true;
}
