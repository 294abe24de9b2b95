/* The subcommands, and how the program ends. */
#ifndef LASTACK_CLI_COMMAND_H
#define LASTACK_CLI_COMMAND_H

#include "base/error.h"

#define DEFAULT_DATABASE "lastack.db"

enum exit_code { /* the contract's */
		 EXIT_DONE = 0,
		 EXIT_FAILED = 1, /* no input, or the result could not be stored */
		 EXIT_USAGE = 2,
		 EXIT_PARTLY = 3, /* done, but part of the input could not be read */
		 EXIT_MATCHED =
			 4, /* done, and --fail-on matched; also where part could not be read */
};

/* Where memory ran out the user has made no mistake. */
static inline enum exit_code exit_code_for(enum exit_code code, const struct error *err)
{
	return code == EXIT_USAGE && error_is_memory(err) ? EXIT_FAILED : code;
}

/* argv without the program's and the command's name. */
enum exit_code command_analyze(int argc, char **argv);
enum exit_code command_extract(int argc, char **argv);
enum exit_code command_monitor(int argc, char **argv);
enum exit_code command_query(int argc, char **argv);
enum exit_code command_report(int argc, char **argv);
enum exit_code command_show(int argc, char **argv);

#endif
