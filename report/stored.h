/* Values of a database brought into the range of their type: who wrote it may have been anybody. */
#ifndef LASTACK_REPORT_STORED_H
#define LASTACK_REPORT_STORED_H

#include <sqlite3.h>

#include "analyzer/finding.h"
#include "analyzer/verdict.h"

static inline enum severity stored_severity(sqlite3_stmt *row, int column)
{
	int value = sqlite3_column_int(row, column);

	if (value < 0)
		return SEVERITY_INFO;
	return value < SEVERITIES ? (enum severity)value : SEVERITY_ERROR;
}

/* otherwise where it is NULL, or cannot be read. Valid as sqlite3_column_text() is. */
static inline const char *stored_text(sqlite3_stmt *row, int column, const char *otherwise)
{
	const char *text = (const char *)sqlite3_column_text(row, column);

	return text ? text : otherwise;
}

/* FINDING_CODES where it is none; codes fit the bits of a mask. */
static inline enum finding_code stored_finding(sqlite3_stmt *row, int column)
{
	int value = sqlite3_column_int(row, column);

	_Static_assert(FINDING_CODES < 32, "a mask of findings has 32 bits");
	return value < 0 || value >= FINDING_CODES ? FINDING_CODES : (enum finding_code)value;
}

/* One of the ends, else SIDE_NONE. */
static inline enum side stored_side(sqlite3_stmt *row, int column)
{
	int value = sqlite3_column_int(row, column);

	if (sqlite3_column_type(row, column) == SQLITE_NULL || value < 0 || value >= SIDES)
		return SIDE_NONE;
	return (enum side)value;
}

#endif
