/*
 * vitrine doctor: what this host enforces and what it does not, proven in real boxes.
 *
 * I hold: a boxd of my own, whose boxes run the probe and the worker.
 * Talks to me: that boxd; hostile code in boxes, at most 512 bytes at a time.
 * I never see: a tenant's byte; of a running platform only what status shows.
 * I leave behind: nothing.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/doctor/host.h"
#include "cli/doctor/lab.h"
#include "cli/doctor/layers.h"
#include "cli/doctor/platform.h"
#include "cli/doctor/report.h"
#include "cli/doctor/trials.h"

#define EXIT_BROKEN 1
#define EXIT_USAGE 2
#define EXIT_STOPPED 128 /* plus the signal, as shells say it */

struct doctor {
	struct layout layout; /* bin and data of it */
	enum promise promise;
	bool json, verbose;
	struct loop *loop; /* owned */
	struct layer layers[LAYERS];
	struct report report;
};

static volatile sig_atomic_t stopped; /* by that signal */

static void on_stop(int signo, void *data)
{
	(void)data;
	stopped = signo;
}

/* A lab with that program in its boxes. -EINTR: told to stop; else what went wrong is noted. */
static int open_lab(struct doctor *d, const char *program, enum layer_name layer, struct lab **ret)
{
	const struct lab_options options = {
		.loop = d->loop, .bin = d->layout.bin, .program = program, .stop = &stopped};
	struct err e = {0};
	int r = lab_start(&options, ret, &e);

	if (r < 0 && r != -EINTR)
		layer_note(d->layers, layer, false, "%s", e.text);
	return r;
}

/* What boxd says, and whether it is so. */
static int examine_boxes(struct doctor *d)
{
	CLEANUP(lab_freep) struct lab *lab = NULL;
	struct err e = {0};
	int r = open_lab(d, PROBE_PROGRAM, LAYER_BOX, &lab);

	if (r < 0)
		return r == -EINTR ? r : 0;
	layers_read_host(d->layers, lab_host(lab));
	r = trials_look(lab, d->layers, &e);
	/* Without boxes everything else would only say the same again. */
	if (r == 0 && d->layers[LAYER_BOX].state == FINDING_OK) {
		r = trials_limits(lab, d->layers, &e);
		if (r == 0)
			r = trials_attacks(lab, d->layers, d->report.attacks, &e);
	}
	if (r < 0 && r != -EINTR)
		layer_note(d->layers, LAYER_BOX, false, "%s", e.text);
	return r == -EINTR ? r : 0;
}

static int examine_worker(struct doctor *d)
{
	CLEANUP(lab_freep) struct lab *lab = NULL;
	struct err e = {0};
	int r;

	if (d->layers[LAYER_BOX].state != FINDING_OK)
		return 0;
	r = open_lab(d, WORKER_PROGRAM, LAYER_WORKER, &lab);
	if (r == 0)
		r = trials_worker(lab, d->layers, &e);
	if (r < 0 && r != -EINTR)
		layer_note(d->layers, LAYER_WORKER, false, "%s", e.text);
	return r == -EINTR ? r : 0;
}

static int examine(struct doctor *d)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct source *source;
	int r = loop_new(&d->loop);

	for (size_t i = 0; r == 0 && i < sizeof(signals) / sizeof(signals[0]); i++)
		r = loop_add_signal(d->loop, signals[i], on_stop, d, &source);
	if (r < 0)
		return r;
	(void)signal(SIGPIPE, SIG_IGN);
	d->report.attacks = json_array();
	d->report.promise = promise_name(d->promise);
	layers_init(d->layers);
	host_report(&d->report, &d->layout);
	r = examine_boxes(d);
	if (r == 0)
		r = examine_worker(d);
	layers_report(d->layers, d->promise, &d->report);
	if (r == 0)
		platform_report(&d->report, d->layout.data);
	return r;
}

/* Hundreds of boxes take a few seconds; whoever waits at a terminal is told, for that long. */
static void say_to_wait(const struct doctor *d, bool begins)
{
	if (!d->json && isatty(STDERR_FILENO))
		fputs(begins ? "trying things out in boxes …" : "\r\033[K", stderr);
}

static int set_path(char dest[LAYOUT_PATH], const char *value)
{
	return snprintf(dest, LAYOUT_PATH, "%s", value) < LAYOUT_PATH ? 0 : -ENAMETOOLONG;
}

static int parse_options(int argc, char **argv, struct doctor *d)
{
	static const struct option known[] = {{"data", required_argument, NULL, 'd'},
		{"bin", required_argument, NULL, 'b'}, {"require", required_argument, NULL, 'r'},
		{"json", no_argument, NULL, 'j'}, {"verbose", no_argument, NULL, 'v'}, {0}};
	int c, r = 0;

	while (r == 0 && (c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 'd':
			r = set_path(d->layout.data, optarg);
			break;
		case 'b':
			r = set_path(d->layout.bin, optarg);
			break;
		case 'r':
			r = promise_parse(optarg, &d->promise) ? 0 : -EINVAL;
			break;
		case 'j':
			d->json = true;
			break;
		case 'v':
			d->verbose = true;
			break;
		default:
			r = -EINVAL;
		}
	}
	return r == 0 && optind < argc ? -EINVAL : r;
}

int cmd_doctor(int argc, char **argv)
{
	struct doctor d = {0};
	int r, status;

	layout_init(&d.layout);
	d.promise = d.layout.root ? PROMISE_FULL : PROMISE_USER;
	if (parse_options(argc, argv, &d) < 0) {
		fprintf(stderr, "vitrine doctor: see vitrine help; --require takes full or user\n");
		return EXIT_USAGE;
	}
	say_to_wait(&d, true);
	r = examine(&d);
	say_to_wait(&d, false);
	status = report_holds(&d.report) && r == 0 ? 0 : EXIT_BROKEN;
	if (stopped)
		status = EXIT_STOPPED + stopped;
	else if (r < 0)
		fprintf(stderr, "vitrine doctor: %s\n", strerror(-r));
	else if (d.json)
		report_print_json(&d.report, stdout);
	else
		report_print(&d.report, d.verbose, stdout);
	report_done(&d.report);
	d.loop = loop_free(d.loop);
	return status;
}
