/*
 * What a hook and the orchestrator say to each other over the socket that git's hooks inherit as
 * fd 4. SOCK_SEQPACKET; the first byte of a packet says what it is. Holding the socket is the
 * push's identity: no path, no secret.
 *
 *	hook:          'H' name NUL quarantine NUL      which hook, and GIT_QUARANTINE_PATH or ""
 *	               'R' bytes                        of its standard input, in order
 *	               'E'                              the input has ended
 *	orchestrator:  'L' text                         print this line
 *	               'X' code                         one byte: exit with it
 */
#pragma once

#define HOOK_FD 4
#define HOOK_PACKET_MAX 32768
#define HOOK_INPUT_MAX (256 * 1024) /* all lines of one push: over 1500 refs */
