#include "db/community_id.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>

#include <nettle/base64.h>
#include <nettle/sha1.h>

enum { ADDRESS_MAX = 16, PROTOCOL_TCP = 6 };

_Static_assert(BASE64_ENCODE_RAW_LENGTH(SHA1_DIGEST_SIZE) == COMMUNITY_ID_SIZE - 3,
	       "the size in the header is that of a SHA-1 in base64");

static void hash_port(struct sha1_ctx *context, uint16_t port)
{
	const uint8_t bytes[] = {(uint8_t)(port >> 8), (uint8_t)port};

	sha1_update(context, sizeof(bytes), bytes);
}

bool community_id(const char *one, uint16_t one_port, const char *other, uint16_t other_port,
		  char out[COMMUNITY_ID_SIZE])
{
	static const uint8_t seed[2], protocol[] = {PROTOCOL_TCP, 0};
	int family = strchr(one, ':') ? AF_INET6 : AF_INET;
	size_t size = family == AF_INET ? 4 : ADDRESS_MAX;
	uint8_t a[ADDRESS_MAX], b[ADDRESS_MAX], digest[SHA1_DIGEST_SIZE];
	struct sha1_ctx context;
	int order;

	if (inet_pton(family, one, a) != 1 || inet_pton(family, other, b) != 1)
		return false;
	order = memcmp(a, b, size);
	if (order > 0 || (order == 0 && one_port > other_port))
		return community_id(other, other_port, one, one_port, out);
	sha1_init(&context);
	sha1_update(&context, sizeof(seed), seed);
	sha1_update(&context, size, a);
	sha1_update(&context, size, b);
	sha1_update(&context, sizeof(protocol), protocol);
	hash_port(&context, one_port);
	hash_port(&context, other_port);
	sha1_digest(&context, sizeof(digest), digest);
	memcpy(out, "1:", 2);
	base64_encode_raw(out + 2, sizeof(digest), digest);
	out[COMMUNITY_ID_SIZE - 1] = '\0';
	return true;
}

static void sql_function(sqlite3_context *context, int count, sqlite3_value **value)
{
	const char *one = (const char *)sqlite3_value_text(value[0]);
	const char *other = (const char *)sqlite3_value_text(value[2]);
	char id[COMMUNITY_ID_SIZE];

	(void)count;
	if ((!one && sqlite3_value_type(value[0]) != SQLITE_NULL) ||
	    (!other && sqlite3_value_type(value[2]) != SQLITE_NULL))
		sqlite3_result_error_nomem(context);
	else if (one && other &&
		 community_id(one, (uint16_t)sqlite3_value_int(value[1]), other,
			      (uint16_t)sqlite3_value_int(value[3]), id))
		sqlite3_result_text(context, id, -1, SQLITE_TRANSIENT);
	else
		sqlite3_result_null(context);
}

bool community_id_register(sqlite3 *db)
{
	return sqlite3_create_function(db, "community_id", 4, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
				       NULL, sql_function, NULL, NULL) == SQLITE_OK;
}
