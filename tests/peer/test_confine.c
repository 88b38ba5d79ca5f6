/*
 * What a service that strangers have taken over still can do: each profile is put on by the very
 * call that the service makes, with folders like its own, and then every line of the table is
 * tried by native code, each in a process of its own.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "sandbox/confine.h"
#include "sandbox/probe/attack.h"
#include "tests/support/test.h"

#define KILLED 1000     /* by SIGSYS; larger than any errno */
#define UNCONFINED 2000 /* confine_self failed */
#define DONE 0

/* --- the place: folders like those of a service, and what lies outside of them --- */

static struct {
	char root[64], data[96], repo[96], ui[96], models[96], outside[96];
	pid_t parent;
	int words;              /* our stderr */
	int listener, abstract; /* a peer's run/NAME.sock; the same without a file */
	int tcp;                /* a listening port of this machine */
	struct sockaddr_in port;
	int free_tcp; /* a socket that was inherited and leads nowhere yet */
	struct sockaddr_un path, name;
	socklen_t name_len;
} place;

static void write_file(const char *dir, const char *name, const char *words, mode_t mode)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	CHECK(fs_write_durable(AT_FDCWD, path, words, strlen(words), mode, NULL) == 0);
	CHECK(chmod(path, mode) == 0);
}

static int listen_at(const struct sockaddr_un *a, socklen_t len)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0 && bind(fd, (const struct sockaddr *)a, len) == 0 && listen(fd, 8) == 0);
	return fd;
}

static void make_sockets(void)
{
	socklen_t len = sizeof(place.port);

	place.path.sun_family = place.name.sun_family = AF_UNIX;
	(void)snprintf(
		place.path.sun_path, sizeof(place.path.sun_path), "%s/peer.sock", place.root);
	place.listener = listen_at(&place.path, sizeof(place.path));
	(void)snprintf(place.name.sun_path + 1, sizeof(place.name.sun_path) - 1, "vitrine-test-%d",
		getpid());
	place.name_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
				     strlen(place.name.sun_path + 1));
	place.abstract = listen_at(&place.name, place.name_len);

	place.port = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	place.tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(bind(place.tcp, (struct sockaddr *)&place.port, len) == 0);
	CHECK(listen(place.tcp, 8) == 0);
	CHECK(getsockname(place.tcp, (struct sockaddr *)&place.port, &len) == 0);
	place.free_tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static void make_place(void)
{
	static const char *const names[] = {"data", "data/repo", "ui", "models", "outside"};
	char *const dirs[] = {place.data, place.repo, place.ui, place.models, place.outside};

	(void)snprintf(place.root, sizeof(place.root), "/tmp/vitrine-confine-XXXXXX");
	CHECK(mkdtemp(place.root));
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		(void)snprintf(dirs[i], sizeof(place.data), "%s/%s", place.root, names[i]);
		CHECK(mkdir(dirs[i], 0755) == 0);
		write_file(dirs[i], "file", "words", 0644);
	}
	write_file(place.data, "program", "#!/bin/true\n", 0755);
	make_sockets();
	place.parent = getpid();
	place.words = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
}

static void remove_place(void)
{
	close(place.listener);
	close(place.abstract);
	close(place.tcp);
	close(place.free_tcp);
	close(place.words);
	CHECK(fs_remove_tree(place.root) == 0);
}

/* --- the profiles, with paths as each service's main.c gives them --- */

#define PATHS(...)                                                                                 \
	(const struct landlock_path[])                                                             \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}

