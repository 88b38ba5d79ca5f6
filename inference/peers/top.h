/*
 * What the device does now, for whom, and what waits and why: one object, told to the orchestrator
 * every other second (models.TOP), for its administrators. It names Spaces and payers.
 */
#pragma once

struct service;

void top_tell(struct service *s);
