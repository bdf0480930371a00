import { context, sideEffect } from "postgraphile/grafast";
import { RowhouseError } from "../../lib/errors.ts";
import type { Session } from "../auth/session.ts";
import type { ClientInfo } from "../auth/sessions.ts";
import { currentRequest, currentSession } from "../http/request-scope.ts";
import type { Services } from "../services.ts";

/** Mutations that are functions of the server, by name: each gets the services and its `input`. */
export type Mutations = Readonly<Record<string, (services: Services, input: any) => Promise<unknown>>>;

/** The plans of such mutations. */
export function mutationPlans(mutations: Mutations): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(mutations).map(([name, resolve]) => [
      name,
      (_: unknown, { $input }: any) =>
        sideEffect($input ? [context().get("services"), $input] : ([context().get("services")] as any), ((
          given: [Services, unknown],
        ) => resolve(...given)) as any),
    ]),
  );
}

/** Where this request comes from. */
export const client = (): ClientInfo => currentRequest()?.client ?? {};

/** The session of this request; throws UNAUTHENTICATED when there is none. */
export function signedIn(): Session {
  const session = currentSession();
  if (session.role === undefined) throw new RowhouseError("UNAUTHENTICATED", "Nobody is signed in. Log in first.");
  return session;
}

/** The person of this request; programs and the system are none. */
export function signedInUser(): string {
  const { userId } = signedIn();
  if (userId === undefined) throw new RowhouseError("FORBIDDEN", "Only a person can do this. Log in as a user.");
  return userId;
}

/** Ends sessions, and sees to it that this process knows at once. */
export async function ending(services: Services, work: () => Promise<number>): Promise<{ endedCount: number }> {
  const endedCount = await work();
  await services.revocations.refresh();
  return { endedCount };
}
