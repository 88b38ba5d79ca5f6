/* What vitrine logs and vitrine events share: options, the request, and how a line begins. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "cli/client.h"

struct stream {
	bool follow, json, colour;
	void (*print)(const json_t *event, void *stream);
	char query[1024]; /* of the request, with its question mark; "": none */
};

/* The getopt_long values that stream_option understands; -f and -n are short too. */
#define STREAM_OPTIONS                                                                             \
	{"follow", no_argument, NULL, 'f'}, {"json", no_argument, NULL, 'j'},                      \
		{"lines", required_argument, NULL, 'n'},                                           \
	{                                                                                          \
		"since", required_argument, NULL, 's'                                              \
	}
bool stream_option(struct stream *s, int opt, const char *value);

/* Colour where the output is a terminal and NO_COLOR is not set. */
void stream_init(struct stream *s);

/* Adds name=value to the query. value: letters and digits, otherwise false, after saying so. */
bool stream_ask(struct stream *s, const char *option, const char *name, const char *value);

/* Shows the stream at that path; until SIGINT where it is followed. Returns the exit status. */
int stream_run(struct stream *s, const struct client_options *o, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* "" where it is missing. */
const char *stream_text(const json_t *event, const char *name);

/* The event's time, local, to the millisecond, and a space. */
void stream_print_time(const struct stream *s, const json_t *event);

/* Words that came from elsewhere: what a terminal would obey is shown, not sent. */
void stream_print_words(const char *words);
