#include "guard/calls.h"

#include <errno.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guard/calls_table.h"

/* What becomes of a group's calls. Whoever tries to run a program out of a parser is an attacker: the
 * process ends at once. A socket may be tried by a library that looks a name up: it is refused. What no
 * row names is missing (ENOSYS), as on an older kernel: libraries know another way, and a call that was
 * forgotten here costs nobody an analysis. */
enum answer { ANSWER_NONE, ANSWER_ALLOW, ANSWER_REFUSE, ANSWER_KILL };

struct profile {
	enum answer unknown; /* ANSWER_NONE: missing */
	enum answer group[CALL_GROUPS];
};

/* What all share that read what strangers wrote. */
#define NO_WAY_OUT                                                       \
	[CALLS_BASIC] = ANSWER_ALLOW, [CALLS_NETWORK] = ANSWER_REFUSE,   \
	[CALLS_PROCESSES] = ANSWER_KILL, [CALLS_PROGRAMS] = ANSWER_KILL, \
	[CALLS_MACHINE] = ANSWER_KILL

static const struct profile profiles[SANDBOX_PROFILES] = {
	[SANDBOX_FILES] = {.group = {NO_WAY_OUT, [CALLS_FILES] = ANSWER_ALLOW}},
	[SANDBOX_ANALYSIS] = {.group = {NO_WAY_OUT, [CALLS_FILES] = ANSWER_ALLOW}},
	[SANDBOX_CAPTURE] = {.group = {NO_WAY_OUT, [CALLS_READING] = ANSWER_ALLOW,
				       [CALLS_RECEIVE] = ANSWER_ALLOW}},
	/* Refused, not killed: the commands of alerts inherit it. */
	[SANDBOX_FRONT] = {.unknown = ANSWER_ALLOW, .group = {[CALLS_MACHINE] = ANSWER_REFUSE}},
	[SANDBOX_FRONT_QUIET] =
		{.unknown = ANSWER_ALLOW,
		 .group = {[CALLS_PROGRAMS] = ANSWER_KILL, [CALLS_MACHINE] = ANSWER_REFUSE}},
};

static uint32_t action_of(enum answer answer)
{
	switch (answer) {
	case ANSWER_ALLOW:
		return SCMP_ACT_ALLOW;
	case ANSWER_REFUSE:
		return SCMP_ACT_ERRNO(EPERM);
	case ANSWER_KILL:
		return SCMP_ACT_KILL_PROCESS;
	case ANSWER_NONE:
		break;
	}
	return SCMP_ACT_ERRNO(ENOSYS);
}

static struct scmp_arg_cmp condition_of(const struct call *call)
{
	/* the upper half of an int's register may hold anything */
	struct scmp_arg_cmp when = {.arg = call->argument,
				    .op = SCMP_CMP_MASKED_EQ,
				    .datum_a = UINT32_MAX,
				    .datum_b = call->value};

	if (call->when == WHEN_BITS)
		when.datum_a = call->mask;
	if (call->when == WHEN_OWN_PID)
		when.datum_b = (uint64_t)getpid();
	return when;
}

static bool add(scmp_filter_ctx filter, const struct call *call, uint32_t action)
{
	int number = seccomp_syscall_resolve_name(call->name);
	struct scmp_arg_cmp when = condition_of(call);

	if (number == __NR_SCMP_ERROR)
		return true; /* libseccomp is older than the call */
	return seccomp_rule_add_array(filter, action, number, call->when != WHEN_ANY, &when) == 0;
}

static bool add_all(scmp_filter_ctx filter, const struct profile *profile)
{
	for (size_t i = 0; i < call_table_size; i++) {
		enum answer answer = profile->group[call_table[i].group];

		if (answer != ANSWER_NONE && answer != profile->unknown &&
		    !add(filter, &call_table[i], action_of(answer)))
			return false;
	}
	return true;
}

bool calls_enter(enum sandbox_profile profile)
{
	scmp_filter_ctx filter = seccomp_init(action_of(profiles[profile].unknown));
	bool good;

	if (!filter)
		return false;
	seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0); /* is set already */
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	good = add_all(filter, &profiles[profile]) && seccomp_load(filter) == 0;
	seccomp_release(filter);
	return good;
}

bool calls_possible(void)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}
