import { gql } from "postgraphile/utils";

/** What the API says about how people come to have an account and keep it. */
export const accountTypes = gql`
  extend type Mutation {
    """
    Accepts an invitation and signs in to its tenant. Who is new gives a name and chooses a password; who has an account is signed in, or gives its password.
    """
    acceptInvitation(input: AcceptInvitationInput!): LoginPayload
    """
    Registers a tenant with its owner. A mail goes to the address; the answer is the same whether somebody has it already.
    """
    register(input: RegisterInput!): MailPayload
    """
    Finishes a registration with the token of the mail and the password that was chosen, and signs in to the new tenant.
    """
    confirmRegistration(input: ConfirmRegistrationInput!): LoginPayload
    """
    Has a link for a new password mailed to an address, if somebody has it; the answer is the same if nobody does.
    """
    requestPasswordReset(input: RequestPasswordResetInput!): MailPayload
    """
    Sets a new password with the token of the mail, and ends every session of its user.
    """
    resetPassword(input: ResetPasswordInput!): ResetPasswordPayload
    """
    Begins a second factor (TOTP): the secret for an authenticator app, shown once. It counts when it is confirmed.
    """
    beginTotp: BeginTotpPayload
    """
    Confirms the second factor with a code of the app: from now on "login" wants one.
    """
    confirmTotp(input: ConfirmTotpInput!): ConfirmTotpPayload
    """
    Removes the second factor.
    """
    disableTotp(input: DisableTotpInput!): DisableTotpPayload
  }

  """
  The secret of a second factor. It is shown this once.
  """
  type BeginTotpPayload {
    """
    To be typed into an authenticator app, in base 32.
    """
    secret: String!
    """
    To be shown as a QR code: an otpauth URI.
    """
    uri: String!
  }

  """
  The first code of the app.
  """
  input ConfirmTotpInput {
    code: String!
  }

  """
  A second factor that is asked for from now on.
  """
  type ConfirmTotpPayload {
    """
    Each logs in once in place of a code of the app. They are shown this once.
    """
    recoveryCodes: [String!]!
  }

  """
  Proof of both factors.
  """
  input DisableTotpInput {
    password: String!
    """
    Of the app, or a recovery code.
    """
    code: String!
  }

  """
  A second factor that is not asked for any more.
  """
  type DisableTotpPayload {
    """
    Always true; otherwise there is an error.
    """
    isDisabled: Boolean!
  }

  """
  A tenant to be, and its owner.
  """
  input RegisterInput {
    email: String!
    """
    At least 10 characters.
    """
    password: String!
    """
    Of the owner.
    """
    name: String!
    tenantName: String!
    """
    Short name for addresses and commands: a-z, 0-9 and -.
    """
    tenantSlug: String!
  }

  """
  A registration, and the proof that it is yours.
  """
  input ConfirmRegistrationInput {
    """
    From the link in the mail.
    """
    token: String!
    """
    The one that was chosen when registering.
    """
    password: String!
  }

  """
  Whose password was forgotten.
  """
  input RequestPasswordResetInput {
    email: String!
  }

  """
  The password to be.
  """
  input ResetPasswordInput {
    """
    From the link in the mail: it works once, for an hour.
    """
    token: String!
    """
    At least 10 characters.
    """
    newPassword: String!
  }

  """
  What happens next is in a mail.
  """
  type MailPayload {
    """
    Always true: what the mail says, only its reader knows.
    """
    isMailSent: Boolean!
  }

  """
  A password was set.
  """
  type ResetPasswordPayload {
    """
    Always true; otherwise there is an error.
    """
    isPasswordSet: Boolean!
  }

  """
  An invitation, and who accepts it.
  """
  input AcceptInvitationInput {
    """
    From the link in the mail.
    """
    token: String!
    """
    Of somebody who is new.
    """
    name: String
    """
    The password of the account with this address; who is new chooses one of at least 10 characters.
    """
    password: String
    """
    Of the second factor, if the account has one.
    """
    code: String
  }
`;
