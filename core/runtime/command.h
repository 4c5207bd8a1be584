/**
 * Commands of the user's, for which a fiber waits.
 */
#ifndef GOST_RUNTIME_COMMAND_H
#define GOST_RUNTIME_COMMAND_H

#include <stdint.h>

/**
 * Run a command and wait for its end; suspends. Its input is empty, its output goes where our errors go.
 * @param argv      up to NULL; the program is looked for in PATH
 * @param env       further variables, "NAME=value", up to NULL; or NULL
 * @param deadline  absolute; then the command is killed, with all of its process group
 * @return its exit status (128 and the signal where that ended it), GOST_ETIMEDOUT, GOST_ECANCELED, or a
 *         libuv code with diag
 */
int gost_command_run(const char *const *argv, const char *const *env, uint64_t deadline);

#endif
