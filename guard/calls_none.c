/* A build without libseccomp. */
#include "guard/calls.h"

bool calls_enter(enum sandbox_profile profile)
{
	(void)profile;
	return false;
}

bool calls_possible(void)
{
	return false;
}
