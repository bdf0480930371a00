import { extendSchema } from "postgraphile/utils";
import { acceptInvitation } from "../auth/accept-invitation.ts";
import { currentSession } from "../http/request-scope.ts";
import { confirmRegistration, register } from "../auth/register.ts";
import { requestPasswordReset, resetPassword } from "../auth/reset-password.ts";
import { accountTypes } from "./account-types.ts";
import { client, type Mutations, mutationPlans } from "./service-mutations.ts";
import { shownLogin } from "./shown-login.ts";

const mutations = {
  acceptInvitation: async (services, input) =>
    shownLogin(await acceptInvitation(services, currentSession().userId, input, client())),
  register: async (services, input) => {
    await register(services, input, client());
    return { isMailSent: true };
  },
  confirmRegistration: async (services, input) => shownLogin(await confirmRegistration(services, input, client())),
  requestPasswordReset: async (services, { email }) => {
    await requestPasswordReset(services, email, client());
    return { isMailSent: true };
  },
  resetPassword: async (services, input) => {
    await resetPassword(services.pool, input);
    await services.revocations.refresh();
    return { isPasswordSet: true };
  },
} satisfies Mutations;

/** The mutations by which people come to have an account and keep it. */
export const AccountPlugin: GraphileConfig.Plugin = extendSchema({
  typeDefs: accountTypes,
  objects: { Mutation: { plans: mutationPlans(mutations) } },
} as any);