static int put_on(enum confine_profile profile)
{
	struct err e = {0};
	int r;

	switch (profile) {
	case CONFINE_GATEWAY:
		r = confine_self(profile,
			PATHS({place.data, LANDLOCK_WRITE}, {place.ui, LANDLOCK_READ}), 2, &e);
		break;
	case CONFINE_ORCHESTRATOR:
		r = confine_self(profile,
			PATHS({place.data, LANDLOCK_WRITE}, {"/usr", LANDLOCK_EXECUTE},
				{"/bin", LANDLOCK_EXECUTE}, {"/lib", LANDLOCK_EXECUTE},
				{"/lib64", LANDLOCK_EXECUTE}),
			5, &e);
		break;
	case CONFINE_AGENT:
		r = confine_self(profile, PATHS({place.data, LANDLOCK_WRITE}), 1, &e);
		break;
	case CONFINE_TLS:
		r = confine_self(profile, PATHS({place.data, LANDLOCK_READ}), 1, &e);
		break;
	case CONFINE_GIT:
		if (put_on(CONFINE_ORCHESTRATOR) < 0)
			return -1;
		r = confine_further(profile,
			PATHS({place.repo, LANDLOCK_WRITE}, {"/usr", LANDLOCK_EXECUTE},
				{"/bin", LANDLOCK_EXECUTE}, {"/lib", LANDLOCK_EXECUTE},
				{"/lib64", LANDLOCK_EXECUTE}),
			5, &e);
		break;
	case CONFINE_FETCH:
		r = confine_self(
			profile, PATHS({"/etc", LANDLOCK_READ}, {NULL, LANDLOCK_CONNECT}), 2, &e);
		break;
	default:
		r = confine_self(CONFINE_LOADER, PATHS({place.models, LANDLOCK_READ}), 1, &e);
		if (r == 0 && profile == CONFINE_INFERENCE)
			r = confine_further(profile, NULL, 0, &e);
	}
	if (r < 0)
		(void)dprintf(place.words, "%s\n", e.text);
	return r;
}

/* --- attempts that are not in the worker's list --- */

static long done_or_errno(long r)
{
	return r < 0 ? -errno : DONE;
}

static long open_in(const char *dir, const char *name, int flags)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return done_or_errno(syscall(SYS_openat, AT_FDCWD, path, flags, 0600));
}

#define TRY(name, expression)                                                                      \
	static long try_##name(void)                                                               \
	{                                                                                          \
		return (expression);                                                               \
	}
#define TRY_CALL(name, ...) TRY(name, done_or_errno(syscall(__VA_ARGS__)))

static char *const nothing[] = {NULL};
static char words[16];

TRY(read_data, open_in(place.data, "file", O_RDONLY))
TRY(write_data, open_in(place.data, "new", O_WRONLY | O_CREAT))
TRY(write_repo, open_in(place.repo, "new", O_WRONLY | O_CREAT))
TRY(read_ui, open_in(place.ui, "file", O_RDONLY))
TRY(write_ui, open_in(place.ui, "file", O_WRONLY))
TRY(read_models, open_in(place.models, "file", O_RDONLY))
TRY(write_models, open_in(place.models, "file", O_WRONLY))
TRY(read_outside, open_in(place.outside, "file", O_RDONLY))
TRY(make_outside, open_in(place.outside, "new", O_WRONLY | O_CREAT))
TRY(leave_by_dots, open_in(place.data, "../outside/file", O_RDONLY))
TRY(read_passwd, open_in("/etc", "passwd", O_RDONLY))
TRY(read_proc, open_in("/proc/self", "environ", O_RDONLY))
TRY(read_parents_memory, open_in("/proc/1", "mem", O_RDONLY))
TRY(list_the_root, open_in("/", "", O_RDONLY | O_DIRECTORY))
TRY_CALL(make_outside_folder, SYS_mkdirat, AT_FDCWD, "/tmp/vitrine-confine-made", 0700)
TRY_CALL(start_true, SYS_execve, "/bin/true", nothing, nothing)
TRY_CALL(connect_path, SYS_connect, socket(AF_UNIX, SOCK_SEQPACKET, 0), &place.path,
	sizeof(place.path))
TRY_CALL(connect_abstract, SYS_connect, socket(AF_UNIX, SOCK_SEQPACKET, 0), &place.name,
	place.name_len)
