/* Addresses as the database keeps them: text for people, 16 sortable bytes for ranges. */
#ifndef LASTACK_DB_ADDRESS_H
#define LASTACK_DB_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "parsers/segment.h"

enum { ADDRESS_TEXT_MAX = 46, ADDRESS_KEY_SIZE = 16 };

/* The 16 bytes; IPv4 as ::ffff:a.b.c.d, so that IPv4 and IPv6 share one order. */
void address_key(const struct ip_address *address, uint8_t version, uint8_t key[ADDRESS_KEY_SIZE]);

/* RFC 5952 for IPv6, dotted quad for IPv4. */
void address_text(const struct ip_address *address, uint8_t version, char text[ADDRESS_TEXT_MAX]);

struct address_range {
	uint8_t version;                                       /* 4 or 6 */
	uint8_t low[ADDRESS_KEY_SIZE], high[ADDRESS_KEY_SIZE]; /* inclusive */
};

/* Reads an address or ADDRESS/LENGTH; bits behind the length are ignored. False: neither. */
bool address_range_parse(const char *text, struct address_range *range);

#endif
