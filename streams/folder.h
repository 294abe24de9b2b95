/* New files of one folder: each is written under a name that nobody looks for and appears under its
 * own when it is whole. What goes wrong before (a full disk, a signal) leaves nothing behind.
 *
 * Nothing that is there is replaced, unless overwriting is allowed; then it is replaced as a whole.
 * Links inside the folder are never followed. */
#ifndef LASTACK_STREAMS_FOLDER_H
#define LASTACK_STREAMS_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct folder {
	int fd;
	const char *path; /* for messages */
	bool overwrite;
	bool made;       /* by us: taken away again if nothing is to stay */
	uint64_t serial; /* of the last temporary name */
};

/* path is borrowed. With make a folder that is not there is made (its parent must be). */
bool folder_open(struct folder *folder, const char *path, bool make, bool overwrite,
		 struct error *err);
/* False with err where name is taken and must not be replaced: what publishing would find out late. */
bool folder_free_for(const struct folder *folder, const char *name, struct error *err);
/* Takes back a file that was published. */
void folder_remove(struct folder *folder, const char *name);
/* keep false: a folder that was made, and is empty, goes, too. */
void folder_close(struct folder *folder, bool keep);

/* Zeroed, there is none. */
struct new_file {
	uint64_t serial; /* of its temporary name; 0: not created */
	int fd;          /* valid where open */
	bool open;
};

bool new_file_create(struct folder *folder, struct new_file *file, struct error *err);
/* All count bytes to this place of the file, which is opened again where it rests. */
bool new_file_write(struct folder *folder, struct new_file *file, const void *bytes, size_t count,
		    uint64_t at, struct error *err);
/* count bytes that were written before. */
bool new_file_read(struct folder *folder, struct new_file *file, void *bytes, size_t count,
		   uint64_t at, struct error *err);
/* Its length becomes this: what was not written reads as zeros. */
bool new_file_extend(struct folder *folder, struct new_file *file, uint64_t length,
		     struct error *err);
/* Gives its descriptor back until it is written to again. */
bool new_file_rest(struct folder *folder, struct new_file *file, struct error *err);
/* Gives it its name; it is done with then, also on failure. */
bool new_file_publish(struct folder *folder, struct new_file *file, const char *name,
		      struct error *err);
void new_file_discard(struct folder *folder, struct new_file *file);

#endif
