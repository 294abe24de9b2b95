#include "source/linktype.h"

#include <pcap/pcap.h>
#include <stddef.h>

/* Where the number in capture files (LINKTYPE_) is not libpcap's own (DLT_) on this system. */
int dlt_of_linktype(uint32_t linktype)
{
	static const struct {
		uint32_t linktype;
		int dlt;
	} other[] = {
		{14, DLT_RAW}, /* raw IP as OpenBSD wrote it */
		{100, DLT_ATM_RFC1483}, {101, DLT_RAW},      {102, DLT_SLIP_BSDOS},
		{103, DLT_PPP_BSDOS},   {106, DLT_ATM_CLIP}, {246, DLT_PFSYNC},
	};

	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		if (other[i].linktype == linktype)
			return other[i].dlt;
	}
	return (int)linktype;
}
