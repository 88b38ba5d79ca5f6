#include "sandbox/steps/caps.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CAPS_MAX 64

#define LOCKED_BITS                                                                                \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |                           \
		SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |                          \
		SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

/* The kernel says EINVAL for the first number it does not know. */
static int drop_bounding(uint64_t kept)
{
	for (int cap = 0; cap < CAPS_MAX; cap++) {
		if (kept & CAPS_BIT(cap))
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return errno == EINVAL ? 0 : -errno;
	}
	return 0;
}

static int set_to(uint64_t kept)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[2] = {
		{.effective = (uint32_t)kept, .permitted = (uint32_t)kept},
		{.effective = (uint32_t)(kept >> 32), .permitted = (uint32_t)(kept >> 32)},
	};

	return syscall(SYS_capset, &head, sets) < 0 ? -errno : 0;
}

int caps_drop_all(void)
{
	int r = drop_bounding(0);

	if (r < 0)
		return r;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	if (prctl(PR_SET_SECUREBITS, LOCKED_BITS, 0, 0, 0) < 0)
		return -errno;
	return set_to(0);
}

int caps_keep(uint64_t kept)
{
	int r;

	/* A change of uid has left the effective set empty; the bounding set asks for SETPCAP. */
	(void)set_to(kept | CAPS_BIT(CAP_SETPCAP));
	r = drop_bounding(kept);
	if (r < 0 && r != -EPERM)
		return r;
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return set_to(kept);
}

static int get(struct __user_cap_data_struct ret[2])
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};

	return syscall(SYS_capget, &head, ret) < 0 ? -errno : 0;
}

bool caps_none(void)
{
	struct __user_cap_data_struct sets[2] = {0};

	return get(sets) == 0 && !sets[0].permitted && !sets[1].permitted;
}

bool caps_have(uint64_t wanted)
{
	struct __user_cap_data_struct sets[2] = {0};

	if (get(sets) < 0)
		return false;
	return (((uint64_t)sets[1].effective << 32 | sets[0].effective) & wanted) == wanted;
}
