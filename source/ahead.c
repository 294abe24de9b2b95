#include "source/ahead.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"

/* One is the caller's, the others lie ready or are being filled. */
enum { SLOTS = 4 };

struct slot {
	uint8_t *bytes; /* behind the room in front */
	size_t count;
	bool last; /* the end comes behind it, and how: */
	enum bytes_end end;
	struct error problem;
};

struct ahead {
	ahead_read *read;
	void *context;
	size_t block;
	pthread_t thread;
	sem_t empty, full; /* slots; each belongs to one thread at a time */
	atomic_bool stopping;
	struct slot slot[SLOTS];
	unsigned taking;         /* the caller's place in the ring */
	const struct slot *last; /* the caller has taken it; NULL: not yet */
	uint8_t *memory;         /* of all slots */
};

static void fill(struct ahead *a, struct slot *s)
{
	s->count = 0;
	while (s->count < a->block && !s->last) {
		size_t got = a->read(a->context, s->bytes + s->count, a->block - s->count, &s->end,
				     &s->problem);

		s->count += got;
		s->last = got == 0;
	}
}

static void *run(void *context)
{
	struct ahead *a = context;
	bool over = false;

	for (unsigned at = 0; !over; at++) {
		struct slot *s = &a->slot[at % SLOTS];

		while (sem_wait(&a->empty) != 0) /* no signal comes here, but a debugger's may */
			continue;
		if (atomic_load(&a->stopping))
			break;
		fill(a, s);
		over = s->last;
		sem_post(&a->full);
	}
	return NULL;
}

static void release(struct ahead *a)
{
	sem_destroy(&a->empty);
	sem_destroy(&a->full);
	free(a->memory);
	free(a);
}

struct ahead *ahead_start(ahead_read *read, void *context, size_t block, size_t front)
{
	struct ahead *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->memory = malloc(SLOTS * (front + block));
	if (a->memory == NULL) {
		free(a);
		return NULL;
	}
	a->read = read;
	a->context = context;
	a->block = block;
	for (size_t i = 0; i < SLOTS; i++)
		a->slot[i].bytes = a->memory + i * (front + block) + front;
	sem_init(&a->empty, 0, SLOTS);
	sem_init(&a->full, 0, 0);
	if (thread_start(&a->thread, run, a))
		return a;
	release(a);
	return NULL;
}

uint8_t *ahead_take(struct ahead *a, size_t *count, enum bytes_end *end, struct error *err)
{
	struct slot *s = &a->slot[a->taking % SLOTS];

	if (a->last == NULL && sem_wait(&a->full) != 0) {
		*end = BYTES_DAMAGED;
		error_set(err, "cannot read on: %s", strerror(errno));
		return NULL;
	}
	if (a->last == NULL && s->last)
		a->last = s;
	if (a->last != NULL && (a->last != s || s->count == 0)) {
		*end = a->last->end;
		*err = a->last->problem;
		return NULL;
	}
	a->taking++;
	*count = s->count;
	return s->bytes;
}

void ahead_give_back(struct ahead *a)
{
	sem_post(&a->empty);
}

void ahead_stop(struct ahead *a)
{
	if (a == NULL)
		return;
	atomic_store(&a->stopping, true);
	sem_post(&a->empty);
	pthread_join(a->thread, NULL);
	release(a);
}