TRY_CALL(connect_tcp, SYS_connect, place.free_tcp, &place.port, sizeof(place.port))
TRY_CALL(bind_tcp, SYS_bind, place.free_tcp, &place.port, sizeof(place.port))
TRY_CALL(listen_tcp, SYS_listen, place.free_tcp, 1)
TRY_CALL(socket_inet6, SYS_socket, AF_INET6, SOCK_STREAM, 0)
TRY_CALL(socket_raw, SYS_socket, AF_INET, SOCK_RAW, IPPROTO_ICMP)
TRY_CALL(socket_packet, SYS_socket, AF_PACKET, SOCK_RAW, 0)
TRY_CALL(socket_vsock, SYS_socket, AF_VSOCK, SOCK_STREAM, 0)
TRY_CALL(socket_alg, SYS_socket, AF_ALG, SOCK_SEQPACKET, 0)
TRY_CALL(signal_parent, SYS_kill, place.parent, 0)
TRY_CALL(new_user_namespace, SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)
TRY_CALL(raise_files, SYS_prlimit64, 0, RLIMIT_NOFILE, &(struct rlimit){9, 9}, NULL)
TRY_CALL(suid_file, SYS_fchmodat, AT_FDCWD, place.data, 04755)
TRY_CALL(writable_code, SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
TRY_CALL(attach_filter, SYS_setsockopt, place.listener, SOL_SOCKET, SO_ATTACH_FILTER, words, 16)
TRY_CALL(pass_through_a_pipe, SYS_splice, 0, 0, 1, 0, 1, 0)
TRY_CALL(watch_a_folder, SYS_inotify_init1, 0)

static long try_start_data(void)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/program", place.data);
	return done_or_errno(syscall(SYS_execve, path, nothing, nothing));
}

/* Between two folders below one's own: git moves what it was sent so. */
static long try_move_within(void)
{
	char from[160], dir[160], to[192];

	(void)snprintf(from, sizeof(from), "%s/file", place.data);
	(void)snprintf(dir, sizeof(dir), "%s/sub", place.data);
	(void)snprintf(to, sizeof(to), "%s/moved", dir);
	if (mkdir(dir, 0700) < 0 || rename(from, to) < 0 || rename(to, from) < 0 || rmdir(dir) < 0)
		return -errno;
	return DONE;
}

/* abort(3) ends the process in its own way and not by the filter. */
static long try_abort(void)
{
	abort();
}

/* --- the table --- */

static const struct {
	const char *name;
	enum confine_profile profile;
} profiles[] = {{"gateway", CONFINE_GATEWAY}, {"orchestrator", CONFINE_ORCHESTRATOR},
	{"agent", CONFINE_AGENT}, {"loader", CONFINE_LOADER}, {"inference", CONFINE_INFERENCE},
	{"git", CONFINE_GIT}, {"fetch", CONFINE_FETCH}, {"tls", CONFINE_TLS}};

#define PROFILES (sizeof(profiles) / sizeof(profiles[0]))

/*
 * Outcomes for the profiles in the order above: KILLED, DONE, or an errno.
 * since: the Landlock ABI from which the line holds; before, it is not enforced (DONE).
 */
