#include "db/path.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { VLAN_BITS = 12, VLAN_MASK = 0xfff };

struct hop_name {
	const char *name;
	const char *id; /* what its id is called; NULL: it has none */
};

static const struct hop_name hop_names[] = {
	[TUNNEL_NONE] = {"?", NULL},       [TUNNEL_GRE] = {"gre", "key"},
	[TUNNEL_IPIP] = {"ipip", NULL},    [TUNNEL_6IN4] = {"6in4", NULL},
	[TUNNEL_4IN6] = {"4in6", NULL},    [TUNNEL_6IN6] = {"6in6", NULL},
	[TUNNEL_VXLAN] = {"vxlan", "vni"}, [TUNNEL_GENEVE] = {"geneve", "vni"},
};

unsigned vlan_outer(uint64_t tags)
{
	return (unsigned)(tags & VLAN_MASK);
}

void vlans_text(uint64_t tags, char text[VLANS_TEXT_MAX])
{
	size_t used = 0;

	text[0] = '\0';
	for (; tags != 0 && used + 6 <= VLANS_TEXT_MAX; tags >>= VLAN_BITS)
		used += (size_t)snprintf(text + used, VLANS_TEXT_MAX - used, "%s%u",
					 used > 0 ? "," : "", vlan_outer(tags));
}

/* A GRE tunnel without key has id 0 and no parentheses. */
void tunnel_text(const struct tunnel *tunnel, char text[TUNNEL_TEXT_MAX])
{
	size_t used = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < tunnel->depth && i < TUNNEL_DEPTH_MAX; i++) {
		const struct tunnel_hop *hop = &tunnel->hop[i];
		size_t kinds = sizeof(hop_names) / sizeof(hop_names[0]);
		const struct hop_name *name =
			&hop_names[hop->kind < kinds ? hop->kind : TUNNEL_NONE];
		const char *before = i > 0 ? " > " : "";

		if (!name->id || (hop->kind == TUNNEL_GRE && hop->id == 0))
			used += (size_t)snprintf(text + used, TUNNEL_TEXT_MAX - used, "%s%s",
						 before, name->name);
		else
			used += (size_t)snprintf(text + used, TUNNEL_TEXT_MAX - used, "%s%s(%s %u)",
						 before, name->name, name->id, hop->id);
	}
}

/* One hop off the front of *text. */
static bool hop_parse(const char **text, struct tunnel_hop *hop)
{
	size_t length = strspn(*text, "abcdefghijklmnopqrstuvwxyz0123456789");
	int used = 0;

	*hop = (struct tunnel_hop){0};
	for (uint32_t kind = TUNNEL_NONE + 1; kind < sizeof(hop_names) / sizeof(hop_names[0]);
	     kind++) {
		if (strlen(hop_names[kind].name) == length &&
		    memcmp(hop_names[kind].name, *text, length) == 0)
			hop->kind = kind;
	}
	if (hop->kind == TUNNEL_NONE)
		return false;
	*text += length;
	if (**text != '(')
		return true;
	if (sscanf(*text, "(%*[a-z] %" SCNu32 ")%n", &hop->id, &used) != 1 || used == 0)
		return false;
	*text += used;
	return true;
}

bool tunnel_parse(const char *text, struct tunnel *tunnel)
{
	static const char between[] = " > ";
	bool more = *text != '\0';

	memset(tunnel, 0, sizeof(*tunnel));
	while (more) {
		if (tunnel->depth == TUNNEL_DEPTH_MAX ||
		    !hop_parse(&text, &tunnel->hop[tunnel->depth++]))
			return false;
		more = strncmp(text, between, strlen(between)) == 0;
		if (more)
			text += strlen(between);
	}
	return *text == '\0';
}
