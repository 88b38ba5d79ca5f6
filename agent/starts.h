/*
 * Starts that wait, first come, first served within a class: for a bundle, for a Space's settings,
 * for a sealed box. Takes them (node_take_job), asks for what is missing, and gives boxes their
 * apps.
 */
#pragma once

#include "agent/node.h"

/* Gives every blank box that somebody waits for its app. */
void starts_serve(struct node *n);

/* Those that wait for this bundle fail with these words; NULL: all. */
void starts_fail(struct node *n, const char *bundle, const char *why);

/* Asks the orchestrator for what this one lacks. Returns whether it lacks anything. */
bool starts_ask(struct node *n, const struct job *j);

/* Timer; data: the node. */
void starts_ask_again(void *data);
