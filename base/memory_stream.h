/* The end of a stream that open_memstream() made. */
#ifndef LASTACK_BASE_MEMORY_STREAM_H
#define LASTACK_BASE_MEMORY_STREAM_H

#include <stdbool.h>
#include <stdio.h>

/* Ends the stream, which may be NULL; false where some of what was written to it is not there. The text is the
 * caller's to free either way. glibc gives no text, and tells no error, where the last step fails. */
static inline bool memory_stream_close(FILE *stream, char *const *text)
{
	bool whole = stream && !ferror(stream);

	return stream && fclose(stream) == 0 && whole && *text;
}

#endif
