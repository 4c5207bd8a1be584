/*
 * Tunnels of several hosts: each tells by service discovery which clients it has, and passes
 * visitors of tunnels that it does not carry on to the public entry of a host that does.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/resolve.h"
#include "core/proto/tunnel_int.h"
#include "core/runtime/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIAL_MS = 15 * 1000, STORY_MAX = 256, COMPLAIN_MS = 5 * 1000 };

/* The first line of why something failed: a script's traceback was logged already. @return out */
static char *story(int rc, char *out)
{
    snprintf(out, STORY_MAX, "%s", gost_diag_text(rc));
    out[strcspn(out, "\n")] = '\0';
    return out;
}

/* When discovery is down, each of thousands of tunnels fails alike: one in a while is told loudly. */
static enum gost_log_level complaint_level(void)
{
    static _Thread_local uint64_t next;
    if (gost_now() < next)
        return GOST_LOG_DEBUG;
    next = gost_now() + COMPLAIN_MS;
    return GOST_LOG_WARN;
}

void gost__tunnel_tell(struct gost_tunnels *t, struct gost_conn *c, enum gost_sd_word word,
                       const struct gost_tunnel_connector *who)
{
    struct gost_sd_record *r = c->ops->sd_tell && who->address[0] ? calloc(1, sizeof(*r)) : NULL;
    char id[GOST_UUID_TEXT], why[STORY_MAX];
    if (!r)
        return;
    memcpy(r->id, who->id.uuid, GOST_UUID_BYTES);
    memcpy(r->tunnel, who->tunnel, GOST_UUID_BYTES);
    memcpy(r->node, gost__tunnels_node(t), GOST_UUID_BYTES);
    r->udp = (who->id.flags & GOST_RELAY_ID_UDP) != 0;
    r->ttl_ms = who->ttl_ms;
    strcpy(r->address, who->address);
    int rc = c->ops->sd_tell(c, word, r);
    if (rc != 0 && rc != GOST_ENOTSUP && rc != GOST_ECANCELED)
        gost_conn_log(c, complaint_level(), "other hosts do not hear of tunnel %s: %s",
                      gost_uuid_format(who->tunnel, id), story(rc, why));
    free(r);
}

static bool is_ours(struct gost_tunnels *t, const struct gost_sd_record *r)
{
    char own[GOST_HOSTPORT_MAX];
    return memcmp(r->node, gost__tunnels_node(t), GOST_UUID_BYTES) == 0 ||
           strcmp(r->address, gost__tunnels_address(t, own)) == 0;
}

/*
 * Leave the records of other hosts. One of ours is here because nobody carries the tunnel any more, or
 * did in an earlier life of the process; it is taken away before anybody is asked, so that hosts
 * cannot pass a visitor to and fro.
 */
static size_t leave_others(struct gost_tunnels *t, struct gost_conn *c, struct gost_sd_record *list,
                           size_t n)
{
    size_t left = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_ours(t, &list[i]))
            list[left++] = list[i];
        else if (!gost__tunnels_has(t, list[i].tunnel, list[i].id))
            c->ops->sd_tell(c, GOST_SD_FORGET, &list[i]);
    }
    return left;
}

static int dial(const char *address, struct gost_stream **out)
{
    struct gost_addr *addr = calloc(1, sizeof(*addr));
    if (!addr)
        return gost_fail_code(GOST_ENOMEM);
    int rc = gost_addr_parse(addr, address, strlen(address), 0);
    if (rc == 0 && !addr->port)
        rc = gost_fail(GOST_ENONODE, "\"%.64s\" is no address of a host", address);
    if (rc == 0)
        rc = gost_dial_host(addr->host[0] ? addr->host : "127.0.0.1", addr->port, NULL, NULL,
                            gost_deadline_in(DIAL_MS), out);
    free(addr);
    return rc == 0 ? 0 : gost_fail_at(rc, "host %s", address);
}

/* An entry that listens everywhere is known by addresses which only the kernel can tell for ours. */
static bool is_self(struct gost_tunnels *t, struct gost_stream *s)
{
    char own[GOST_HOSTPORT_MAX], here[GOST_HOSTPORT_MAX], there[GOST_HOSTPORT_MAX];
    union gost_sockaddr local, peer;
    const char *port = strrchr(gost__tunnels_address(t, own), ':');
    bool anywhere =
        own[0] == ':' || strncmp(own, "0.0.0.0:", 8) == 0 || strncmp(own, "[::]:", 5) == 0;
    if (!anywhere || gost_stream_query(s, GOST_QUERY_LOCAL_ADDR, &local) != 0 ||
        gost_stream_query(s, GOST_QUERY_PEER_ADDR, &peer) != 0)
        return false;
    return strcmp(gost_sockaddr_host(&local, here), gost_sockaddr_host(&peer, there)) == 0 &&
           gost_sockaddr_port(&peer) == strtoul(port + 1, NULL, 10);
}

/* Try them in turn, from a random one on. */
static int dial_any(struct gost_tunnels *t, const struct gost_sd_record *list, size_t n, bool udp,
                    struct gost_stream **out)
{
    int rc = GOST_ENONODE;
    size_t first = n > 0 ? (size_t)gost_now() % n : 0;
    gost_fail(rc, "nobody is connected");
    for (size_t i = 0; i < n; i++) {
        const struct gost_sd_record *r = &list[(first + i) % n];
        if (r->udp != udp)
            continue;
        rc = dial(r->address, out);
        if (rc == 0 && is_self(t, *out)) {
            gost_stream_close(*out);
            *out = NULL;
            rc = gost_fail(GOST_ENONODE, "host %s is this one", r->address);
        }
        if (rc == 0 || rc == GOST_ECANCELED)
            break;
    }
    return rc;
}

int gost__tunnel_host_dial(struct gost_tunnels *t, struct gost_conn *c,
                           const struct gost_tunnel_visit *v, struct gost_stream **out)
{
    char why[STORY_MAX];
    struct gost_sd_record *list =
        c->ops->sd_find ? calloc(GOST_SD_RECORDS_MAX, sizeof(*list)) : NULL;
    if (!list)
        return gost_fail(GOST_ENONODE, "nobody is connected");
    int n = c->ops->sd_find(c, v->tunnel, list, GOST_SD_RECORDS_MAX);
    int rc = n == GOST_ENOTSUP ? gost_fail(GOST_ENONODE, "nobody is connected")
             : n < 0 ? gost_fail(GOST_ENONODE, "nobody is connected here; %s", story(n, why))
                     : dial_any(t, list, leave_others(t, c, list, (size_t)n), v->udp, out);
    if (rc == 0)
        gost_conn_log(c, GOST_LOG_DEBUG, "passed on to another host");
    free(list);
    return rc;
}
