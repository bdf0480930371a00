import { extendSchema } from "postgraphile/utils";
import { acceptInvitation } from "../auth/accept-invitation.ts";
import { currentSession } from "../http/request-scope.ts";
import { accountTypes } from "./account-types.ts";
import { client, type Mutations, mutationPlans } from "./service-mutations.ts";
import { shownLogin } from "./shown-login.ts";

const mutations = {
  acceptInvitation: async (services, input) =>
    shownLogin(await acceptInvitation(services, currentSession().userId, input, client())),
} satisfies Mutations;

/** The mutations by which people come to have an account and keep it. */
export const AccountPlugin: GraphileConfig.Plugin = extendSchema({
  typeDefs: accountTypes,
  objects: { Mutation: { plans: mutationPlans(mutations) } },
} as any);
