import assert from "node:assert/strict";
import { test } from "node:test";
import { accountWords, cutWords } from "@ui/pages/admin/accounts_model";

test("an account is said as who it is and what for, and the platform's own as nobody's", () => {
  assert.deepEqual(accountWords("user:ada"), ["ada", "signed in"]);
  assert.deepEqual(accountWords("owner:lab"), ["lab", "Spaces by themselves"]);
  assert.deepEqual(accountWords("network:0123456789abcdef"), ["network 01234567", "a network, not signed in"]);
  assert.deepEqual(accountWords("platform"), ["the platform", "read again after giving way: nobody pays"]);
});

test("a list as long as lists get says that it may be cut", () => {
  assert.equal(cutWords(99), "");
  assert.equal(cutWords(100), "The 100 that have used most.");
});
