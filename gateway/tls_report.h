/*
 * What vitrine-tls tells of itself over front.sock (proto/proxy.h): read to its end and passed on
 * to the orchestrator, which checks it.
 */
#pragma once

#include "gateway/gateway.h"

/* Takes over the connection, whose first bytes have been seen and not taken. */
void tls_report_take(struct gateway *g, int fd);
