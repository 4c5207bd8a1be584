/**
 * Selection: which of several nodes (or chains, or hops) serves a request. Works on a plain array
 * that the caller fills per request; knows nothing of nodes themselves.
 */
#ifndef GOST_POLICY_SELECT_H
#define GOST_POLICY_SELECT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gost_strategy {
    GOST_STRATEGY_ROUND,    /**< in turn, weights ignored */
    GOST_STRATEGY_RANDOM,   /**< by weight, evenly spread: no long runs of one node */
    GOST_STRATEGY_FIFO,     /**< the first that is left */
    GOST_STRATEGY_HASH,     /**< by the client or target; a failing node moves only its own share */
    GOST_STRATEGY_PARALLEL, /**< all that are left are dialled at once: gost_select_all */
    GOST_STRATEGY_LATENCY,  /**< the lowest probe latency */
};

/** Special values of gost_candidate.latency. */
enum { GOST_LATENCY_UNKNOWN = -1, GOST_LATENCY_FAILED = -2 };

/** There is nothing to select. */
#define GOST_SELECT_NONE SIZE_MAX

struct gost_candidate {
    uint64_t key;     /**< who it is, for HASH: gost_candidate_key */
    int64_t latency;  /**< milliseconds of the last probe, or a special value */
    int32_t priority; /**< higher levels are asked first; 0 when nobody set one */
    uint32_t weight;  /**< for RANDOM; 0 counts as 1, more than 65535 as that */
    bool backup;      /**< only when no other is left */
    bool failed;      /**< marked as failed now (failmark.h) */
};

/** What is remembered between selections; zeroed memory is a fresh one, workers may share it. */
struct gost_selector_state {
    _Atomic uint64_t turn;   /**< of ROUND */
    _Atomic uint64_t rescue; /**< of the last resort */
    _Atomic uint64_t spread; /**< of RANDOM */
};

struct gost_selector {
    enum gost_strategy strategy;
    int64_t max_latency; /**< milliseconds; <= 0: no limit */
    struct gost_selector_state *state;
    struct gost_selector_state own; /**< used when no state is shared */
};

/**
 * @param word      a name of GOST: round rr, random rand, fifo ha, hash, parallel, lowestlatency
 *                  lowest ll; in any case
 * @param[out] out  ROUND when the word is none, as GOST has it
 * @return whether the word is known (an empty one is)
 */
bool gost_strategy_parse(const char *word, enum gost_strategy *out);

/** @param state  shared between workers, must outlive the selector; NULL: it remembers for itself
 */
void gost_selector_create(struct gost_selector *s, enum gost_strategy strategy, int64_t max_latency,
                          struct gost_selector_state *state);

/** A key that is the same in every process and after every restart. */
uint64_t gost_candidate_key(const void *name, size_t n);

/**
 * Select one. Failed candidates are left out; of the rest the highest priority that holds a
 * non-backup counts; backups, then slow and unreachable ones, are left out while others remain; the
 * strategy decides among what is left. When all have failed they are tried in turn.
 * @param hash  what HASH goes by (client id, client address or target); HASH without it is RANDOM
 * @return an index, or GOST_SELECT_NONE when n is 0
 */
size_t gost_select(struct gost_selector *s, const struct gost_candidate *c, size_t n,
                   const void *hash, size_t hash_len);

/**
 * Everything that gost_select would decide among, in order, for PARALLEL. When all have failed: one
 * of them, in turn.
 * @param[out] out  room for n indices
 * @return how many
 */
size_t gost_select_all(struct gost_selector *s, const struct gost_candidate *c, size_t n,
                       size_t *out);

#endif
