/* The handlers that routes.c names, by the file they live in. */
#pragma once

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

struct request;
struct space;

/* people.c */
void handle_whoami(struct request *r);
void handle_login(struct request *r);
void handle_link_add(struct request *r);
void handle_link(struct request *r);
void handle_logout(struct request *r);
void handle_password(struct request *r);
void handle_token_list(struct request *r);
void handle_token_add(struct request *r);
void handle_token_delete(struct request *r);
void handle_user_list(struct request *r);
void handle_sign_up_mode(struct request *r);
void handle_sign_up(struct request *r);
void handle_invite(struct request *r);
void handle_user_overview(struct request *r);
/* The list in whoami-v2. */
json_t *organisations_of(struct request *r, const char *user_id);
void handle_organisation(struct request *r);
void handle_organisation_add(struct request *r);
void handle_organisation_delete(struct request *r);
void handle_member_list(struct request *r);
void handle_member_set(struct request *r);
void handle_member_remove(struct request *r);
void handle_user_add(struct request *r);

/* hub_list.c */
void handle_repo_list(struct request *r);
void handle_like(struct request *r);
void handle_unlike(struct request *r);
void handle_likers(struct request *r);

/* hub_repos.c */
void handle_repo_create(struct request *r);
void handle_repo_delete(struct request *r);
void handle_repo_restore(struct request *r);
void handle_repo_deleted(struct request *r);
void handle_repo_move(struct request *r);
void handle_repo_settings(struct request *r);
#define REPO_CREATE_MAX (16u << 20) /* bytes of a body, with the first files */

/* hub_duplicate.c */
void handle_repo_duplicate(struct request *r);
#define DUPLICATE_BODY_MAX (256u << 10) /* secrets and variables, as many as a Space may have */

/* previews.c */
void handle_preview_list(struct request *r);
void handle_preview_end(struct request *r);
void handle_promote(struct request *r);

/* hub_data.c */
void handle_data(struct request *r);
#define DATA_BODY_MAX (2u << 20) /* bytes of a body, with a value or a piece of a file */

/* spaces.c */
void answer_space(struct request *r, const struct space *space);
void handle_space_delete(struct request *r);
void handle_build_list(struct request *r);
void handle_rollback(struct request *r);

#define LIST_MAX 1000
struct err;
struct space;
/* What is known of a Space beside its repo's own fields; NULL with words. The caller's. */
json_t *space_describe(struct request *r, const struct space *space, struct err *e);
/* The newest Spaces whose name or title holds the text; NULL with words. The caller's. */
json_t *list_spaces(struct request *r, const char *search, int64_t limit, struct err *e);

/* hub_info.c */
struct hub_repo;
/* The fields of an info object that rows tell, for one repo or in a list. The caller's. */
json_t *hub_object(struct request *r, const struct hub_repo *repo);
void handle_info(struct request *r);
void handle_safetensors(struct request *r);

/* hub_read.c */
void handle_refs(struct request *r);
void handle_tree(struct request *r);
void handle_paths_info(struct request *r);
void handle_commits(struct request *r);
void handle_commit_get(struct request *r);
void handle_compare(struct request *r);
void handle_auth_check(struct request *r);
#define PATHS_BODY_MAX (1u << 20)

/* hub_file.c */
void handle_resolve(struct request *r);
void handle_raw(struct request *r);
void handle_site(struct request *r);

/* hub_space.c */
void handle_runtime(struct request *r);
void handle_hardware_list(struct request *r);
void handle_hardware(struct request *r);
void handle_sleep_time(struct request *r);
void handle_pause(struct request *r);
void handle_restart(struct request *r);
void handle_secret_list(struct request *r);
void handle_secret_set(struct request *r);
void handle_secret_remove(struct request *r);
void handle_secret_audit(struct request *r);
void handle_history(struct request *r);
void handle_audit(struct request *r);
void handle_audit_prune(struct request *r);
void handle_takedown(struct request *r);
void handle_takedown_lift(struct request *r);
void handle_takedown_list(struct request *r);
void handle_variable_list(struct request *r);
void handle_variable_set(struct request *r);
void handle_variable_remove(struct request *r);
/* The fields secrets, variables, hardware and sleepTimeSeconds of a Space that is being made.
 * -EINVAL with words that name the field. */
int hub_space_take_settings(struct request *r, const char *space_id, struct err *e);

/* status.c */
void handle_status(struct request *r);
void handle_top(struct request *r);

/* devices.c */
void handle_devices(struct request *r);
void handle_device_drain(struct request *r);
void handle_device_exclude(struct request *r);
void handle_device_return(struct request *r);

/* usage.c */
void handle_usage(struct request *r);

/* policy.c */
void handle_policy(struct request *r);
void handle_policy_history(struct request *r);
void handle_policy_plan(struct request *r);
void handle_policy_apply(struct request *r);
void handle_credit(struct request *r);
#define POLICY_BODY_MAX (512u << 10) /* the file as a JSON text */

/* metrics.c */
void handle_metrics(struct request *r);

/* sse.c */
void handle_run_logs(struct request *r);
void handle_build_logs(struct request *r);
void handle_events(struct request *r);
void handle_all_events(struct request *r);

/* git.c */
void handle_info_refs(struct request *r);
void handle_upload_pack(struct request *r);
void handle_receive_pack(struct request *r);
ssize_t take_receive_pack(struct request *r, const char *bytes, size_t n);
void finish_receive_pack(struct request *r);

struct hub_repo;
/* For large files, which come before their push: the repo of the path, made when there is none. 0;
 * otherwise answered. */
int request_repo_for_push(struct request *r, struct hub_repo *ret);

/* domains.c */
void handle_domain_list(struct request *r);
void handle_domain_add(struct request *r);
void handle_domain_remove(struct request *r);
void handle_all_domains(struct request *r);

/* hub_lfs.c */
#define LFS_BATCH_MAX 1000
#define LFS_BATCH_BYTES_MAX (256u * LFS_BATCH_MAX)
void handle_lfs_batch(struct request *r);
void handle_lfs_verify(struct request *r);
void handle_lfs_locks(struct request *r);

/* lfs_storage.c */
void handle_lfs_get(struct request *r);
void handle_lfs_put(struct request *r);
void handle_lfs_part(struct request *r);
void handle_lfs_complete(struct request *r);
ssize_t take_lfs_bytes(struct request *r, const char *bytes, size_t n);
void finish_lfs_put(struct request *r);
void finish_lfs_part(struct request *r);
/* hub_commit.c */
void handle_commit(struct request *r);
ssize_t take_commit(struct request *r, const char *bytes, size_t n);
void finish_commit(struct request *r);

/* hub_write.c */
void handle_branch_add(struct request *r);
void handle_branch_delete(struct request *r);
void handle_tag_add(struct request *r);
void handle_tag_delete(struct request *r);
void handle_preupload(struct request *r);
void handle_validate_yaml(struct request *r);
#define PREUPLOAD_BODY_MAX (4u << 20)
#define YAML_BODY_MAX (8u << 20) /* Python's client sends the whole README.md */

/* Bytes of a fetch's wants and haves, as http-backend has it. */
#define GIT_REQUEST_MAX (10u << 20)
