import type { NextFunction, Request, RequestHandler, Response } from "express";
import { RowhouseError } from "../../lib/errors.ts";
import type { Refuse } from "../auth/authenticate.ts";
import type { Admission } from "../limits/admission.ts";
import { scopeOf } from "./request-scope.ts";

/** Counts requests by their address, before anything is done for them. */
export function admitAddress(admission: Admission, refuse: Refuse): RequestHandler {
  return admitting(refuse, async (res) => admission.address(scopeOf(res).client.ipAddress));
}

/** Counts requests by who is signed in. */
export function admitPrincipal(admission: Admission, refuse: Refuse): RequestHandler {
  return admitting(refuse, async (res) => admission.principal(scopeOf(res).session));
}

/** Counts the request as an operation of its tenant until it is answered. */
export function admitOperation(admission: Admission, refuse: Refuse): RequestHandler {
  return admitting(refuse, async (res) => {
    const end = await admission.operation(scopeOf(res).session, "operations");
    if (res.closed) end();
    else res.once("close", end);
  });
}

function admitting(refuse: Refuse, admit: (res: Response) => Promise<void>): RequestHandler {
  return (_req: Request, res: Response, next: NextFunction) => {
    admit(res).then(
      () => next(),
      (error: unknown) => (error instanceof RowhouseError ? refuse(res, error) : next(error)),
    );
  };
}
