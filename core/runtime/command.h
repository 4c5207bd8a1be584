/**
 * Commands of the user's: a shell runs them, a fiber waits.
 */
#ifndef GOST_RUNTIME_COMMAND_H
#define GOST_RUNTIME_COMMAND_H

#include <stdint.h>

/**
 * Run `sh -c text` and wait for its end; suspends. Its input is empty, its output goes where our errors
 * go.
 * @param env       further variables, "NAME=value", up to NULL; or NULL
 * @param deadline  absolute; then the command is killed, with all of its process group
 * @return its exit status (128 and the signal where that ended it), GOST_ETIMEDOUT, GOST_ECANCELED, or a
 *         libuv code with diag
 */
int gost_command_run(const char *text, const char *const *env, uint64_t deadline);

#endif
