// Spaces as their authors have them: a folder under git, pushed with the real program.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { runProgram } from "./process.mjs";

const environment = {
  PATH: process.env.PATH,
  HOME: "/nonexistent",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_TERMINAL_PROMPT: "0",
  GIT_AUTHOR_NAME: "Ada",
  GIT_AUTHOR_EMAIL: "ada@example.org",
  GIT_COMMITTER_NAME: "Ada",
  GIT_COMMITTER_EMAIL: "ada@example.org",
  no_proxy: "*",
};

export const frontMatter = (more = "") => `---\ntitle: Test\nsdk: lua\napp_file: app.lua\n${more}---\n# Test\n`;

export class Repo {
  /** space: "owner/name". The token is the password, as git asks for one. */
  constructor(platform, space, { token = platform.token, user = "admin" } = {}) {
    this.dir = mkdtempSync(join(tmpdir(), "vitrine-repo-"));
    this.platform = platform;
    this.space = space;
    this.env = { ...environment };
    const url = new URL(`${platform.url}/spaces/${space}`);

    if (token) {
      url.username = user;
      url.password = token;
    }
    this.url = url.href;
  }

  git(args, options = {}) {
    return runProgram("git", args, { cwd: this.dir, env: this.env, ...options });
  }

  async must(args, options) {
    const result = await this.git(args, options);

    if (result.code !== 0) throw new Error(`git ${args[0]}: ${result.output}`);
    return result.output;
  }

  write(files) {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(this.dir, path)), { recursive: true });
      writeFileSync(join(this.dir, path), content);
    }
  }

  /** Writes the files (README.md is made up when there is none yet) and commits everything. */
  async commit(files, message = "change") {
    if (!this.started) {
      await this.must(["init", "-q", "-b", "main"]);
      if (!files["README.md"]) this.write({ "README.md": frontMatter() });
      this.started = true;
    }
    this.write(files);
    await this.must(["add", "-A"]);
    await this.must(["commit", "-q", "--allow-empty", "-m", message]);
    return (await this.must(["rev-parse", "HEAD"])).trim();
  }

  push(...args) {
    return this.git(["push", this.url, ...(args.length ? args : ["main"])]);
  }

  /** commit and push; fails unless the push does what is expected of it. */
  async deploy(files, message) {
    await this.commit(files, message);
    const result = await this.push();

    if (result.code !== 0) throw new Error(`push refused:\n${result.output}`);
    return result.output;
  }

  remove() {
    rmSync(this.dir, { recursive: true, force: true });
  }
}
