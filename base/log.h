/*
 * Lines for the operator, on stderr: "level program key=value … message".
 *
 * Programs log, libraries return; whoever stops an error logs it, once. A confined process writes
 * to the pipe it inherited as fd 2.
 */
#pragma once

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Names the program for every later line. Debug lines show when VITRINE_DEBUG is set. */
void log_init(const char *program);

/* One line; longer than 1 KiB is cut. fmt carries key=value pairs first, then the words. */
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
