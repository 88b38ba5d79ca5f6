#include "fetch/multi.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/clock.h"

struct multi {
	struct loop *loop;    /* borrowed */
	CURLM *curl;          /* owned */
	struct source *timer; /* owned */
};

static void look_for_ended(struct multi *m)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(m->curl, &left))) {
		CURL *easy = msg->easy_handle;
		CURLcode code = msg->data.result;
		struct multi_slot *slot = NULL;

		if (msg->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &slot);
		(void)curl_multi_remove_handle(m->curl, easy);
		slot->done(easy, code, slot);
	}
}

static void on_ready(int fd, uint32_t events, void *data)
{
	struct multi *m = data;
	int mask = (events & EPOLLIN ? CURL_CSELECT_IN : 0) |
		   (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
		   (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
	int running;

	(void)curl_multi_socket_action(m->curl, fd, mask, &running);
	look_for_ended(m);
}

static void on_timer(void *data)
{
	struct multi *m = data;
	int running;

	(void)curl_multi_socket_action(m->curl, CURL_SOCKET_TIMEOUT, 0, &running);
	look_for_ended(m);
}

static int want_time(CURLM *curl, long ms, void *data)
{
	struct multi *m = data;

	(void)curl;
	if (ms < 0)
		timer_disarm(m->timer);
	else
		timer_arm_after(m->timer, (uint64_t)ms * USEC_PER_MSEC);
	return 0;
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *socket_data)
{
	struct multi *m = data;
	struct source *source = socket_data;
	uint32_t events =
		(what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		source_free(source);
		(void)curl_multi_assign(m->curl, fd, NULL);
		return 0;
	}
	if (source)
		return source_set_events(source, events) < 0 ? -1 : 0;
	if (loop_add_fd(m->loop, fd, events, on_ready, m, &source) < 0)
		return -1;
	(void)curl_multi_assign(m->curl, fd, source);
	return 0;
}

int multi_new(struct loop *loop, struct multi **ret)
{
	CLEANUP(multi_freep) struct multi *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->loop = loop;
	m->curl = curl_multi_init();
	if (!m->curl || loop_add_timer(loop, on_timer, m, &m->timer) < 0)
		return -ENOMEM;
	(void)curl_multi_setopt(m->curl, CURLMOPT_SOCKETFUNCTION, want_socket);
	(void)curl_multi_setopt(m->curl, CURLMOPT_SOCKETDATA, m);
	(void)curl_multi_setopt(m->curl, CURLMOPT_TIMERFUNCTION, want_time);
	(void)curl_multi_setopt(m->curl, CURLMOPT_TIMERDATA, m);
	(void)curl_multi_setopt(m->curl, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	*ret = TAKE_PTR(m);
	return 0;
}

struct multi *multi_free(struct multi *m)
{
	if (!m)
		return NULL;
	(void)curl_multi_cleanup(m->curl);
	source_free(m->timer);
	free(m);
	return NULL;
}

int multi_add(struct multi *m, CURL *easy, struct multi_slot *slot)
{
	if (curl_easy_setopt(easy, CURLOPT_PRIVATE, slot) != CURLE_OK ||
		curl_multi_add_handle(m->curl, easy) != CURLM_OK)
		return -ENOMEM;
	return 0;
}

void multi_remove(struct multi *m, CURL *easy)
{
	(void)curl_multi_remove_handle(m->curl, easy);
}
