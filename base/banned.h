/* Functions nobody may call: each has a bounded or honest replacement. Included by the compiler
 * command line, so that no file can forget it. System headers come first, or the poison would
 * break their own declarations. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#pragma GCC poison strcpy strcat sprintf vsprintf strtok atoi atol atof system usleep gets