static const struct line {
	const char *name;
	long (*run)(void); /* NULL: the worker's attack of that name */
	int want[PROFILES];
	int since;
} lines[] = {
/* clang-format off */
#define EACH(name, ...) {#name, try_##name, {__VA_ARGS__}, 0}
#define SINCE(abi, name, ...) {#name, try_##name, {__VA_ARGS__}, abi}
#define EACH_ATTACK(name, ...) {#name, NULL, {__VA_ARGS__}, 0}
#define ALL(name, what) {#name, NULL, {what, what, what, what, what, what, what, what}, 0}
#define ALL_TRY(name, what) {#name, try_##name, {what, what, what, what, what, what, what, what}, 0}
	/* clang-format on */
	/* What each is there for. */
	SINCE(2, read_data, DONE, DONE, DONE, EACCES, ENOENT, EACCES, EACCES, DONE),
	SINCE(2, write_data, DONE, DONE, DONE, EACCES, ENOENT, EACCES, EACCES, EACCES),
	SINCE(2, write_repo, DONE, DONE, DONE, EACCES, ENOENT, DONE, EACCES, EACCES),
	SINCE(2, read_ui, DONE, EACCES, EACCES, EACCES, ENOENT, EACCES, EACCES, EACCES),
	SINCE(2, read_models, EACCES, EACCES, EACCES, DONE, ENOENT, EACCES, EACCES, EACCES),
	EACH(connect_path, DONE, DONE, DONE, KILLED, KILLED, KILLED, EBADF, DONE),
	EACH(start_true, KILLED, DONE, KILLED, KILLED, KILLED, DONE, KILLED, KILLED),
	EACH(move_within, DONE, DONE, DONE, KILLED, KILLED, EACCES, KILLED, KILLED),
	/* Files of others. */
	SINCE(2, write_ui, EACCES, EACCES, EACCES, EACCES, ENOENT, EACCES, EACCES, EACCES),
	SINCE(2, write_models, EACCES, EACCES, EACCES, EACCES, ENOENT, EACCES, EACCES, EACCES),
	SINCE(2, read_outside, EACCES, EACCES, EACCES, EACCES, ENOENT, EACCES, EACCES, EACCES),
	SINCE(2, make_outside, EACCES, EACCES, EACCES, EACCES, ENOENT, EACCES, EACCES, EACCES),
	SINCE(2, leave_by_dots, EACCES, EACCES, EACCES, EACCES, ENOENT, EACCES, EACCES, EACCES),
	SINCE(2, read_passwd, EACCES, EACCES, EACCES, EACCES, ENOENT, EACCES, DONE, EACCES),
	SINCE(2, read_proc, EACCES, EACCES, EACCES, EACCES, ENOENT, EACCES, EACCES, EACCES),
	SINCE(2, read_parents_memory, EACCES, EACCES, EACCES, EACCES, ENOENT, EACCES, EACCES,
		EACCES),
	SINCE(2, list_the_root, EACCES, EACCES, EACCES, EACCES, ENOENT, EACCES, EACCES, EACCES),
	SINCE(2, make_outside_folder, EACCES, EACCES, EACCES, KILLED, KILLED, EACCES, KILLED,
		KILLED),
	ALL(openat2, ENOSYS),
	ALL(open_by_handle, KILLED),
	ALL(mknod, KILLED),
	ALL_TRY(suid_file, KILLED),
	ALL_TRY(watch_a_folder, KILLED),
	/* The network. */
	EACH_ATTACK(socket_inet, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, DONE, KILLED),
	EACH_ATTACK(socket_unix, DONE, DONE, DONE, KILLED, KILLED, EACCES, EACCES, DONE),
	EACH(socket_inet6, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, DONE, KILLED),
	ALL_TRY(socket_raw, KILLED),
	ALL_TRY(socket_packet, KILLED),
	ALL_TRY(socket_vsock, KILLED),
	ALL_TRY(socket_alg, KILLED),
	EACH_ATTACK(netlink_route, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, EACCES, KILLED),
	SINCE(4, connect_tcp, EACCES, EACCES, EACCES, KILLED, KILLED, KILLED, DONE, EACCES),
	ALL_TRY(bind_tcp, KILLED),
	ALL_TRY(listen_tcp, KILLED),
	SINCE(6, connect_abstract, EPERM, EPERM, EPERM, KILLED, KILLED, KILLED, EBADF, EPERM),
	ALL_TRY(attach_filter, KILLED),
	ALL(sendto_address, KILLED),
	ALL(sendmmsg, KILLED),
	/* Programs and processes. */
	EACH(start_data, KILLED, EACCES, KILLED, KILLED, KILLED, EACCES, KILLED, KILLED),
	ALL(execveat_other_fd, KILLED),
	SINCE(6, signal_parent, KILLED, EPERM, KILLED, KILLED, KILLED, EPERM, KILLED, KILLED),
	ALL(clone3, ENOSYS),
	ALL_TRY(new_user_namespace, KILLED),
	ALL(unshare_user, KILLED),
	ALL(setns, KILLED),
	ALL(ptrace, KILLED),
	ALL(process_vm_readv, KILLED),
	ALL(pidfd_getfd, KILLED),
	ALL(setuid_0, KILLED),
	ALL(setgroups, KILLED),
	ALL(capset, KILLED),
	ALL(become_dumpable, KILLED),
	ALL_TRY(raise_files, KILLED),
	ALL(sched_realtime, KILLED),
	/* Code. */
	ALL_TRY(writable_code, KILLED),
	ALL(mprotect_executable, KILLED),
	ALL(personality, KILLED),
	/* The kernel. */
	ALL(mount, KILLED),
	ALL(umount, KILLED),
	ALL(pivot_root, KILLED),
	ALL(chroot, KILLED),
	ALL(fsopen, KILLED),
	ALL(bpf, KILLED),
	ALL(perf_event_open, KILLED),
	ALL(userfaultfd, KILLED),
	ALL(io_uring_setup, KILLED),
	ALL(io_setup, KILLED),
	ALL(fanotify, KILLED),
	ALL(keyctl, KILLED),
	ALL(add_key, KILLED),
	ALL(shmget, KILLED),
	ALL(init_module, KILLED),
	ALL(reboot, KILLED),
	ALL(iopl, KILLED),
	ALL(modify_ldt, KILLED),
	ALL(sethostname, KILLED),
	ALL_TRY(pass_through_a_pipe, KILLED),
	ALL(vmsplice, KILLED),
	ALL(futex_lock_pi, KILLED),
	ALL(ioctl_tiocsti, KILLED),
	ALL(ioctl_fionread_high_bits, KILLED),
	ALL(seccomp_listener, KILLED),
	ALL(unknown_call, KILLED),
#ifdef __x86_64__
	ALL(i386_call, KILLED),
	ALL(x32_call, KILLED),
#endif
};

