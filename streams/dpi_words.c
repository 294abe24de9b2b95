#include "streams/dpi_words.h"

#include <string.h>

/* The names of what nDPI finds fault with; returns how many. Judging the URL it leaves to its users. */
static size_t risks_of(struct ndpi_flow_struct *flow, const char *risks[NDPI_MAX_RISK])
{
	ndpi_risk_enum of_url = NDPI_NO_RISK;
	size_t count = 0;

	if (flow->http.url)
		of_url = ndpi_validate_url(flow->http.url);
	if (of_url != NDPI_NO_RISK)
		NDPI_SET_BIT(flow->risk, of_url);
	for (int i = NDPI_NO_RISK + 1; i < NDPI_MAX_RISK; i++)
		if (NDPI_ISSET_BIT(flow->risk, i))
			risks[count++] = ndpi_risk2str((ndpi_risk_enum)i);
	return count;
}

static bool has_protocol(ndpi_protocol found, uint16_t protocol)
{
	return found.master_protocol == protocol || found.app_protocol == protocol;
}

/* The name that was asked for in TLS or HTTP. The same field holds what others say of names that are no
 * server's, or of their own. False: there is none. */
static bool server_name_of(const struct ndpi_flow_struct *flow, ndpi_protocol found,
			   char name[DPI_SERVER_NAME_BYTES])
{
	static const uint16_t others[] = {NDPI_PROTOCOL_DNS,       NDPI_PROTOCOL_WHOIS_DAS,
					  NDPI_PROTOCOL_MAIL_SMTP, NDPI_PROTOCOL_MAIL_POP,
					  NDPI_PROTOCOL_MAIL_IMAP, NDPI_PROTOCOL_FTP_CONTROL};
	size_t length = strnlen(flow->host_server_name, sizeof(flow->host_server_name));

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (has_protocol(found, others[i]))
			return false;
	if (length == 0)
		return false;
	for (size_t i = 0; i < length; i++) {
		char c = flow->host_server_name[i];

		name[i] = c > ' ' && c <= '~' ? c : '?';
	}
	name[length] = '\0';
	return true;
}

struct application dpi_words_of(struct ndpi_detection_module_struct *module,
				struct ndpi_flow_struct *flow, ndpi_protocol found,
				struct dpi_words *words)
{
	struct application a = {.risks = words->risks};

	if (found.app_protocol != NDPI_PROTOCOL_UNKNOWN ||
	    found.master_protocol != NDPI_PROTOCOL_UNKNOWN) {
		a.name = ndpi_protocol2name(module, found, words->name, sizeof(words->name));
		a.guessed = flow->confidence != NDPI_CONFIDENCE_DPI;
	}
	if (a.name && found.category != NDPI_PROTOCOL_CATEGORY_UNSPECIFIED)
		a.category = ndpi_category_get_name(module, found.category);
	if (a.name && server_name_of(flow, found, words->server_name))
		a.server_name = words->server_name;
	a.risk_count = risks_of(flow, words->risks);
	return a;
}
