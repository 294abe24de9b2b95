/* Which system calls belong to what, as a table; calls.c makes a filter of it. */
#ifndef LASTACK_GUARD_CALLS_TABLE_H
#define LASTACK_GUARD_CALLS_TABLE_H

#include <stddef.h>
#include <stdint.h>

enum call_group {
	CALLS_BASIC,     /* memory, threads of this process, clocks, open descriptors */
	CALLS_FILES,     /* files by name */
	CALLS_READING,   /* files by name, only to read */
	CALLS_RECEIVE,   /* what comes in on a socket that is open */
	CALLS_NETWORK,   /* sockets */
	CALLS_PROCESSES, /* further processes of this program */
	CALLS_PROGRAMS,  /* other programs */
	CALLS_MACHINE,   /* the system, other processes' memory, the kernel's large interfaces */
	CALL_GROUPS,
};

/* A further condition on one argument. */
enum call_when {
	WHEN_ANY,
	WHEN_IS,      /* the argument, an int, == value */
	WHEN_BITS,    /* (argument & mask) == value */
	WHEN_OWN_PID, /* argument == getpid() */
};

struct call {
	enum call_group group;
	const char *name;
	enum call_when when;
	unsigned argument;
	uint64_t mask, value;
};

extern const struct call call_table[];
extern const size_t call_table_size;

#endif
