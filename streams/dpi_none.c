/* A build without nDPI: applications stay unknown. */
#include "streams/dpi.h"

struct dpi_config dpi_defaults(void)
{
	return (struct dpi_config){0};
}

const char *dpi_version(void)
{
	return NULL;
}

struct dpi *dpi_new(const struct dpi_config *config, struct error *err)
{
	(void)config;
	error_set(err, "this lastack was built without nDPI");
	return NULL;
}

struct consumer dpi_consumer(struct dpi *dpi)
{
	(void)dpi;
	return (struct consumer){0};
}

const struct dpi_counts *dpi_counts(const struct dpi *dpi)
{
	static const struct dpi_counts none;

	(void)dpi;
	return &none;
}

void dpi_free(struct dpi *dpi)
{
	(void)dpi;
}
