import type { NextFunction, Request, RequestHandler, Response } from "express";
import type { IncomingMessage } from "node:http";
import { RowhouseError } from "../../lib/errors.ts";
import { scopeOf } from "../http/request-scope.ts";
import type { Authenticator } from "./authenticator.ts";
import { anonymous, type Session } from "./session.ts";

/** How a refusal is put to the client. */
export type Refuse = (res: Response, error: RowhouseError) => void;

/** The token or key of an Authorization header. Throws UNAUTHENTICATED when it holds something else. */
export function credentialOfHeader(header: string): string {
  const credential = /^bearer +(\S+) *$/i.exec(header)?.[1];
  if (credential === undefined) {
    throw new RowhouseError(
      "UNAUTHENTICATED",
      "The Authorization header must read: Bearer <access token>, or Bearer <API key>.",
    );
  }
  return credential;
}

/** The one credential that a request was sent with, if any. Throws UNAUTHENTICATED when there are two. */
export function credentialOfRequest({ headersDistinct }: Pick<IncomingMessage, "headersDistinct">): string | undefined {
  const authorization = headersDistinct["authorization"] ?? [];
  const keys = headersDistinct["x-api-key"] ?? [];
  if (authorization.length + keys.length > 1) {
    throw new RowhouseError(
      "UNAUTHENTICATED",
      "The request has more than one credential. Send one Authorization header, or one X-Api-Key header.",
    );
  }
  if (authorization[0] !== undefined) return credentialOfHeader(authorization[0]);
  return keys[0]?.trim();
}

/** Finds out who sends a request, before anything else is done for it; a credential that is not good ends it with 401. */
export function authenticate(authenticator: Pick<Authenticator, "verify">, refuse: Refuse): RequestHandler {
  const sessionOf = async (req: Request, ipAddress: string | undefined): Promise<Session> => {
    const credential = credentialOfRequest(req);
    return credential === undefined ? anonymous : authenticator.verify(credential, ipAddress);
  };
  return (req: Request, res: Response, next: NextFunction) => {
    const scope = scopeOf(res);
    sessionOf(req, scope.client.ipAddress).then(
      (session) => {
        scope.session = session;
        next();
      },
      (error: unknown) => {
        if (!(error instanceof RowhouseError)) return next(error);
        if (error.code === "UNAUTHENTICATED")
          res.setHeader("WWW-Authenticate", 'Bearer realm="rowhouse", error="invalid_token"');
        refuse(res, error);
      },
    );
  };
}
