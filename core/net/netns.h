/**
 * Network namespaces (Linux): sockets are made inside of one, and belong to it from then on.
 */
#ifndef GOST_NET_NETNS_H
#define GOST_NET_NETNS_H

/** Where the thread was; to be left again in the same call. */
struct gost__netns {
    int back; /**< a descriptor of the namespace before; -1: nothing was entered */
};

/**
 * Take this thread into a namespace, until gost__netns_leave. Whatever happens in between must not
 * suspend. Needs CAP_SYS_ADMIN.
 * @param name  as ip-netns(8) knows it, or a path that begins with '/'; NULL or "": stay here
 * @return 0 or a libuv code with diag (nothing is to be left then)
 */
int gost__netns_enter(struct gost__netns *n, const char *name);

/** Back. Aborts when that cannot be: a thread in the wrong namespace must not go on. */
void gost__netns_leave(struct gost__netns *n);

#endif
