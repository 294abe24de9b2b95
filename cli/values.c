#include "cli/values.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NS_PER_S UINT64_C(1000000000)

__extension__ typedef unsigned __int128 wide;

struct unit {
	const char *name;
	uint64_t factor;
};

/* Decimal digits at *text, moved past; false on none or overflow. */
static bool take_digits(const char **text, uint64_t *out)
{
	const char *at = *text;
	uint64_t value = 0;

	if (!isdigit((unsigned char)*at))
		return false;
	for (; isdigit((unsigned char)*at); at++) {
		if (__builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value))
			return false;
	}
	*text = at;
	*out = value;
	return true;
}

/* The digits after a point as that part of scale; digits below its resolution are dropped. */
static bool take_fraction(const char **text, uint64_t scale, uint64_t *out)
{
	const char *at = *text;
	wide part = 0;
	wide divisor = 1;

	if (!isdigit((unsigned char)*at))
		return false;
	for (; isdigit((unsigned char)*at); at++) {
		if (divisor >= NS_PER_S * NS_PER_S)
			continue;
		part = part * 10 + (unsigned)(*at - '0');
		divisor *= 10;
	}
	*text = at;
	*out = (uint64_t)(part * scale / divisor);
	return true;
}

static const struct unit *unit_find(const struct unit *units, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcasecmp(units[i].name, name) == 0)
			return &units[i];
	}
	return NULL;
}

/* NUMBER[.FRACTION][UNIT] or .FRACTION[UNIT], as one integer of the smallest unit. */
static bool take_quantity(const char *text, const struct unit *units, size_t count, uint64_t *out)
{
	const char *at = text;
	const char *end;
	const char *fraction = NULL;
	const struct unit *unit;
	uint64_t whole = 0;
	uint64_t part = 0;

	if (*at != '.' && !take_digits(&at, &whole))
		return false;
	end = at;
	if (*at == '.') {
		fraction = at + 1;
		end = fraction + strspn(fraction, "0123456789");
	}
	unit = unit_find(units, count, end);
	if (!unit || (fraction && !take_fraction(&fraction, unit->factor, &part)))
		return false;
	return !__builtin_mul_overflow(whole, unit->factor, &whole) &&
	       !__builtin_add_overflow(whole, part, out);
}

bool value_count(const char *text, uint64_t *out, struct error *err)
{
	const char *at = text;

	if (!take_digits(&at, out) || *at != '\0')
		return error_set(err, "'%s' is not a count; write digits, such as 100000", text);
	return true;
}

bool value_size(const char *text, uint64_t *out, struct error *err)
{
	static const struct unit units[] = {
		{"", 1},
		{"B", 1},
		{"K", UINT64_C(1) << 10},
		{"KiB", UINT64_C(1) << 10},
		{"KB", 1000},
		{"M", UINT64_C(1) << 20},
		{"MiB", UINT64_C(1) << 20},
		{"MB", 1000000},
		{"G", UINT64_C(1) << 30},
		{"GiB", UINT64_C(1) << 30},
		{"GB", 1000000000},
		{"T", UINT64_C(1) << 40},
		{"TiB", UINT64_C(1) << 40},
		{"TB", UINT64_C(1000000000000)},
	};

	if (!take_quantity(text, units, sizeof(units) / sizeof(units[0]), out))
		return error_set(
			err,
			"'%s' is not a size; write bytes, or a number with K, M or G, such as "
			"512M",
			text);
	return true;
}

bool value_duration(const char *text, int64_t *out, struct error *err)
{
	static const struct unit units[] = {
		{"", NS_PER_S},
		{"s", NS_PER_S},
		{"ms", 1000000},
		{"us", 1000},
		{"ns", 1},
		{"m", 60 * NS_PER_S},
		{"min", 60 * NS_PER_S},
		{"h", 3600 * NS_PER_S},
		{"d", 86400 * NS_PER_S},
	};
	uint64_t value;

	if (!take_quantity(text, units, sizeof(units) / sizeof(units[0]), &value) ||
	    value > INT64_MAX)
		return error_set(
			err, "'%s' is not a duration; write seconds, such as 120, 0.5 or 2m", text);
	*out = (int64_t)value;
	return true;
}

/* Exactly count digits within low and high. */
static bool take_field(const char **text, unsigned count, unsigned low, unsigned high,
		       unsigned *out)
{
	unsigned value = 0;

	for (unsigned i = 0; i < count; i++) {
		if (!isdigit((unsigned char)(*text)[i]))
			return false;
		value = value * 10 + (unsigned)((*text)[i] - '0');
	}
	*text += count;
	*out = value;
	return value >= low && value <= high;
}

static bool take_char(const char **text, const char *set)
{
	if (**text == '\0' || !strchr(set, **text))
		return false;
	(*text)++;
	return true;
}

