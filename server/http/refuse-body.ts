import type { Request, Response } from "express";
import type { RowhouseError } from "../../lib/errors.ts";
import { sendError } from "./send-error.ts";

/** Answers with an error. What the client still sends is read and dropped for a while, or it would never see the answer. */
export function refuseBody(req: Request, res: Response, error: RowhouseError, status?: number): void {
  const { socket } = req;
  if (!req.complete && !socket.destroyed) {
    // Once it is answered, only the socket tells that the sender has gone.
    const patience = setTimeout(() => socket.destroy(), 10_000);
    const end = () => clearTimeout(patience);
    req.once("end", end);
    socket.once("close", end);
    req.unpipe();
    req.resume();
  }
  sendError(res, error, status);
}
