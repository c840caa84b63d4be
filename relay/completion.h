/*
 * completion.h
 *		What a shell needs to complete walrelay's command line: `walrelay completion bash|zsh`.
 *
 * Made of the tables of commands and settings, so that it cannot be behind them.
 */
#ifndef RELAY_COMPLETION_H
#define RELAY_COMPLETION_H

#include <stdio.h>

/* A script for bash: functions and a complete command; without bash-completion's own functions. */
void completion_bash(FILE *out);

/* A function for zsh, as a file of $fpath or to be sourced behind compinit. */
void completion_zsh(FILE *out);

#endif /* RELAY_COMPLETION_H */
