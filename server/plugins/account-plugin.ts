import { extendSchema } from "postgraphile/utils";
import { RowhouseError } from "../../lib/errors.ts";
import { acceptInvitation } from "../auth/accept-invitation.ts";
import { currentSession } from "../http/request-scope.ts";
import { findUser } from "../auth/identity.ts";
import { confirmRegistration, register } from "../auth/register.ts";
import { requestPasswordReset, resetPassword } from "../auth/reset-password.ts";
import { beginTotp, confirmTotp, disableTotp } from "../auth/second-factor.ts";
import { accountTypes } from "./account-types.ts";
import { client, type Mutations, mutationPlans, signedInUser } from "./service-mutations.ts";
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
  beginTotp: async (services) => {
    const identity = await findUser(services.pool, signedInUser());
    if (identity === undefined) throw new RowhouseError("UNAUTHENTICATED", "The user of this token is gone.");
    return beginTotp(services, identity.user);
  },
  confirmTotp: async (services, { code }) => ({
    recoveryCodes: await confirmTotp(services, signedInUser(), code),
  }),
  disableTotp: async (services, input) => {
    await disableTotp(services, signedInUser(), input);
    return { isDisabled: true };
  },
} satisfies Mutations;

/** The mutations by which people come to have an account and keep it. */
export const AccountPlugin: GraphileConfig.Plugin = extendSchema({
  typeDefs: accountTypes,
  objects: { Mutation: { plans: mutationPlans(mutations) } },
} as any);
