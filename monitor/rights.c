#include "monitor/rights.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "guard/privileges.h"
#include "guard/sandbox.h"

bool rights_check(const struct monitor_config *config, struct error *err)
{
	struct privileges_user user;

	return !config->user || privileges_find(config->user, &user, err) ||
	       error_prefix(err, "--user");
}

/* What is forked later looks the user up again, which finds that it is so already. */
static bool drop(const struct monitor_config *config, unsigned kept, struct error *err)
{
	struct privileges_user user;

	if (!config->user && !config->sandbox)
		return true;
	if (config->user && !privileges_find(config->user, &user, err))
		return error_prefix(err, "--user");
	return privileges_drop(config->user ? &user : NULL, kept, err) ||
	       error_prefix(err, "rights could not be given up");
}

/* PRIVILEGES_FILES is for the analysis, should it be started anew. */
bool rights_front(const struct monitor_config *config, struct error *err)
{
	unsigned owners = config->looks_at_processes ? PRIVILEGES_OWNERS : PRIVILEGES_NONE;

	return drop(config, PRIVILEGES_RAW | PRIVILEGES_FILES | owners, err);
}

void rights_front_settle(const struct monitor_config *config)
{
	struct sandbox sandbox;

	if (!config->sandbox)
		return;
	sandbox = sandbox_new(config->runs_programs ? SANDBOX_FRONT : SANDBOX_FRONT_QUIET);
	sandbox_enter(&sandbox);
}

/* libpcap reads what the interface itself dropped in /sys, behind a link. */
static void allow_counters(struct sandbox *sandbox, const char *interface)
{
	char link[128], *real;

	snprintf(link, sizeof(link), "/sys/class/net/%.64s", interface);
	real = realpath(link, NULL);
	if (real)
		sandbox_allow_reading(sandbox, real);
	free(real);
}

bool rights_capture(const struct monitor_config *config, const char *interface, struct error *err)
{
	struct sandbox sandbox;

	if (!drop(config, PRIVILEGES_NONE, err))
		return false;
	if (!config->sandbox)
		return true;
	sandbox = sandbox_new(SANDBOX_CAPTURE);
	allow_counters(&sandbox, interface);
	sandbox_enter(&sandbox);
	return true;
}

bool rights_analysis(const struct monitor_config *config, struct error *err)
{
	struct sandbox sandbox;

	tzset(); /* reads a file */
	if (!drop(config, PRIVILEGES_FILES, err))
		return false;
	if (!config->sandbox)
		return true;
	sandbox = sandbox_new(SANDBOX_ANALYSIS);
	sandbox_allow_database(&sandbox, config->database);
	sandbox_enter(&sandbox);
	return true;
}
