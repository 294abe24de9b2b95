/* A list in the order of last use: members hang in it by a node of their own. */
#ifndef LASTACK_STREAMS_LRU_H
#define LASTACK_STREAMS_LRU_H

#include <stdbool.h>
#include <stddef.h>

struct lru_node {
	struct lru_node *older, *newer;
	bool listed;
};

/* Zeroed, it is empty. */
struct lru {
	struct lru_node *oldest, *newest;
};

static inline void lru_remove(struct lru *list, struct lru_node *node)
{
	if (!node->listed)
		return;
	*(node->older ? &node->older->newer : &list->oldest) = node->newer;
	*(node->newer ? &node->newer->older : &list->newest) = node->older;
	*node = (struct lru_node){0};
}

/* Puts it in, or moves it to the end. */
static inline void lru_use(struct lru *list, struct lru_node *node)
{
	if (list->newest == node)
		return;
	lru_remove(list, node);
	*node = (struct lru_node){.older = list->newest, .listed = true};
	*(node->older ? &node->older->newer : &list->oldest) = node;
	list->newest = node;
}

#define LRU_OWNER(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

#endif
