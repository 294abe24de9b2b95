#include "cli/confine.h"

#include "guard/sandbox.h"
#include "parsers/decode.h"

enum { LINKTYPE_LAST = 300 }; /* what is decoded has smaller numbers */

bool confine_filter(const char *expression, struct filter **filter, struct error *err)
{
	*filter = NULL;
	if (!expression)
		return true;
	*filter = filter_new(expression, err);
	if (!*filter)
		return false;
	for (uint32_t linktype = 0; linktype <= LINKTYPE_LAST; linktype++) {
		if (decode_linktype_supported(linktype) && !filter_prepare(*filter, linktype))
			return error_set(err, "out of memory");
	}
	return true;
}

static void allow_captures(struct sandbox *sandbox, const struct operands *captures)
{
	for (size_t i = 0; i < captures->count; i++)
		sandbox_allow_reading(sandbox, captures->items[i]);
}

void confine_analyze(const struct operands *captures, const char *database)
{
	struct sandbox sandbox = sandbox_new(SANDBOX_FILES);

	allow_captures(&sandbox, captures);
	sandbox_allow_database(&sandbox, database);
	sandbox_enter(&sandbox);
}

void confine_extract(const struct operands *captures, const char *database, const char *folder,
		     const char *file)
{
	struct sandbox sandbox = sandbox_new(SANDBOX_FILES);

	allow_captures(&sandbox, captures);
	sandbox_allow_database(&sandbox, database);
	if (folder) {
		sandbox_allow_folder(&sandbox, folder);
		sandbox_allow_removal(&sandbox, folder);
	}
	if (file)
		sandbox_allow_output(&sandbox, file);
	sandbox_enter(&sandbox);
}

void confine_reader(const char *database, const char *second, const char *file)
{
	struct sandbox sandbox = sandbox_new(SANDBOX_FILES);

	sandbox_allow_database(&sandbox, database);
	if (second)
		sandbox_allow_database(&sandbox, second);
	if (file)
		sandbox_allow_output(&sandbox, file);
	sandbox_enter(&sandbox);
}
