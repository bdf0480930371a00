import { expect, jest, test } from "@jest/globals";
import { GraphQLError, parse } from "graphql";
import { DatabaseError } from "pg";
import { RowhouseError } from "../../../lib/errors.ts";
import type { Log } from "../../../lib/log.ts";
import { presentError } from "../../../server/errors/present-error.ts";

const secret = 'password authentication failed for user "rowhouse_server" at db.internal:5432';

test("an error without a place in the document, as a failing context is wrapped, is masked and logged", () => {
  const error = jest.fn();
  const shown = presentError(new GraphQLError(secret), { error } as unknown as Log);
  expect(shown.message).not.toContain("password");
  expect(shown.extensions).toMatchObject({ code: "INTERNAL", requestId: expect.any(String) });
  expect(error).toHaveBeenCalledWith(
    expect.objectContaining({
      err: expect.objectContaining({ message: secret }),
      requestId: shown.extensions["requestId"],
    }),
    expect.any(String),
  );
});

test("plain errors, thrown values and unknown database errors are masked alike", () => {
  const unknown = new DatabaseError(secret, 0, "error");
  unknown.code = "28P01";
  for (const cause of [new Error(secret), unknown, secret, undefined, null, { message: secret }]) {
    const wrapped = cause instanceof Error ? new GraphQLError(secret, { originalError: cause, path: ["a"] }) : cause;
    for (const shown of [presentError(cause, undefined), presentError(wrapped, undefined)]) {
      expect(JSON.stringify(shown)).not.toContain("password");
      expect(shown.extensions["code"]).toBe("INTERNAL");
    }
  }
});

test("our own errors keep message, code, field and details, and their place in the answer", () => {
  const cause = new RowhouseError("LIMIT_EXCEEDED", "Too many.", { field: "first", details: { limit: 1, count: 2 } });
  const nodes = parse("{ a }").definitions;
  const shown = presentError(new GraphQLError("x", { originalError: cause, path: ["a", 0], nodes }), undefined);
  expect(shown).toMatchObject({ message: "Too many.", path: ["a", 0] });
  expect(shown.locations).toHaveLength(1);
  expect(shown.extensions).toMatchObject({ code: "LIMIT_EXCEEDED", field: "first", details: { limit: 1, count: 2 } });
});

test("errors that the database raises for us carry code, field and figures", () => {
  const cause = new DatabaseError("There is no job.", 0, "error");
  Object.assign(cause, { code: "RH002", column: "jobId", detail: '{"count":3}' });
  const shown = presentError(new GraphQLError("x", { originalError: cause, path: ["a"] }), undefined);
  expect(shown.message).toBe("There is no job.");
  expect(shown.extensions).toMatchObject({ code: "NOT_FOUND", field: "jobId", details: { count: 3 } });
});

test("an error that was presented stays as it is", () => {
  const shown = presentError(new Error("x"), undefined);
  expect(presentError(shown, undefined)).toBe(shown);
});
