#include "cli/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool failed(const char *path, struct error *err)
{
	return error_set(err, "%s: %s", path, strerror(errno));
}

static bool exists(const char *path, struct error *err)
{
	return error_set(err,
			 "%s: exists already and is left as it is; remove it, or give another name",
			 path);
}

static bool open_temporary(struct output_file *file, struct error *err)
{
	int descriptor;

	if (asprintf(&file->temporary, "%s.%ld.part", file->path, (long)getpid()) < 0) {
		file->temporary = NULL;
		return error_set(err, "out of memory");
	}
	descriptor = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (descriptor < 0)
		return failed(file->path, err);
	file->stream = fdopen(descriptor, "w");
	if (file->stream)
		return true;
	failed(file->path, err);
	close(descriptor);
	unlink(file->temporary);
	return false;
}

/* A device for characters, a pipe or a socket that is there already, also through a link such as
 * /dev/stdout. Looked at once it is open: a link may lead elsewhere by then. */
static bool open_stream(struct output_file *file, struct error *err)
{
	int descriptor = open(file->path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	struct stat about;

	if (descriptor < 0)
		return failed(file->path, err);
	if (fstat(descriptor, &about) != 0 || S_ISREG(about.st_mode) || S_ISBLK(about.st_mode)) {
		close(descriptor);
		return exists(file->path, err);
	}
	file->stream = fdopen(descriptor, "w");
	if (!file->stream)
		close(descriptor);
	return file->stream || failed(file->path, err);
}

bool output_file_open(const char *path, struct output_file *file, struct error *err)
{
	struct stat about;

	*file = (struct output_file){.path = path};
	if (strcmp(path, "-") == 0) {
		file->stream = stdout;
		return true;
	}
	if (stat(path, &about) == 0 && !S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode))
		return open_stream(file, err);
	if (lstat(path, &about) == 0)
		return exists(path, err);
	if (open_temporary(file, err))
		return true;
	free(file->temporary);
	return false;
}

bool output_file_commit(struct output_file *file, struct error *err)
{
	bool good;

	if (file->stream == stdout)
		return true; /* main flushes it */
	good = fflush(file->stream) == 0 && !ferror(file->stream);
	if (good && file->temporary)
		good = fsync(fileno(file->stream)) == 0 || errno == EINVAL;
	if (!good)
		failed(file->path, err);
	if (fclose(file->stream) != 0 && good)
		good = failed(file->path, err);
	file->stream = NULL;
	/* link refuses a name that has been taken meanwhile */
	if (good && file->temporary && link(file->temporary, file->path) != 0)
		good = errno == EEXIST ? exists(file->path, err) : failed(file->path, err);
	output_file_drop(file);
	return good;
}

void output_file_drop(struct output_file *file)
{
	if (file->stream && file->stream != stdout)
		fclose(file->stream);
	if (file->temporary)
		unlink(file->temporary);
	free(file->temporary);
	*file = (struct output_file){.path = file->path};
}
