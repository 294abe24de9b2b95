#include "streams/dpi_ports.h"

#include <netinet/in.h>

static bool is_unknown(struct ndpi_detection_module_struct *module, uint16_t port)
{
	uint8_t by_user;

	return ndpi_guess_protocol_id(module, NULL, IPPROTO_TCP, port, port, &by_user) ==
	       NDPI_PROTOCOL_UNKNOWN;
}

bool dpi_port_is_chosen(struct dpi_ports *ports, struct ndpi_detection_module_struct *module,
			uint16_t port)
{
	unsigned word = (port - DPI_EPHEMERAL) / 64;
	uint64_t bit = UINT64_C(1) << port % 64;

	if (port < DPI_EPHEMERAL)
		return false;
	if (!(ports->asked[word] & bit)) {
		ports->asked[word] |= bit;
		if (is_unknown(module, port))
			ports->chosen[word] |= bit;
	}
	return ports->chosen[word] & bit;
}
