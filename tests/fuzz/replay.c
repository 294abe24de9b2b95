/* Runs a harness over files, without a fuzzer: replay_NAME FILE|FOLDER...
 *
 * A folder stands for the files in it, in the order of their names; one that is not there for none. The
 * first input that breaks a rule ends the process, after its name was printed. */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

static bool run_file(const char *path)
{
	FILE *file = fopen(path, "rbe");
	size_t size = 0, capacity = 1 << 16, got;
	uint8_t *bytes = malloc(capacity);

	if (!file || !bytes) {
		printf("%s: %s\n", path, strerror(errno));
		free(bytes);
		return false;
	}
	while ((got = fread(bytes + size, 1, capacity - size, file)) > 0) {
		size += got;
		if (size == capacity)
			bytes = realloc(bytes, capacity *= 2);
		MUST(bytes);
	}
	fclose(file);
	fprintf(stderr, "%s\n", path);
	bytes = realloc(bytes, size > 0 ? size : 1); /* the last byte is the memory's last */
	MUST(bytes);
	LLVMFuzzerTestOneInput(bytes, size);
	free(bytes);
	return true;
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static bool run_path(const char *path, unsigned *passed)
{
	struct dirent **entries;
	struct stat about;
	bool good = true;
	char *name;
	int count;

	if (stat(path, &about) != 0 && errno == ENOENT)
		return true;
	if (!S_ISDIR(about.st_mode)) {
		good = run_file(path);
		*passed += good;
		return good;
	}
	count = scandir(path, &entries, is_visible, alphasort);
	for (int i = 0; i < count; i++) {
		MUST(asprintf(&name, "%s/%s", path, entries[i]->d_name) > 0);
		good = run_path(name, passed) && good;
		free(name);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return good;
}

int main(int argc, char **argv)
{
	unsigned passed = 0;
	bool good = true;

	LLVMFuzzerTestOneInput(NULL, 0);
	for (int i = 1; i < argc; i++)
		good = run_path(argv[i], &passed) && good;
	printf("%u passed, %u failed\n", passed + 1, good ? 0 : 1);
	return good ? 0 : 1;
}
