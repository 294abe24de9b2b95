/* Where on the wire a connection was seen: VLAN tags and tunnels, as text. */
#ifndef LASTACK_DB_PATH_H
#define LASTACK_DB_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "parsers/segment.h"

enum {
	VLANS_TEXT_MAX = VLAN_TAGS_MAX * 5 + 1,
	/* the longest hop: " > geneve(vni 4294967295)" */
	TUNNEL_TEXT_MAX = TUNNEL_DEPTH_MAX * 32,
};

/* The outermost VLAN id; 0: no tag. */
unsigned vlan_outer(uint64_t tags);
/* "100" or "100,200", outermost first; "" without tags. */
void vlans_text(uint64_t tags, char text[VLANS_TEXT_MAX]);
/* "gre(key 5) > vxlan(vni 42)", outermost first; "" outside tunnels. */
void tunnel_text(const struct tunnel *tunnel, char text[TUNNEL_TEXT_MAX]);
/* The reverse; false where the text is none that tunnel_text() gives. */
bool tunnel_parse(const char *text, struct tunnel *tunnel);

#endif
