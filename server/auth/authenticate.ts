import type { NextFunction, Request, RequestHandler, Response } from "express";
import { RowhouseError } from "../../lib/errors.ts";
import { scopeOf } from "../http/request-scope.ts";
import type { AccessTokens } from "./access-tokens.ts";
import { anonymous, type Session } from "./session.ts";

/** How a refusal is put to the client. */
export type Refuse = (res: Response, error: RowhouseError) => void;

/** The session of an Authorization header; anonymous without one. Throws UNAUTHENTICATED. */
export function sessionOfHeader(tokens: AccessTokens, header: string | undefined): Session {
  if (header === undefined) return anonymous;
  const token = /^bearer +(\S+) *$/i.exec(header)?.[1];
  if (token === undefined) {
    throw new RowhouseError("UNAUTHENTICATED", "The Authorization header must read: Bearer <access token>.");
  }
  return tokens.verify(token);
}

/** Finds out who sends a request, before anything else is done for it; a token that is not good ends it with 401. */
export function authenticate(tokens: AccessTokens, refuse: Refuse): RequestHandler {
  return (req: Request, res: Response, next: NextFunction) => {
    try {
      scopeOf(res).session = sessionOfHeader(tokens, req.headers.authorization);
    } catch (error) {
      if (!(error instanceof RowhouseError)) return next(error);
      res.setHeader("WWW-Authenticate", 'Bearer realm="rowhouse", error="invalid_token"');
      return refuse(res, error);
    }
    next();
  };
}
