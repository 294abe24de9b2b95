/* lastack: how every TCP connection in a capture ended. Dispatch to the subcommands. */
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/options.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "db/store.h"
#include "guard/sandbox.h"
#include "streams/dpi.h"

#ifndef LASTACK_VERSION
#error "LASTACK_VERSION must be defined by the build"
#endif

static const struct command {
	const char *name;
	enum exit_code (*run)(int argc, char **argv);
	const char *description;
} commands[] = {
	{"analyze", command_analyze,
	 "read capture files, store every connection, print the report"},
	{"extract", command_extract, "write the byte streams of connections, or their packets"},
	{"monitor", command_monitor, "watch interfaces, store every connection as it ends"},
	{"query", command_query, "list connections of a database, filtered"},
	{"report", command_report, "print the teardown report of a database"},
	{"show", command_show, "show one connection: verdict, states, findings, ladder"},
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void usage(FILE *out)
{
	fputs("Usage: lastack COMMAND [OPTION...] [ARGUMENT...]\n"
	      "\n"
	      "Answers for every TCP connection in a packet capture: how did it end, who ended\n"
	      "it, was it done right, and what to do.\n"
	      "\n"
	      "Commands:\n",
	      out);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].description);
	fputs("\n"
	      "'lastack COMMAND --help' lists a command's options; 'lastack --version' tells\n"
	      "the version. Start with:\n"
	      "  lastack analyze capture.pcap\n",
	      out);
}

static enum exit_code version(void)
{
	const char *ndpi = dpi_version();

	if (ndpi)
		printf("lastack " LASTACK_VERSION " (nDPI %s)\n", ndpi);
	else
		puts("lastack " LASTACK_VERSION " (without nDPI)");
	printf("sandbox: %s\n", sandbox_words());
	return EXIT_DONE;
}

static enum exit_code unknown_command(const char *word)
{
	const char *names[COMMANDS + 1] = {NULL};
	char list[128] = "";
	size_t used = 0;
	const char *meant;

	for (size_t i = 0; i < COMMANDS; i++) {
		names[i] = commands[i].name;
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
					 i == 0             ? ""
					 : i + 1 < COMMANDS ? ", "
							    : " and ",
					 names[i]);
	}
	meant = options_suggest(word, names);
	if (word[0] == '-')
		complain("unknown option '%s'; 'lastack --help' shows the usage", word);
	else if (meant)
		complain("unknown command '%s'; did you mean '%s'? There are %s", word, meant,
			 list);
	else if (access(word, F_OK) == 0)
		complain("'%s' is a file, not a command; 'lastack analyze %s' reads a capture",
			 word, word);
	else
		complain("unknown command '%s'; there are %s ('lastack --help')", word, list);
	return EXIT_USAGE;
}

static const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

static enum exit_code dispatch(int argc, char **argv)
{
	const struct command *command;
	const char *word = argc > 1 ? argv[1] : NULL;

	if (!word) {
		complain("no command is given");
		usage(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
		return version();
	}
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
		usage(stdout);
		return EXIT_DONE;
	}
	command = command_find(word);
	if (!command)
		return unknown_command(word);
	return command->run(argc - 2, argv + 2);
}

int main(int argc, char **argv)
{
	enum exit_code code;

	streams_reserve();
	setlocale(LC_CTYPE, "");
	signals_default_pipe();
	signals_ignore_file_limit();
	store_setup();
	code = dispatch(argc, argv);
	if (!output_finish())
		return EXIT_FAILED;
	return code;
}
