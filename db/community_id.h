/* Community ID, version 1: the flow hash by which Zeek, Suricata and others name the same connection
 * (https://github.com/corelight/community-id-spec). Computed, never stored. */
#ifndef LASTACK_DB_COMMUNITY_ID_H
#define LASTACK_DB_COMMUNITY_ID_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

enum { COMMUNITY_ID_SIZE = 2 + 28 + 1 }; /* "1:", base64 of 20 bytes, NUL */

/* Of a TCP connection, seed 0, whichever end comes first. Addresses as text, both IPv4 or both IPv6;
 * false where they are not. */
bool community_id(const char *one, uint16_t one_port, const char *other, uint16_t other_port,
		  char out[COMMUNITY_ID_SIZE]);

/* SQL function community_id(ip, port, ip, port) on this handle: text, or NULL. False without memory. */
bool community_id_register(sqlite3 *db);

#endif
