#include "agent/peers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/peers_inside.h"
#include "base/log.h"

#define QUEUE_MAX (8u << 20)

const struct peer_kind peer_kinds[PEERS] = {
	[PEER_BOXD] = {"box", PROTO_BOX, PROTO_DOWN, false},
	[PEER_INFERENCE] = {"infer", PROTO_MODELS, PROTO_DOWN, false},
	[PEER_ORCHESTRATOR] = {"agent", PROTO_AGENT, PROTO_DOWN, true},
	[PEER_GATEWAY] = {"wake", PROTO_WAKE, PROTO_UP, false},
};

static int on_frame(
	struct link *l, const struct frame *f, struct link_files *files, struct err *e, void *data)
{
	(void)l;
	return peers_handle(data, f, files, e);
}

static long value_max(uint8_t type, void *data)
{
	const struct peer *peer = data;

	return proto_value_max(peer_kinds[peer->name].link, peer_kinds[peer->name].incoming, type);
}

static void on_closed(struct link *l, const struct err *reason, void *data)
{
	struct peer *peer = data;

	(void)l;
	log_warn("link=%s closed: %s", peer_kinds[peer->name].name,
		reason->code ? reason->text : "the peer is gone");
	peer->link = link_free(peer->link);
	if (peer->name == PEER_BOXD)
		node_boxd_down(peer->all->node);
	if (peer->dialer)
		dialer_again(peer->dialer);
}

static const struct link_ops peer_ops = {
	.on_frame = on_frame, .on_closed = on_closed, .value_max = value_max};

static void adopt(int fd, struct peer *peer)
{
	const struct link_limits limits = {
		.queue_max = QUEUE_MAX, .files = peer_kinds[peer->name].files};
	int r;

	peer->link = link_free(peer->link);
	r = link_new(peer->all->loop, fd, &peer_ops, &limits, peer, &peer->link);
	if (r < 0) {
		log_error("link=%s cannot be used: %s", peer_kinds[peer->name].name, strerror(-r));
		if (peer->dialer)
			dialer_again(peer->dialer);
		return;
	}
	log_info("link=%s connected", peer_kinds[peer->name].name);
	if (peer->name == PEER_INFERENCE)
		node_renew_infer_links(peer->all->node);
	if (peer->name == PEER_ORCHESTRATOR) {
		peers_post_backlog(peer->all);
		node_report_all(peer->all->node);
	}
	if (peer->name == PEER_GATEWAY) {
		node_hand_over_all(peer->all->node);
		peers_send_sync(peer->all);
	}
}

static void on_dialled(int fd, void *data)
{
	adopt(fd, data);
}

static void on_gateway(int fd, uid_t uid, void *data)
{
	struct peers *p = data;

	(void)uid;
	adopt(fd, &p->peers[PEER_GATEWAY]);
}

int peers_new(struct loop *loop, struct node *node, const struct peers_config *config,
	struct peers **ret, struct err *e)
{
	CLEANUP(peers_freep) struct peers *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return err_set(e, -ENOMEM, "out of memory");
	p->loop = loop;
	p->node = node;
	backlog_init(&p->backlog);
	for (int i = 0; i < PEERS; i++)
		p->peers[i] = (struct peer){.all = p, .name = i};
	r = listener_new(
		loop, config->wake_fd, &config->gateway_uid, 1, on_gateway, p, &p->listener);
	if (r < 0)
		return err_set(e, r, "cannot listen for the gateway: %s", strerror(-r));
	for (int i = 0; i < PEER_GATEWAY; i++) {
		char path[4096];

		(void)snprintf(
			path, sizeof(path), "%s/%s.sock", config->run_dir, peer_kinds[i].name);
		r = dialer_new(loop, path, on_dialled, &p->peers[i], &p->peers[i].dialer);
		if (r < 0)
			return err_set(e, r, "cannot dial %s: %s", path, strerror(-r));
	}
	node->peers = p;
	*ret = TAKE_PTR(p);
	return 0;
}

struct peers *peers_free(struct peers *p)
{
	if (!p)
		return NULL;
	for (int i = 0; i < PEERS; i++) {
		(void)link_free(p->peers[i].link);
		(void)dialer_free(p->peers[i].dialer);
	}
	(void)listener_free(p->listener);
	backlog_done(&p->backlog);
	free(p);
	return NULL;
}

int peers_post(struct peers *p, enum peer_name name, struct frame *f, const struct buf *value,
	const int *fds, size_t n_fds)
{
	struct link *l = p->peers[name].link;
	int r;

	if (!l)
		return -ENOTCONN;
	if (value) {
		f->value = value->data;
		f->length = value->len;
	}
	r = link_send_files(l, f, fds, n_fds);
	if (r < 0)
		log_warn("link=%s could not send %s: %s", peer_kinds[name].name,
			proto_name(peer_kinds[name].link, f->type), strerror(-r));
	return r;
}