/* Days since 1970-01-01 of a Gregorian date, by the 400-year cycle counted from March. */
static int64_t days_of(unsigned year, unsigned month, unsigned day)
{
	int64_t y = (int64_t)year - (month <= 2);
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + day -
			      1;

	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
	       day_of_year - 719468;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

/* "Z", "+02:00", "-0730" or nothing, in seconds east of UTC. */
static bool take_zone(const char **text, int64_t *seconds)
{
	unsigned hours, minutes = 0;
	bool west;

	*seconds = 0;
	if (**text == '\0' || take_char(text, "Zz"))
		return true;
	west = **text == '-';
	if (!take_char(text, "+-") || !take_field(text, 2, 0, 23, &hours))
		return false;
	take_char(text, ":");
	if (**text != '\0' && !take_field(text, 2, 0, 59, &minutes))
		return false;
	*seconds = (int64_t)(hours * 3600 + minutes * 60) * (west ? -1 : 1);
	return true;
}

/* HH:MM[:SS[.FRACTION]] */
static bool take_clock(const char **text, int64_t *seconds, uint64_t *ns)
{
	unsigned hour, minute, second = 0;

	if (!take_field(text, 2, 0, 23, &hour) || !take_char(text, ":") ||
	    !take_field(text, 2, 0, 59, &minute))
		return false;
	if (take_char(text, ":") && !take_field(text, 2, 0, 60, &second))
		return false;
	if (take_char(text, ".,") && !take_fraction(text, NS_PER_S, ns))
		return false;
	*seconds = hour * 3600 + minute * 60 + second;
	return true;
}

static bool take_iso(const char *text, int64_t *seconds, uint64_t *ns)
{
	unsigned year, month, day;
	int64_t clock = 0, zone = 0;

	if (!take_field(&text, 4, 0, 9999, &year) || !take_char(&text, "-") ||
	    !take_field(&text, 2, 1, 12, &month) || !take_char(&text, "-") ||
	    !take_field(&text, 2, 1, days_in_month(year, month), &day))
		return false;
	if (take_char(&text, "Tt ") && (!take_clock(&text, &clock, ns) || !take_zone(&text, &zone)))
		return false;
	*seconds = days_of(year, month, day) * 86400 + clock - zone;
	return *text == '\0';
}

/* Four digits alone are a year that wants its month, not a moment of 1970. */
static bool take_epoch(const char *text, int64_t *seconds, uint64_t *ns)
{
	uint64_t value;

	if (strspn(text, "0123456789") == 4 && text[4] == '\0')
		return false;
	if (!take_digits(&text, &value) || value > INT64_MAX)
		return false;
	if (take_char(&text, ".") && !take_fraction(&text, NS_PER_S, ns))
		return false;
	*seconds = (int64_t)value;
	return *text == '\0';
}

bool value_time(const char *text, int64_t *out, struct error *err)
{
	int64_t seconds = 0;
	uint64_t ns = 0;
	int64_t whole;

	if (!take_iso(text, &seconds, &ns)) {
		ns = 0;
		if (!take_epoch(text, &seconds, &ns))
			return error_set(
				err,
				"'%s' is not a time; write 2024-05-01T10:00:00Z, or seconds "
				"since 1970",
				text);
	}
	if (__builtin_mul_overflow(seconds, (int64_t)NS_PER_S, &whole) ||
	    __builtin_add_overflow(whole, (int64_t)ns, out))
		return error_set(err, "'%s' is outside the years 1678 to 2262", text);
	return true;
}

/* The value of a hexadecimal digit; -1 for all else. */
static int digit_of(char c)
{
	if (isdigit((unsigned char)c))
		return c - '0';
	return isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

static bool take_hex(const char *digits, uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		int high = digit_of(digits[2 * i]), low = digit_of(digits[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		bytes[i] = (uint8_t)(high * 16 + low);
	}
	return true;
}

bool value_bytes(const char *text, uint8_t **bytes, size_t *length, struct error *err)
{
	bool hex = strncmp(text, "hex:", 4) == 0;
	size_t letters = strlen(text) - (hex ? 4 : 0);
	uint8_t *out;

	if (letters == 0)
		return error_set(err, "'%s' has no bytes; write a text, or hex:0a0b0c", text);
	if (hex && letters % 2 != 0)
		return error_set(err, "'%s' has an odd number of digits", text);
	out = malloc(letters);
	if (!out)
		return error_set(err, "out of memory");
	if (!hex)
		memcpy(out, text, letters);
	else if (!take_hex(text + 4, out, letters / 2)) {
		free(out);
		return error_set(err, "'%s' has a character that is no hexadecimal digit", text);
	}
	*bytes = out;
	*length = hex ? letters / 2 : letters;
	return true;
}