#define LINES (sizeof(lines) / sizeof(lines[0]))

static long run_line(const struct line *line)
{
	const struct attack *attack = line->run ? NULL : attack_find(line->name);
	long r;

	CHECK(line->run || attack);
	r = line->run ? line->run() : attack->run();
	return r >= 0 ? DONE : r;
}

/* What became of it: the result that it left, or how it ended. */
static int try_line(enum confine_profile profile, const struct line *line, volatile long *result)
{
	int status;
	pid_t pid;

	*result = -UNCONFINED;
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		/* Each says that it is root; once is enough to know. */
		CHECK(dup2(open("/dev/null", O_WRONLY), STDERR_FILENO) == STDERR_FILENO);
		if (put_on(profile) == 0) {
			*result = DONE; /* and so it stays where another program begins */
			*result = run_line(line);
		}
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGSYS ? KILLED : KILLED + WTERMSIG(status);
	return (int)-*result;
}

TEST(what_each_profile_lets_through_and_what_not)
{
	volatile long *result = mmap(
		NULL, sizeof(*result), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int abi = landlock_abi(), wrong = 0;

	make_place();
	for (size_t i = 0; i < LINES; i++)
		for (size_t p = 0; p < PROFILES; p++) {
			int want = lines[i].want[p];
			int got = try_line(profiles[p].profile, &lines[i], result);

			if (abi < lines[i].since && (want == EACCES || want == EPERM)) {
				printf("  not enforced with Landlock ABI %d: %s\n", abi,
					lines[i].name);
				continue;
			}
			if (got == want)
				continue;
			fprintf(stderr, "%s: %s: %d, expected %d\n", profiles[p].name,
				lines[i].name, got, want);
			wrong++;
		}
	(void)rmdir("/tmp/vitrine-confine-made");
	remove_place();
	CHECK(wrong == 0);
}

/* A crash of its own is still told from a forbidden call. */
TEST(abort_is_sigabrt_and_not_sigsys)
{
	static const struct line line = {"abort", try_abort, {0}, 0};
	volatile long *result = mmap(
		NULL, sizeof(*result), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	make_place();
	for (int p = CONFINE_GATEWAY; p <= CONFINE_FETCH; p++)
		CHECK(try_line(p, &line, result) == KILLED + SIGABRT);
	remove_place();
}

static void read_status(pid_t pid, char text[4096])
{
	char path[64];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, text, 4095);
	close(fd);
	CHECK(n > 0);
	text[n] = '\0';
}

/* As tests/e2e/confine.test.mjs asks of the running services. */
TEST(the_kernel_says_that_it_is_confined)
{
	int ready[2], stop[2], status;
	char text[4096], c;
	pid_t pid;

	make_place();
	CHECK(pipe(ready) == 0 && pipe(stop) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		close(stop[1]);
		if (put_on(CONFINE_INFERENCE) == 0 && write(ready[1], "x", 1) == 1)
			(void)!read(stop[0], &c, 1);
		_exit(0);
	}
	close(ready[1]);
	CHECK(read(ready[0], &c, 1) == 1);
	read_status(pid, text);
	CHECK(strstr(text, "Seccomp:\t2") && strstr(text, "Seccomp_filters:\t2"));
	CHECK(strstr(text, "NoNewPrivs:\t1"));
	CHECK(strstr(text, "CapEff:\t0000000000000000"));
	CHECK(strstr(text, "CapPrm:\t0000000000000000"));
	close(stop[1]);
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
	remove_place();
}

TEST_MAIN()
