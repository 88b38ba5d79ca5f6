/*
 * Holes in the product, made on purpose: the linker's --wrap stands between two of its files. A
 * simulation that does not find one of them is not worth its time.
 */
#pragma once

/* Opens the hole of that name. -EINVAL: there is none. */
int leave_out(const char *what);
