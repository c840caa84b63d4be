/*
 * sqlstate.h
 *		Pure: what PostgreSQL's errors mean to whoever reads the rows of a table.
 */
#ifndef RELAY_SQLSTATE_H
#define RELAY_SQLSTATE_H

#include <stdbool.h>
#include <string.h>

/* The table, or what it is made of, is not what it was. */
static inline bool
sqlstate_is_gone(const char *state)
{
	static const char *const states[] = {"42P01", "42703", "3F000", "42804", "42883"};

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (strcmp(state, states[i]) == 0)
			return true;
	return false;
}

/* A value causes it, so that what the server says of it may hold the value. */
static inline bool
sqlstate_is_of_a_value(const char *state)
{
	static const char *const classes[] = {"22", "54", "0A", "38", "39", "P0", "XX"};

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (strncmp(state, classes[i], 2) == 0)
			return true;
	return false;
}

#endif /* RELAY_SQLSTATE_H */
